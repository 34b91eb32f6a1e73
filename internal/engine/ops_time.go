package engine

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepTime runs the ops that wait for the clock.
func (e *Engine) stepTime(f *frame, op int32, o *program.Op) outcome {
	t := timer{kind: timerSleep, exec: f.exec, op: op}
	if o.Code == program.OpDeadline {
		// Armed by the activation's start. The value may be there already: then nothing is armed.
		if v := f.slots[o.In[0]]; v != nil {
			e.fill(f, o.Out[0], v)
			return done
		}
		t.kind = timerDeadlineOp
	}
	if !e.arm(t, o.Delay) {
		return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many timers are armed"))
	}
	return waiting
}
