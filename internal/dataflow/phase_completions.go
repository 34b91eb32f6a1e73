package dataflow

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/value"
)

// PollCompletions applies the results that arrived, in order of arrival. A result for a command that is not pending is
// a second one, or its activation has ended: it is counted and has no effect.
func (m *Machine) PollCompletions() {
	for len(m.st.completions) > 0 {
		c := m.st.completions[0]
		m.st.completions[0] = completion{}
		m.st.completions = m.st.completions[1:]
		p, ok := m.st.pending[c.command]
		if !ok {
			m.Drop("completion.unknown", fmt.Sprintf("command %d", c.command))
			continue
		}
		m.took(p)
		m.wakeParked(parkCommand, "")
		if f := m.st.frames.get(p.exec); f != nil {
			m.apply(f, p, &c)
		}
	}
}

func (m *Machine) apply(f *Frame, p *pending, c *completion) {
	o := &f.Func.Ops[p.op]
	m.Trace(traceComplete, f, p.op, "")
	if c.failure != nil {
		if m.Fail(f, p.op, o, c.failure) == Done {
			m.release(f)
		}
		return
	}
	out := make([]value.Value, len(c.results))
	for i := range out {
		out[i] = c.results[i].Value
	}
	out, err := m.outside.Complete(p.component, p.method, out)
	if err != nil {
		if m.Fail(f, p.op, o, value.AsFailure(err, o.Name)) == Done {
			m.release(f)
		}
		return
	}
	if m.results(f, p.op, o, out) == Done {
		m.release(f)
	}
}
