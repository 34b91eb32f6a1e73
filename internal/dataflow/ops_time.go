package dataflow

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepTime runs the ops that wait for the clock.
func (m *Machine) stepTime(f *Frame, op int32, o *program.Op) Outcome {
	t := timer{kind: timerSleep, exec: f.Exec, op: op}
	if o.Code == program.OpDeadline {
		// Armed by the activation's start. The value may be there already: then nothing is armed.
		if v := f.Slots[o.In[0]]; v != nil {
			m.Fill(f, o.Out[0], v)
			return Done
		}
		t.kind = timerDeadlineOp
	}
	if !m.arm(t, o.Delay) {
		return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many timers are armed"))
	}
	return waiting
}
