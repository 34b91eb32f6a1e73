package engine

import (
	"slices"

	"github.com/rhizome-ml/rhizome/program"
	"github.com/rhizome-ml/rhizome/wire"
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
}

// timers is a heap ordered by (time, sequence).
type timers struct{ heap []timer }

func (t *timer) before(u *timer) bool {
	return t.at < u.at || t.at == u.at && t.seq < u.seq
}

func (h *timers) push(t timer) {
	h.heap = append(h.heap, t)
	h.up(len(h.heap) - 1)
}

func (h *timers) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !h.heap[i].before(&h.heap[p]) {
			return
		}
		h.heap[i], h.heap[p] = h.heap[p], h.heap[i]
		i = p
	}
}

func (h *timers) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(h.heap) {
			return
		}
		if c+1 < len(h.heap) && h.heap[c+1].before(&h.heap[c]) {
			c++
		}
		if !h.heap[c].before(&h.heap[i]) {
			return
		}
		h.heap[i], h.heap[c] = h.heap[c], h.heap[i]
		i = c
	}
}

// due removes and returns the first timer that matured at now.
func (h *timers) due(now int64) (timer, bool) {
	if len(h.heap) == 0 || h.heap[0].at > now {
		return timer{}, false
	}
	t := h.heap[0]
	last := len(h.heap) - 1
	h.heap[0] = h.heap[last]
	h.heap[last] = timer{}
	h.heap = h.heap[:last]
	h.down(0)
	return t, true
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

// removeIf removes the timers that match and says whether there were any.
func (h *timers) removeIf(match func(*timer) bool) bool {
	n := len(h.heap)
	h.heap = slices.DeleteFunc(h.heap, func(t timer) bool { return match(&t) })
	if len(h.heap) == n {
		return false
	}
	for i := len(h.heap)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
	return true
}

// sorted returns the timers in the order in which they will mature.
func (h *timers) sorted() []timer {
	s := slices.Clone(h.heap)
	slices.SortFunc(s, func(a, b timer) int {
		if a.before(&b) {
			return -1
		}
		return 1
	})
	return s
}

// arm adds a timer that matures delay ns from now; it returns false, and counts, when too many are armed.
func (e *Engine) arm(t timer, delay int64) bool {
	return e.armAt(t, e.st.now+max(delay, 0))
}

func (e *Engine) armAt(t timer, at int64) bool {
	if len(e.st.timers.heap) >= e.limits.Timers {
		e.count("timers.refused")
		return false
	}
	t.at, t.seq = at, e.st.nextTimer
	e.st.nextTimer++
	e.st.timers.push(t)
	if e.track != nil {
		e.track.armed = append(e.track.armed, t)
	}
	return true
}

// disarm takes a timer back and says whether it was armed.
func (e *Engine) disarm(kind timerKind, exec uint64, op int32, token uint64) bool {
	return e.disarmIf(func(t *timer) bool {
		return t.kind == kind && t.exec == exec && t.op == op && t.token == token
	})
}
