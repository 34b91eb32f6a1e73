package dataflow

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

type timerKind uint32

const (
	timerSleep      timerKind = iota + 1 // exec, op: a Sleep is over
	timerRetry                           // exec, op: try again
	timerInterval                        // fn: the next tick; token: its number
	timerFrame                           // exec: the activation's deadline
	timerDeadlineOp                      // exec, op: a Deadline expired
	timerComponent                       // component, token: ctx.Arm
	timerRequest                         // peer, token: nobody answered (epoch in exec)
	timerArrival                         // token: what waits for a loan serves nobody any more
)

// timer is an armed timer; ties in time are FIFO by seq.
type timer struct {
	at        int64
	seq       uint64
	kind      timerKind
	exec      uint64
	op        int32
	component int32
	token     uint64
	peer      wire.PeerID
	fn        program.FuncID

	// Derived: its place in the heap, and its neighbours among the timers of the same owner.
	place      int32
	prev, next *timer
}

// timers is a heap ordered by (time, sequence). A timer is found by its owner, not by a look at all of them: those of
// activations are listed there, those of questions and components here once there are many.
type timers struct {
	heap   []*timer
	owners map[timerOwner]*timer // the first timer of each owner; nil while there are few
}

// timerOwner is what a timer of a question or a component is taken back by.
type timerOwner struct {
	kind      timerKind
	component int32
	peer      wire.PeerID
	epoch     uint64
	token     uint64
}

// timersFew is how many timers are searched without an index.
const timersFew = 32

func (t *timer) before(u *timer) bool {
	return t.at < u.at || t.at == u.at && t.seq < u.seq
}

// owned returns by what the timer is taken back, and false for one of an activation or an interval.
func (t *timer) owned() (timerOwner, bool) {
	switch t.kind {
	case timerArrival:
		return timerOwner{kind: t.kind, token: t.token}, true
	case timerRequest:
		return timerOwner{kind: t.kind, peer: t.peer, epoch: t.exec, token: t.token}, true
	case timerComponent:
		return timerOwner{kind: t.kind, component: t.component, token: t.token}, true
	}
	return timerOwner{}, false
}

// ofFrame says whether the timer is listed by its activation.
func (t *timer) ofFrame() bool { return t.onOp() || t.kind == timerFrame }

func (h *timers) push(t *timer) {
	h.heap = append(h.heap, t)
	h.up(len(h.heap) - 1)
	switch {
	case h.owners != nil:
		h.own(t)
	case len(h.heap) > timersFew:
		h.owners = map[timerOwner]*timer{}
		for _, t := range h.heap {
			h.own(t)
		}
	}
}

// own puts a timer at the beginning of its owner's list.
func (h *timers) own(t *timer) {
	o, ok := t.owned()
	if !ok {
		return
	}
	t.link(h.owners[o])
	h.owners[o] = t
}

// link puts a timer before the first one of a list.
func (t *timer) link(first *timer) {
	if t.prev, t.next = nil, first; first != nil {
		first.prev = t
	}
}

// unlink takes a timer out of the list whose first one is given, and returns what is the first then.
func (t *timer) unlink(first *timer) *timer {
	if t.next != nil {
		t.next.prev = t.prev
	}
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		first = t.next
	}
	t.prev, t.next = nil, nil
	return first
}

func (h *timers) up(i int) {
	t := h.heap[i]
	for i > 0 {
		p := (i - 1) / 2
		if !t.before(h.heap[p]) {
			break
		}
		h.set(i, h.heap[p])
		i = p
	}
	h.set(i, t)
}

func (h *timers) down(i int) {
	t := h.heap[i]
	for {
		c := 2*i + 1
		if c >= len(h.heap) {
			break
		}
		if c+1 < len(h.heap) && h.heap[c+1].before(h.heap[c]) {
			c++
		}
		if !h.heap[c].before(t) {
			break
		}
		h.set(i, h.heap[c])
		i = c
	}
	h.set(i, t)
}

func (h *timers) set(i int, t *timer) {
	h.heap[i], t.place = t, int32(i)
}

// remove takes a timer out of the heap, and out of its owner's list where that is here.
func (h *timers) remove(t *timer) {
	i, last := int(t.place), len(h.heap)-1
	moved := h.heap[last]
	h.heap[last] = nil
	if h.heap = h.heap[:last]; i < last {
		h.set(i, moved)
		h.up(i)
		h.down(int(moved.place))
	}
	if h.owners == nil {
		return
	}
	if o, ok := t.owned(); ok {
		if first := t.unlink(h.owners[o]); first != nil {
			h.owners[o] = first
		} else {
			delete(h.owners, o)
		}
	}
}

// find returns a timer of an owner, or nil.
func (h *timers) find(o timerOwner) *timer {
	if h.owners != nil {
		return h.owners[o]
	}
	for _, t := range h.heap {
		if of, ok := t.owned(); ok && of == o {
			return t
		}
	}
	return nil
}

// first returns the timer that matures first, or nil.
func (h *timers) first() *timer {
	if len(h.heap) == 0 {
		return nil
	}
	return h.heap[0]
}

// matured says whether a timer is due at now.
func (h *timers) matured(now int64) bool { return len(h.heap) > 0 && h.heap[0].at <= now }

// next returns the time of the first timer, or 0 when none is armed.
func (h *timers) next() int64 {
	if len(h.heap) == 0 {
		return 0
	}
	return h.heap[0].at
}

// sorted returns the timers in the order in which they will mature.
func (h *timers) sorted() []*timer {
	s := slices.Clone(h.heap)
	slices.SortFunc(s, func(a, b *timer) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	return s
}

// setTimer adds a timer to the heap, and to the list of its activation.
func (s *State) setTimer(t *timer) {
	s.timers.push(t)
	if t.ofFrame() {
		if f := s.frames.get(t.exec); f != nil {
			t.link(f.timers)
			f.timers = t
		}
	}
}

// dropTimer takes a timer out of both.
func (s *State) dropTimer(t *timer) {
	s.timers.remove(t)
	if t.ofFrame() {
		if f := s.frames.get(t.exec); f != nil {
			f.timers = t.unlink(f.timers)
		}
	}
}

// arm adds a timer that matures delay ns from now; it returns false, and counts, when too many are armed.
func (m *Machine) arm(t timer, delay int64) bool {
	return m.armAt(t, m.After(m.st.now, max(delay, 0)))
}

// After returns the time that lies d after another, and the end of time where that would overflow.
func (m *Machine) After(at, d int64) int64 {
	if m.Behaves(3) && at > math.MaxInt64-d {
		return math.MaxInt64
	}
	return at + d
}

func (m *Machine) armAt(t timer, at int64) bool {
	if len(m.st.timers.heap) >= m.limits.Timers {
		m.Count("timers.refused")
		return false
	}
	t.at, t.seq = at, m.st.nextTimer
	m.st.nextTimer++
	own := m.sc.timer()
	*own = t
	m.st.setTimer(own)
	if m.track != nil {
		m.track.armed = append(m.track.armed, t)
	}
	return true
}

// disarm takes a timer back that is armed.
func (m *Machine) disarm(t *timer) {
	m.st.dropTimer(t)
	m.disarmed(t.seq)
	m.sc.freeTimer(t)
}

// disarmAll takes the timers of an owner back and says whether there were any.
func (m *Machine) disarmAll(o timerOwner) (any bool) {
	for t := m.st.timers.find(o); t != nil; t = m.st.timers.find(o) {
		m.disarm(t)
		any = true
	}
	return any
}

// disarmOf takes a timer of an activation back and says whether it was armed.
func (m *Machine) disarmOf(f *Frame, kind timerKind, op int32) bool {
	for t := f.timers; t != nil; t = t.next {
		if t.kind == kind && (kind == timerFrame || t.op == op) {
			m.disarm(t)
			return true
		}
	}
	return false
}
