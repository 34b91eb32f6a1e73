package dataflow

import (
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// PollTimers lets the timers mature that are due, in order of time and then of arming. One that is armed meanwhile for
// now or earlier waits for the next Poll, and so does what is beyond as many as ops may run: a Poll ends in time
// however many mature together.
func (m *Machine) PollTimers() {
	last := m.st.nextTimer
	for left := m.limits.OpsPerPoll; left > 0 || !m.Behaves(3); left-- {
		t := m.st.timers.first()
		if t == nil || t.at > m.st.now || t.seq >= last {
			return
		}
		m.st.dropTimer(t)
		m.disarmed(t.seq)
		m.mature(t)
		m.sc.freeTimer(t)
	}
}

func (m *Machine) mature(t *timer) {
	f := m.st.frames.get(t.exec)
	switch t.kind {
	case timerSleep:
		o := &f.Func.Ops[t.op]
		m.Trace(traceTimer, f, t.op, "")
		m.Fill(f, o.Out[0], f.Slots[o.In[0]])
		m.release(f)
	case timerRetry:
		m.Trace(traceTimer, f, t.op, "retry")
		m.enqueue(ready{f, f.Exec, t.op})
	case timerDeadlineOp:
		m.Trace(traceTimer, f, t.op, "expired")
		m.Fill(f, f.Func.Ops[t.op].Out[1], value.Trigger{})
		m.release(f)
	case timerFrame:
		m.Count("deadline.passed")
		m.kill(f, value.Fail(value.CodeDeadline, f.Func.Name, "the activation's deadline passed"))
	case timerInterval:
		m.tick(t)
	case timerComponent:
		m.outside.Alarm(t.component, t.token)
	case timerRequest:
		m.outside.Expire(t.peer, wire.Request{Epoch: t.exec, ID: t.token})
	case timerArrival:
		m.outside.Lapse(t.token)
	}
}

// tick starts an activation of an interval and arms the next tick. Ticks that were missed are counted, not made up for.
func (m *Machine) tick(t *timer) {
	fn := &m.prog.Funcs[t.fn]
	next := m.After(t.at, fn.Period)
	if next <= m.st.now {
		missed := (m.st.now - t.at) / fn.Period
		next = m.After(t.at+missed*fn.Period, fn.Period)
		m.Count("interval.missed")
	}
	m.armAt(timer{kind: timerInterval, fn: t.fn, token: t.token + 1}, next)
	if m.st.frames.len() >= m.limits.Frames {
		m.Drop("interval.dropped", "too many activations are alive")
		return
	}
	inputs := m.Inputs(1)
	inputs[0] = value.Int(t.token)
	m.Open(fn, inputs)
	clear(inputs)
}
