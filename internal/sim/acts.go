package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// fault counts a fault and tells of it.
func (l *lane) fault(f Fault, n *Node, what string) {
	if l.log != nil {
		l.log.ops = append(l.log.ops, op{kind: opFault, flight: flight{fault: f}})
		return
	}
	l.w.counts[f]++
	if l.w.opt.OnTrace != nil {
		l.trace(n, "fault", f.String()+": "+what)
	}
}

// Note counts a fault that the owner of the world has done to a node, and tells of it.
func (w *World) Note(f Fault, n *Node, what string) { w.fault(f, n, what) }

// Split parts the nodes for a time: no packet passes between those of the side and the others; with oneWay, only
// packets from the side are lost.
func (w *World) Split(side []*Node, oneWay bool, d time.Duration) {
	p := &partition{side: make([]bool, len(w.nodes)), oneWay: oneWay}
	for _, n := range side {
		p.side[n.id] = true
	}
	w.net.parts = append(w.net.parts, p)
	w.At(time.Duration(w.now)+d, func() {
		for i, q := range w.net.parts {
			if q == p {
				w.net.parts = append(w.net.parts[:i], w.net.parts[i+1:]...)
				return
			}
		}
	})
}

// ClogLink holds back all packets from one node to another for a time; then they arrive at once.
func (w *World) ClogLink(from, to *Node, d time.Duration) {
	w.fault(Clog, from, fmt.Sprintf("its packets to %s are held back for %v", to.Name, d))
	k := pairOf(from.id, to.id)
	w.net.clogs[k] = max(w.net.clogs[k], w.now+int64(d))
}

// SwizzleLinks clogs the links of some nodes one after another, and frees them in another order.
func (w *World) SwizzleLinks(nodes []*Node, c *Chance, d time.Duration) {
	for _, n := range nodes {
		w.fault(Swizzle, n, "its links are clogged one by one and freed in another order")
		from := c.Between(0, d/2)
		to := c.Between(d/2, d)
		w.At(time.Duration(w.now)+from, func() {
			for _, o := range w.nodes {
				for _, k := range []uint64{pairOf(n.id, o.id), pairOf(o.id, n.id)} {
					w.net.clogs[k] = max(w.net.clogs[k], w.now+int64(to-from))
				}
			}
		})
	}
}

// SetNetwork changes how links behave from now on; what is on its way is not touched.
func (w *World) SetNetwork(n Network) { w.net.Network = n }

// JumpClock moves a node's wall clock, forward or back. The node sees it when it starts the next time, or not at all:
// engine time follows the monotonic clock, and never goes back.
func (w *World) JumpClock(n *Node, d time.Duration) {
	f := ClockForward
	if d < 0 {
		f = ClockBack
	}
	w.fault(f, n, fmt.Sprintf("its wall clock jumps by %v", d))
	n.clock.jumped += int64(d)
}

// SetClockRate makes a node's clocks go faster or slower from now on, in 1024ths of the true rate (256 to 4096).
func (w *World) SetClockRate(n *Node, rate int) {
	if rate != rateOne {
		w.fault(SlowClock, n, fmt.Sprintf("its clock goes at %d/1024 of the true rate", rate))
	}
	n.clock.setRate(w.now, int64(min(max(rate, 256), 4096)))
	if n.drv != nil {
		n.wakeAt = 0
		w.arm(n)
	}
}

// armed is a fault that is to strike the next chance it gets.
type armed struct {
	f     Fault
	until int64
}

// The bounds of how much later than usual a late result comes.
const lateMin, lateMax = 5 * time.Second, 60 * time.Second

// StrikeWork makes the next command of a node that is run within d fail in a way: WorkError, WorkPanic, WorkLate or
// WorkNever.
func (w *World) StrikeWork(n *Node, f Fault, d time.Duration) {
	n.armed = append(n.armed, armed{f, w.now + int64(d)})
}

// strike takes out the first armed fault of those kinds that has not run out.
func (n *Node) strike(now int64, kinds ...Fault) (Fault, bool) {
	for i, a := range n.armed {
		for _, f := range kinds {
			if a.f == f {
				n.armed = append(n.armed[:i], n.armed[i+1:]...)
				return f, now < a.until
			}
		}
	}
	return 0, false
}

// fateOf draws what becomes of a node's next command.
func (l *lane) fateOf(n *Node) workFate {
	if len(n.armed) == 0 {
		return workSound
	}
	f, ok := n.strike(l.now, WorkError, WorkPanic, WorkLate, WorkNever)
	if !ok {
		return workSound
	}
	l.fault(f, n, "a command of a worker")
	return map[Fault]workFate{WorkError: workError, WorkPanic: workPanic, WorkLate: workLate, WorkNever: workNever}[f]
}

// SlowDisk makes the next sync of a node take longer by d.
func (w *World) SlowDisk(n *Node, d time.Duration) {
	n.armed = append(n.armed, armed{SlowSync, w.now + int64(d)})
}

// syncTime returns how long a sync takes that begins now.
func (l *lane) syncTime(n *Node) int64 {
	t := l.w.opt.Disk.Sync.draw(&n.chance)
	for i, a := range n.armed {
		if a.f == SlowSync {
			n.armed = append(n.armed[:i], n.armed[i+1:]...)
			l.fault(SlowSync, n, "a sync is slow")
			return t + max(0, a.until-l.now)
		}
	}
	return t
}

// DiskFaultIn has a fault meet the running node at the k-th operation of its disk from now, or the first later one that
// it can meet: DiskFull, which ends after d, ErrorOnce, ErrorForever, which ends when the node is started again, or
// ShortWrite. The node stops, and comes back from what is durable.
func (w *World) DiskFaultIn(n *Node, f Fault, k int, d time.Duration) {
	if n.fs == nil {
		return
	}
	if w.opt.OnTrace != nil {
		w.trace(n, "fault", fmt.Sprintf("%v: the %d. operation of its disk will meet it", f, k))
	}
	n.fs.StrikeAt(n.fs.Ops()+max(k, 1), vfs.Fault(slices.Index(ofDisk[:], f)))
	if f == DiskFull {
		w.At(time.Duration(w.now)+d, func() { n.fs.Free() })
	}
}

// Network returns how links behave now.
func (w *World) Network() Network { return w.net.Network }

// CrashHalf cuts the power of every second node at once, beginning with the first or the second.
func (w *World) CrashHalf(first int) {
	for i, n := range w.Nodes() {
		if (i+first)%2 == 0 && n.nd != nil {
			w.PowerOff(n)
			w.counts[MassCrash]++
		}
	}
}

// Heal ends what was done to the nodes and links: packets pass, clocks go right, disks do what they are told, paused
// processes go on, and every process that waits for a worker which will never answer is started again. What was lost
// stays lost.
func (w *World) Heal() {
	w.net.parts = nil
	clear(w.net.clogs)
	w.heals++
	for _, n := range w.Nodes() {
		if n.twin != nil {
			w.part(n, n.twin)
		}
	}
	for _, n := range w.nodes {
		n.armed = nil
		if n.fs != nil {
			n.fs.CrashAt(0)
			n.fs.Calm()
		}
		if n.clock.rate != rateOne {
			w.SetClockRate(n, rateOne)
		}
		if w.resume(n) && n.nd != nil {
			w.soon(n)
		}
		if n.silent > 0 && n.nd != nil {
			w.down(n, false)
			w.comeBack(n)
		}
	}
}
