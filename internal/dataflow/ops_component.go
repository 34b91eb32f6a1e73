package dataflow

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepComponent asks a component to run one of its ops: it answers now, or the op waits.
func (m *Machine) stepComponent(f *Frame, op int32, o *program.Op) Outcome {
	if len(m.st.pending) >= m.limits.PendingCommands {
		m.Count("command.waits")
		return m.park(f, op, o, parkCommand, "")
	}
	if m.st.waits.len() >= m.limits.Parked {
		return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "too many ops wait"))
	}
	if cap(m.sc.args) < len(o.In) {
		m.sc.args = make([]value.Value, len(o.In))
	}
	args := m.sc.args[:len(o.In)]
	for i, s := range o.In {
		args[i] = value.Trigger{}
		if s != program.None {
			args[i] = f.Slots[s]
		}
	}
	if o.Takes != nil && m.Behaves(4) {
		if why := o.WrongInput(args); why != "" {
			clear(args)
			return m.misfit(f, op, o, why)
		}
	}
	out, waits, err := m.outside.Invoke(f, op, o, args)
	clear(args)
	switch {
	case err != nil:
		if waits {
			m.takeBack(f, op)
		}
		return m.Fail(f, op, o, value.AsFailure(err, o.Name))
	case waits:
		return waiting
	}
	end := m.results(f, op, o, out)
	clear(m.sc.results)
	return end
}

// results fills the outputs of a component's op.
func (m *Machine) results(f *Frame, op int32, o *program.Op, out []value.Value) Outcome {
	if len(out) != len(o.Out) {
		return m.Fail(f, op, o, value.Fail(value.CodeNoResult, o.Name,
			"the component gave another number of results than the op has outputs"))
	}
	for _, v := range out {
		if bad := m.unsound(m.output(v), o.Name); bad != nil {
			return m.Fail(f, op, o, bad)
		}
	}
	if o.Gives != nil && m.Behaves(4) {
		if why := o.WrongOutput(out); why != "" {
			return m.misfit(f, op, o, why)
		}
	}
	for i, v := range out {
		m.Fill(f, o.Out[i], m.output(v))
	}
	return Done
}

// misfit fails an op with a value that does not fit its port: by earlier rules it went on, and a component that trusted
// its ports ended the process.
func (m *Machine) misfit(f *Frame, op int32, o *program.Op, why string) Outcome {
	m.Count("port.refused")
	return m.Fail(f, op, o, value.Fail(value.CodeType, o.Name,
		fmt.Sprintf("slot %q, method %s: %s", m.prog.Components[o.Component].Name, o.Method, why)))
}

// takeBack removes what an op's failed invocation left waiting.
func (m *Machine) takeBack(f *Frame, op int32) {
	for p := f.commands; p != nil; {
		next := p.next
		if p.op == op {
			m.took(p)
		}
		p = next
	}
	for p := f.parked; p != nil; {
		next := p.next
		if p.op == op {
			m.st.waits.remove(p, f)
		}
		p = next
	}
}

func (p *pending) command() Command {
	return Command{ID: p.id, Component: p.component, Method: p.method, Inputs: p.inputs}
}
