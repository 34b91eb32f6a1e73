package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepCall starts a child frame: a call, a branch, or the first iteration of a loop. The op waits for it.
func (e *Engine) stepCall(f *frame, op int32, o *program.Op) outcome {
	if int(f.depth) >= e.limits.CallDepth {
		return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, fmt.Sprintf("calls are nested deeper than %d", e.limits.CallDepth)))
	}
	args := make([]value.Value, 0, len(o.In)+1)
	for _, s := range o.In {
		args = append(args, f.slots[s])
	}
	switch o.Code {
	case program.OpIf:
		cond, ok := args[0].(value.Bool)
		if !ok {
			return e.fail(f, op, o, wrongType(o, args[0], "Bool"))
		}
		body := o.Else
		if cond {
			body = o.Body
		}
		e.call(f, op, body, args[1:], 0, 1)
	case program.OpCall:
		e.call(f, op, o.Body, args, 0, 1)
	case program.OpLoop:
		n, ok := args[0].(value.Int)
		if !ok || n < 0 {
			return e.fail(f, op, o, wrongType(o, args[0], "an Int of at least 0"))
		}
		if n == 0 {
			for i, s := range o.Out {
				e.fill(f, s, args[1+i])
			}
			return done
		}
		args[0] = value.Int(0)
		e.call(f, op, o.Body, args, 0, int64(n))
	}
	return waiting
}

// call starts a child frame for an op of f.
func (e *Engine) call(f *frame, op int32, body program.FuncID, args []value.Value, index, count int64) {
	c := e.activate(&e.prog.Funcs[body])
	c.parent, c.callOp, c.depth, c.index, c.count = f.exec, op, f.depth+1, index, count
	f.kids.add(c)
	e.start(c, args)
}

// childEnded takes the results of a child: it starts the next iteration, or fills the outputs of the op that called.
func (e *Engine) childEnded(f *frame, op int32, c *frame) {
	o := &f.fn.Ops[op]
	results := make([]value.Value, len(c.fn.Outputs), len(c.fn.Outputs)+1)
	var failed *value.Failure
	for i, s := range c.fn.Outputs {
		results[i] = c.slots[s]
		if results[i] == nil {
			results[i] = value.Fail(value.CodeNoResult, o.Name, "the body ended without this result")
		}
		if v := value.Failed(results[i]); v != nil && failed == nil {
			failed = v
		}
	}
	if failed == nil && c.failure != nil {
		e.reportFailure(c.failure) // a side branch failed: the results are sound, but nobody else would see it
	}
	index, count := c.index, c.count
	f.kids.remove(c)
	e.collect(c)
	if failed != nil {
		if e.fail(f, op, o, failed) == done {
			e.release(f)
		}
		return
	}
	if index+1 < count {
		next := append([]value.Value{value.Int(index + 1)}, results...)
		e.call(f, op, o.Body, next, index+1, count)
		return
	}
	for i, s := range o.Out {
		e.fill(f, s, results[i])
	}
	e.release(f)
}
