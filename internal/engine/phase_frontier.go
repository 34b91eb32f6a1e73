package engine

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// pollFrontier runs ready ops in order until none is left or the op budget of this Poll is used up.
func (e *Engine) pollFrontier() {
	for e.st.frontier.len() > 0 && e.st.opsLeft > 0 {
		r := e.st.frontier.pop()
		if r.f.exec != r.exec {
			e.broken("an op of an activation that has ended is ready")
		}
		e.st.opsLeft--
		e.run(r.f, r.op)
		if e.afterOp != nil {
			e.afterOp()
		}
	}
}

// run runs one op whose inputs are there, and gives back the op's share of its activation's life unless it waits.
func (e *Engine) run(f *frame, op int32) {
	if int(op) == len(f.fn.Ops) { // a body without ops, or one that waited to answer, is at its end
		e.release(f)
		return
	}
	o := &f.fn.Ops[op]
	if e.tracing {
		e.trace(traceRun, f, op, "")
	}
	if !o.Counting() && o.Code != program.OpCatch {
		for _, s := range o.In {
			if s == program.None {
				continue
			}
			if v, bad := f.slots[s].(*value.Failure); bad {
				e.pass(f, o, v)
				e.release(f)
				return
			}
		}
	}
	// The most frequent op stands here, apart from the table: it moves a reference.
	if o.Code == program.OpPassThrough {
		e.fill(f, o.Out[0], f.slots[o.In[0]])
		e.release(f)
		return
	}
	if e.step(f, op, o) == done {
		e.release(f)
	}
}

// outcome says whether an op has run or waits; an op that waits keeps its share of the activation's life.
type outcome bool

const (
	done    outcome = true
	waiting outcome = false
)

// step runs an op by its code. The cases are grouped as in the catalogue, a file for each group.
func (e *Engine) step(f *frame, op int32, o *program.Op) outcome {
	switch o.Code {
	case program.OpTee, program.OpConstant, program.OpGate, program.OpThreshold, program.OpAny, program.OpAnyOnce,
		program.OpBundle, program.OpUnbundle, program.OpFail, program.OpCatch, program.OpEncode, program.OpDecode:
		return e.stepFlow(f, op, o)
	case program.OpSleep, program.OpDeadline:
		return e.stepTime(f, op, o)
	case program.OpLimit, program.OpRelease, program.OpQueuePut, program.OpQueueTake, program.OpHoldPut, program.OpHoldTake:
		return e.stepWait(f, op, o)
	case program.OpIf, program.OpLoop, program.OpCall:
		return e.stepCall(f, op, o)
	case program.OpClock, program.OpRandom, program.OpCorrelate, program.OpCount, program.OpRecord, program.OpPublish, program.OpAppEmit:
		return e.stepHost(f, op, o)
	case program.OpSend, program.OpRequest, program.OpReply:
		return e.stepWire(f, op, o)
	case program.OpComponent:
		return e.stepComponent(f, op, o)
	}
	return e.stepPeer(f, op, o)
}

// pass hands a failure on to everything that depends on the op.
func (e *Engine) pass(f *frame, o *program.Op, v *value.Failure) {
	for _, s := range o.Out {
		if f.slots[s] == nil {
			e.fill(f, s, v)
		}
	}
}

// fail makes an op fail: it is tried again if its policy allows, else its failure goes to everything that depends on it
// and is remembered for the activation's end. It returns waiting when the op will be tried again.
func (e *Engine) fail(f *frame, op int32, o *program.Op, v *value.Failure) outcome {
	if v.Where == "" {
		v = value.Fail(v.Code, o.Name, v.Message)
	}
	v = e.clean(v)
	if e.again(f, op, o) {
		e.trace(traceRetry, f, op, v.Error())
		return waiting
	}
	e.touch(f)
	e.trace(traceFail, f, op, v.Error())
	e.count("op.failed")
	e.remember(f, v)
	e.pass(f, o, v)
	return done
}

// remember keeps a failure for the end of the activation, and says whether it is another than those that are kept. What says the same is
// the same, because a restored failure is another object with the same content; so there are no more of them than ops and inputs.
func (e *Engine) remember(f *frame, v *value.Failure) bool {
	switch {
	case f.failure == nil:
		f.failure = v
	case !e.rules(3): // by earlier rules the first was all
		return false
	case *f.failure == *v || slices.ContainsFunc(f.more, func(x *value.Failure) bool { return *x == *v }):
		return false
	default:
		f.more = append(f.more, v)
	}
	e.touch(f)
	return true
}

// handled forgets a failure that the program has seen.
func (e *Engine) handled(f *frame, v *value.Failure) {
	if f.failure == nil {
		return
	}
	all := append([]*value.Failure{f.failure}, f.more...)
	i := slices.IndexFunc(all, func(x *value.Failure) bool { return *x == *v })
	if i < 0 {
		return
	}
	e.touch(f)
	all = slices.Delete(all, i, i+1)
	if f.failure, f.more = nil, nil; len(all) > 0 {
		f.failure, f.more = all[0], all[1:]
	}
}

// again arms the next try of an op that failed, if its retry policy has one left.
func (e *Engine) again(f *frame, op int32, o *program.Op) bool {
	if o.Retry.Attempts <= 1 {
		return false
	}
	e.touch(f)
	k := -1
	for i := range f.attempts {
		if f.attempts[i].op == op {
			k = i
		}
	}
	if k < 0 {
		f.attempts = append(f.attempts, attempt{op: op})
		k = len(f.attempts) - 1
	}
	f.attempts[k].tries++
	tries := f.attempts[k].tries
	if tries >= o.Retry.Attempts {
		return false
	}
	e.count("op.retried")
	return e.arm(timer{kind: timerRetry, exec: f.exec, op: op}, e.backoff(o.Retry.Backoff, min(tries-1, 20)))
}

// backoff returns a wait that was doubled so often, and the longest that there is where that would overflow.
func (e *Engine) backoff(base int64, doubled int32) int64 {
	if e.rules(3) && base > math.MaxInt64>>doubled {
		return math.MaxInt64
	}
	return base << doubled
}

// reportFailure tells the host of a failure that nothing in the program handled.
func (e *Engine) reportFailure(v *value.Failure) {
	e.count("activation.failed")
	if len(e.st.appEvents) >= e.limits.AppEvents {
		e.drop("app.overflow", v.Error())
		return
	}
	e.emitApp(FailureEvent, v)
}

// FailureEvent is the name of the app event that reports a failure that nothing in the program handled.
const FailureEvent = "rhizome.failure"
