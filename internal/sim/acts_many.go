package sim

// CrashAll cuts the power of many nodes at the same instant.
func (w *World) CrashAll(nodes []*Node) {
	for _, n := range nodes {
		if n.nd != nil {
			w.PowerOff(n)
			w.counts[MassCrash]++
		}
	}
}

// SetMutate sets what may change a packet as it leaves its node; nil for nothing. It is called before the world runs.
func (w *World) SetMutate(f func(n, to *Node, raw []byte) []byte) { w.opt.Mutate = f }

// Durable says whether the node has a disk.
func (n *Node) Durable() bool { return n.durable }
