package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/value"
)

// pollCompletions applies the results that arrived, in order of arrival. A result for a command that is not pending is
// a second one, or its activation has ended: it is counted and has no effect.
func (e *Engine) pollCompletions() {
	for len(e.st.completions) > 0 {
		c := e.st.completions[0]
		e.st.completions[0] = completion{}
		e.st.completions = e.st.completions[1:]
		p, ok := e.st.pending[c.command]
		if !ok {
			e.drop("completion.unknown", fmt.Sprintf("command %d", c.command))
			continue
		}
		e.took(p)
		e.wakeParked(parkCommand, "")
		if f := e.st.frames.get(p.exec); f != nil {
			e.apply(f, p, &c)
		}
	}
}

func (e *Engine) apply(f *frame, p *pending, c *completion) {
	o := &f.fn.Ops[p.op]
	e.trace(traceComplete, f, p.op, "")
	if c.failure != nil {
		if e.fail(f, p.op, o, c.failure) == done {
			e.release(f)
		}
		return
	}
	out := make([]value.Value, len(c.results))
	for i := range out {
		out[i] = c.results[i].Value
	}
	if m, ok := e.comps[p.component].(Completer); ok {
		ctx := e.enter(p.component, nil, -1)
		var err error
		out, err = m.Complete(ctx, p.method, out)
		e.leave()
		if err != nil {
			if e.fail(f, p.op, o, value.AsFailure(err, o.Name)) == done {
				e.release(f)
			}
			return
		}
	}
	if e.results(f, p.op, o, out) == done {
		e.release(f)
	}
}
