package dataflow

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepCall starts a child frame: a call, a branch, or the first iteration of a loop. The op waits for it.
func (m *Machine) stepCall(f *Frame, op int32, o *program.Op) Outcome {
	if int(f.depth) >= m.limits.CallDepth {
		return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, fmt.Sprintf("calls are nested deeper than %d",
			m.limits.CallDepth)))
	}
	args := make([]value.Value, 0, len(o.In)+1)
	for _, s := range o.In {
		args = append(args, f.Slots[s])
	}
	switch o.Code {
	case program.OpIf:
		cond, ok := args[0].(value.Bool)
		if !ok {
			return m.Fail(f, op, o, WrongType(o, args[0], "Bool"))
		}
		body := o.Else
		if cond {
			body = o.Body
		}
		m.call(f, op, body, args[1:], 0, 1)
	case program.OpCall:
		m.call(f, op, o.Body, args, 0, 1)
	case program.OpLoop:
		n, ok := args[0].(value.Int)
		if !ok || n < 0 {
			return m.Fail(f, op, o, WrongType(o, args[0], "an Int of at least 0"))
		}
		if n == 0 {
			for i, s := range o.Out {
				m.Fill(f, s, args[1+i])
			}
			return Done
		}
		args[0] = value.Int(0)
		m.call(f, op, o.Body, args, 0, int64(n))
	}
	return waiting
}

// call starts a child frame for an op of f.
func (m *Machine) call(f *Frame, op int32, body program.FuncID, args []value.Value, index, count int64) {
	c := m.Activate(&m.prog.Funcs[body])
	c.Parent, c.callOp, c.depth, c.index, c.count = f.Exec, op, f.depth+1, index, count
	f.kids.add(c)
	m.Start(c, args)
}

// childEnded takes the results of a child: it starts the next iteration, or fills the outputs of the op that called.
func (m *Machine) childEnded(f *Frame, op int32, c *Frame) {
	o := &f.Func.Ops[op]
	results := make([]value.Value, len(c.Func.Outputs), len(c.Func.Outputs)+1)
	var failed *value.Failure
	for i, s := range c.Func.Outputs {
		results[i] = c.Slots[s]
		if results[i] == nil {
			results[i] = value.Fail(value.CodeNoResult, o.Name, "the body ended without this result")
		}
		if v := value.Failed(results[i]); v != nil && failed == nil {
			failed = v
		}
	}
	if failed == nil && c.Failure != nil {
		m.ReportFailure(c.Failure) // a side branch failed: the results are sound, but nobody else would see it
	}
	index, count := c.index, c.count
	f.kids.remove(c)
	m.collect(c)
	if failed != nil {
		if m.Fail(f, op, o, failed) == Done {
			m.release(f)
		}
		return
	}
	if index+1 < count {
		next := append([]value.Value{value.Int(index + 1)}, results...)
		m.call(f, op, o.Body, next, index+1, count)
		return
	}
	for i, s := range o.Out {
		m.Fill(f, s, results[i])
	}
	m.release(f)
}
