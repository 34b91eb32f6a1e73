package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// pollTimers lets the timers mature that are due, in order of time and then of arming. One that is armed meanwhile for
// now or earlier waits for the next Poll, and so does what is beyond as many as ops may run: a Poll ends in time however many mature
// together.
func (e *Engine) pollTimers() {
	last := e.st.nextTimer
	for left := e.limits.OpsPerPoll; left > 0 || !e.rules(3); left-- {
		t := e.st.timers.first()
		if t == nil || t.at > e.st.now || t.seq >= last {
			return
		}
		e.st.dropTimer(t)
		e.disarmed(t.seq)
		e.mature(t)
		e.sc.freeTimer(t)
	}
}

func (e *Engine) mature(t *timer) {
	f := e.st.frames.get(t.exec)
	switch t.kind {
	case timerSleep:
		o := &f.fn.Ops[t.op]
		e.trace(traceTimer, f, t.op, "")
		e.fill(f, o.Out[0], f.slots[o.In[0]])
		e.release(f)
	case timerRetry:
		e.trace(traceTimer, f, t.op, "retry")
		e.enqueue(ready{f, f.exec, t.op})
	case timerDeadlineOp:
		e.trace(traceTimer, f, t.op, "expired")
		e.fill(f, f.fn.Ops[t.op].Out[1], value.Trigger{})
		e.release(f)
	case timerFrame:
		e.count("deadline.passed")
		e.kill(f, value.Fail(value.CodeDeadline, f.fn.Name, "the activation's deadline passed"))
	case timerInterval:
		e.tick(t)
	case timerComponent:
		e.alarm(t)
	case timerRequest:
		e.expire(t)
	case timerArrival:
		e.count("deadline.passed")
		e.endArrivals(func(a *arrival) bool { return a.id == t.token })
	}
}

// tick starts an activation of an interval and arms the next tick. Ticks that were missed are counted, not made up for.
func (e *Engine) tick(t *timer) {
	fn := &e.prog.Funcs[t.fn]
	next := e.after(t.at, fn.Period)
	if next <= e.st.now {
		missed := (e.st.now - t.at) / fn.Period
		next = e.after(t.at+missed*fn.Period, fn.Period)
		e.count("interval.missed")
	}
	e.armAt(timer{kind: timerInterval, fn: t.fn, token: t.token + 1}, next)
	if e.st.frames.len() >= e.limits.Frames {
		e.drop("interval.dropped", "too many activations are alive")
		return
	}
	inputs := e.inputs(1)
	inputs[0] = value.Int(t.token)
	e.open(fn, inputs)
	clear(inputs)
}

func (e *Engine) alarm(t *timer) {
	a, ok := e.comps[t.component].(Alarmed)
	if !ok {
		e.drop("alarm.unheard", e.prog.Components[t.component].Name)
		return
	}
	ctx := e.enter(t.component, nil, -1)
	err := a.Alarm(ctx, t.token)
	e.leave()
	if err != nil {
		e.count("alarm.failed")
		e.trace(traceError, nil, -1, e.prog.Components[t.component].Name+": "+err.Error())
	}
}

// expire gives up on a question that nobody answered: the activation of its answer starts with failures.
func (e *Engine) expire(t *timer) {
	req := wire.Request{Epoch: t.exec, ID: t.token}
	q, ok := e.st.requests.Answered(t.peer, req)
	if !ok {
		return
	}
	e.count("request.expired")
	e.answerEnded(t.peer, req)
	e.wakeParked(parkOutbox, "")
	edge := &e.prog.Edges[e.prog.Edges[q.Edge].Reply]
	e.unanswered(q.Edge, t.peer, q.Context, value.Fail(value.CodeDeadline, string(t.peer), fmt.Sprintf("no answer on edge %s in time", edge.Name)))
}
