package dataflow

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// PollFrontier runs ready ops in order until none is left or the op budget of this Poll is used up.
func (m *Machine) PollFrontier() {
	for m.st.frontier.len() > 0 && m.st.opsLeft > 0 {
		r := m.st.frontier.pop()
		if r.f.Exec != r.exec {
			m.Broken("an op of an activation that has ended is ready")
		}
		m.st.opsLeft--
		m.run(r.f, r.op)
		if m.afterOp != nil {
			m.afterOp()
		}
	}
}

// run runs one op whose inputs are there, and gives back the op's share of its activation's life unless it waits.
func (m *Machine) run(f *Frame, op int32) {
	if int(op) == len(f.Func.Ops) { // a body without ops, or one that waited to answer, is at its end
		m.release(f)
		return
	}
	o := &f.Func.Ops[op]
	if m.tracing {
		m.Trace(traceRun, f, op, "")
	}
	if !o.Counting() && o.Code != program.OpCatch {
		for _, s := range o.In {
			if s == program.None {
				continue
			}
			if v, bad := f.Slots[s].(*value.Failure); bad {
				m.pass(f, o, v)
				m.release(f)
				return
			}
		}
	}
	// The most frequent op stands here, apart from the table: it moves a reference.
	if o.Code == program.OpPassThrough {
		m.Fill(f, o.Out[0], f.Slots[o.In[0]])
		m.spend(f, o)
		m.release(f)
		return
	}
	end := m.step(f, op, o)
	m.spend(f, o)
	if end == Done {
		m.release(f)
	}
}

// Outcome says whether an op has run or waits; an op that waits keeps its share of the activation's life.
type Outcome bool

const (
	Done    Outcome = true
	waiting Outcome = false
)

// step runs an op by its code. The cases are grouped as in the catalogue, a file for each group.
func (m *Machine) step(f *Frame, op int32, o *program.Op) Outcome {
	switch o.Code {
	case program.OpTee, program.OpConstant, program.OpGate, program.OpThreshold, program.OpAny, program.OpAnyOnce,
		program.OpBundle, program.OpUnbundle, program.OpFail, program.OpCatch, program.OpEncode, program.OpDecode:
		return m.stepFlow(f, op, o)
	case program.OpSleep, program.OpDeadline:
		return m.stepTime(f, op, o)
	case program.OpLimit, program.OpRelease, program.OpQueuePut, program.OpQueueTake, program.OpHoldPut,
		program.OpHoldTake:
		return m.stepWait(f, op, o)
	case program.OpIf, program.OpLoop, program.OpCall:
		return m.stepCall(f, op, o)
	case program.OpClock, program.OpRandom, program.OpCount, program.OpRecord, program.OpPublish, program.OpAppEmit:
		return m.stepHost(f, op, o)
	case program.OpComponent:
		return m.stepComponent(f, op, o)
	}
	return m.outside.Step(f, op, o)
}

// pass hands a failure on to everything that depends on the op.
func (m *Machine) pass(f *Frame, o *program.Op, v *value.Failure) {
	for _, s := range o.Out {
		if f.Slots[s] == nil {
			m.Fill(f, s, v)
		}
	}
}

// Fail makes an op fail: it is tried again if its policy allows, else its failure goes to everything that depends on it
// and is remembered for the activation's end. It returns waiting when the op will be tried again.
func (m *Machine) Fail(f *Frame, op int32, o *program.Op, v *value.Failure) Outcome {
	if v.Where == "" {
		v = value.Fail(v.Code, o.Name, v.Message)
	}
	v = m.clean(v)
	if m.again(f, op, o) {
		m.Trace(traceRetry, f, op, v.Error())
		return waiting
	}
	m.touch(f)
	m.Trace(traceFail, f, op, v.Error())
	m.Count("op.failed")
	m.remember(f, v)
	m.pass(f, o, v)
	return Done
}

// remember keeps a failure for the end of the activation, and says whether it is another than those that are kept. What
// says the same is the same, because a restored failure is another object with the same content; so there are no more
// of them than ops and inputs.
func (m *Machine) remember(f *Frame, v *value.Failure) bool {
	switch {
	case f.Failure == nil:
		f.Failure = v
	case !m.Behaves(3): // by earlier rules the first was all
		return false
	case *f.Failure == *v || slices.ContainsFunc(f.more, func(x *value.Failure) bool { return *x == *v }):
		return false
	default:
		f.more = append(f.more, v)
	}
	m.touch(f)
	return true
}

// handled forgets a failure that the program has seen.
func (m *Machine) handled(f *Frame, v *value.Failure) {
	if f.Failure == nil {
		return
	}
	all := append([]*value.Failure{f.Failure}, f.more...)
	i := slices.IndexFunc(all, func(x *value.Failure) bool { return *x == *v })
	if i < 0 {
		return
	}
	m.touch(f)
	all = slices.Delete(all, i, i+1)
	if f.Failure, f.more = nil, nil; len(all) > 0 {
		f.Failure, f.more = all[0], all[1:]
	}
}

// again arms the next try of an op that failed, if its retry policy has one left.
func (m *Machine) again(f *Frame, op int32, o *program.Op) bool {
	if o.Retry.Attempts <= 1 {
		return false
	}
	m.touch(f)
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
	m.Count("op.retried")
	return m.arm(timer{kind: timerRetry, exec: f.Exec, op: op}, m.backoff(o.Retry.Backoff, min(tries-1, 20)))
}

// backoff returns a wait that was doubled so often, and the longest that there is where that would overflow.
func (m *Machine) backoff(base int64, doubled int32) int64 {
	if m.Behaves(3) && base > math.MaxInt64>>doubled {
		return math.MaxInt64
	}
	return base << doubled
}

// ReportFailure tells the host of a failure that nothing in the program handled.
func (m *Machine) ReportFailure(v *value.Failure) {
	m.Count("activation.failed")
	if len(m.st.appEvents) >= m.limits.AppEvents {
		m.Drop("app.overflow", v.Error())
		return
	}
	m.EmitApp(FailureEvent, v)
}

// FailureEvent is the name of the app event that reports a failure that nothing in the program handled.
const FailureEvent = "rhizome.failure"
