package sim

import "hash/crc32"

// Network is how the links between nodes behave when nothing acts upon them. The zero value is a perfect network: no
// time, no loss, everything in order.
type Network struct {
	Latency        Latency
	BytesPerSecond int64 // of one sender; 0 is no bound

	// Probabilities, each for every packet.
	Loss, Duplicate, Reorder, Corrupt, Truncate, Replay float64

	// Unordered lets packets of a pair overtake each other as their latencies fall; otherwise only those that Reorder
	// picks do.
	Unordered bool
}

// replayKept is how many old packets are kept for Replay.
const replayKept = 64

// network is the state of all links.
type network struct {
	Network
	seed    uint64
	last    map[uint64]int64 // by pair: arrival of the latest packet that keeps the order
	parts   []*partition
	clogs   map[uint64]int64 // by pair: until when packets are held
	history []packet         // for Replay: a ring
	histAt  int
}

// packet is one that was sent.
type packet struct {
	from, to int32
	raw      []byte
}

func pairOf(from, to int32) uint64 { return uint64(uint32(from))<<32 | uint64(uint32(to)) }

// partition keeps packets between two sides from arriving.
type partition struct {
	side   []bool // by node
	oneWay bool   // only from the side to the others
}

// blocks says whether a packet cannot pass.
func (n *network) blocks(from, to int32) (Fault, bool) {
	for _, p := range n.parts {
		a, b := p.has(from), p.has(to)
		if a == b || p.oneWay && !a {
			continue
		}
		if p.oneWay {
			return Asymmetric, true
		}
		return Partition, true
	}
	return 0, false
}

func (p *partition) has(node int32) bool { return int(node) < len(p.side) && p.side[node] }

var frameTable = crc32.MakeTable(crc32.Castagnoli)

// flight is a packet as it leaves its node, with what chance has for it.
type flight struct {
	raw    []byte
	after  int64  // its latency
	where  uint64 // in it or behind it something goes wrong
	to     int32
	fate   uint8 // what goes wrong, as bits
	fault  Fault // of one that is stopped
	halted bool  // a partition stops it
}

// What goes wrong with a packet.
const (
	isLost = 1 << iota
	isTwice
	isBehind
	isCorrupt
	isCut
	isOld // an old packet comes again
)

// send puts a packet on its way. All chance is the sender's own, so that what happens to its packets does not depend on
// what others send.
func (l *lane) send(n *Node, to int32, raw []byte) {
	f := flight{raw: raw, to: to}
	net, c := &l.w.net, &n.chance
	if f.fault, f.halted = net.blocks(n.id, to); !f.halted {
		f.after = net.Latency.draw(c)
		if net.Faulty() {
			f.mishaps(net, c)
		}
	}
	if l.log != nil {
		l.log.ops = append(l.log.ops, op{kind: opSend, flight: f})
		return
	}
	l.w.fly(n, &f)
}

// mishaps draws what happens to a packet. Every packet takes the same draws, so that one rate does not shift another's.
func (f *flight) mishaps(net *network, c *Chance) {
	for i, p := range [...]float64{net.Loss, net.Duplicate, net.Reorder, net.Corrupt, net.Truncate, net.Replay} {
		if c.Hit(p) {
			f.fate |= 1 << i
		}
	}
	f.where = c.Uint64()
}

// fly has the network take a packet.
func (w *World) fly(n *Node, f *flight) {
	net := &w.net
	raw := f.raw
	if w.opt.Mutate != nil {
		raw = w.opt.Mutate(n, w.nodes[f.to], raw)
	}
	if w.opt.OnOutput != nil {
		w.opt.OnOutput(n, raw)
	}
	w.Sent++
	w.SentBytes += uint64(len(raw))
	if f.halted {
		w.fault(f.fault, n, "lost a packet to "+w.nodes[f.to].Name)
		return
	}
	at := w.now + f.after
	if net.BytesPerSecond > 0 {
		n.lineFree = max(n.lineFree, w.now) + int64(len(raw))*1e9/net.BytesPerSecond
		at += n.lineFree - w.now
	}
	if net.Faulty() && w.mishap(n, f, raw, at) {
		return
	}
	if !net.Unordered {
		at = net.inOrder(n.id, f.to, at, w.now)
	}
	w.arrive(n.id, f.to, raw, at)
}

// Faulty says whether packets are lost, changed, or come twice or in another order.
func (n *Network) Faulty() bool {
	return n.Loss+n.Duplicate+n.Reorder+n.Corrupt+n.Truncate+n.Replay > 0
}

// mishap has happen to a packet what was drawn; it says whether the packet does not go its usual way.
func (w *World) mishap(n *Node, f *flight, raw []byte, at int64) bool {
	net, where := &w.net, f.where
	spread := net.Latency.spread() + 1e6
	if net.Replay > 0 {
		if f.fate&isOld != 0 && len(net.history) > 0 {
			p := net.history[where%uint64(len(net.history))]
			w.fault(Replay, w.nodes[p.from], "an old packet comes again")
			w.arrive(p.from, p.to, p.raw, at+int64(where%uint64(8*spread)))
		}
		net.remember(packet{n.id, f.to, raw})
	}
	switch {
	case f.fate&isLost != 0:
		w.fault(Loss, n, "lost a packet to "+w.nodes[f.to].Name)
		return true
	case f.fate&isCorrupt != 0 && len(raw) > 0:
		bad := append([]byte(nil), raw...)
		bad[where%uint64(len(bad))] ^= 1 << (where >> 32 & 7)
		return w.damaged(Corrupt, n, raw, bad)
	case f.fate&isCut != 0 && len(raw) > 0:
		return w.damaged(Truncate, n, raw, raw[:where%uint64(len(raw))])
	}
	if f.fate&isTwice != 0 {
		w.fault(Duplicate, n, "a packet arrives twice")
		w.arrive(n.id, f.to, raw, at+int64(where>>20%uint64(2*spread)))
	}
	if f.fate&isBehind != 0 {
		w.fault(Reorder, n, "a packet falls behind")
		w.arrive(n.id, f.to, raw, at+int64(where>>8%uint64(2*spread)))
		return true // it is on its way, out of order
	}
	return false
}

// damaged holds a damaged frame against its checksum, as a receiving transport does; it says that the packet is lost.
func (w *World) damaged(f Fault, n *Node, raw, bad []byte) bool {
	w.fault(f, n, "a packet is damaged on its way")
	if len(bad) == len(raw) && crc32.Checksum(bad, frameTable) == crc32.Checksum(raw, frameTable) {
		w.violate("network", "the checksum of a frame missed its damage")
	}
	return true
}

// remember keeps a packet for Replay.
func (n *network) remember(p packet) {
	if len(n.history) < replayKept {
		n.history = append(n.history, p)
		return
	}
	n.history[n.histAt] = p
	n.histAt = (n.histAt + 1) % replayKept
}

// inOrder returns the arrival of a packet behind those of its pair that were sent before.
func (n *network) inOrder(from, to int32, at, now int64) int64 {
	k := pairOf(from, to)
	if until := n.clogs[k]; until > at {
		at = until
	}
	if last := n.last[k]; last > at {
		at = last
	}
	if len(n.last) > 1<<16 {
		for k, last := range n.last {
			if last <= now {
				delete(n.last, k) // it holds nothing back any more
			}
		}
	}
	n.last[k] = at
	return at
}

// arrive sets the arrival of a packet.
func (w *World) arrive(from, to int32, raw []byte, at int64) {
	w.queue.push(at, event{kind: evArrive, node: to, from: from, raw: raw})
	w.InFlight++
	w.InFlightMost = max(w.InFlightMost, w.InFlight)
}
