package engine

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepComponent asks a component to run one of its ops: it answers now, or the op waits.
func (e *Engine) stepComponent(f *frame, op int32, o *program.Op) outcome {
	if len(e.st.pending) >= e.limits.PendingCommands {
		e.count("command.waits")
		return e.park(f, op, o, parkCommand, "")
	}
	if e.st.waits.len() >= e.limits.Parked {
		return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many ops wait"))
	}
	if cap(e.sc.args) < len(o.In) {
		e.sc.args = make([]value.Value, len(o.In))
	}
	args := e.sc.args[:len(o.In)]
	for i, s := range o.In {
		args[i] = value.Trigger{}
		if s != program.None {
			args[i] = f.slots[s]
		}
	}
	ctx := e.enter(o.Component, f, op)
	out, err := e.comps[o.Component].Invoke(ctx, o.Method, args)
	waits := ctx.waits
	if err == nil && ctx.refused != nil {
		err = ctx.refused
	}
	e.leave()
	clear(args)
	switch {
	case err != nil:
		if waits {
			e.takeBack(f, op)
		}
		return e.fail(f, op, o, value.AsFailure(err, o.Name))
	case waits:
		return waiting
	}
	end := e.results(f, op, o, out)
	clear(e.sc.results)
	return end
}

// results fills the outputs of a component's op.
func (e *Engine) results(f *frame, op int32, o *program.Op, out []value.Value) outcome {
	if len(out) != len(o.Out) {
		return e.fail(f, op, o, value.Fail(value.CodeNoResult, o.Name, "the component gave another number of results than the op has outputs"))
	}
	for _, v := range out {
		if bad := e.unsound(e.output(v), o.Name); bad != nil {
			return e.fail(f, op, o, bad)
		}
	}
	for i, v := range out {
		e.fill(f, o.Out[i], e.output(v))
	}
	return done
}

// takeBack removes what an op's failed invocation left waiting.
func (e *Engine) takeBack(f *frame, op int32) {
	for p := f.commands; p != nil; {
		next := p.next
		if p.op == op {
			e.took(p)
		}
		p = next
	}
	for p := f.parked; p != nil; {
		next := p.next
		if p.op == op {
			e.st.waits.remove(p, f)
		}
		p = next
	}
}

func (p *pending) command() Command {
	return Command{ID: p.id, Component: p.component, Method: p.method, Inputs: p.inputs}
}
