package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepFlow runs the ops that only move values inside an activation.
func (e *Engine) stepFlow(f *frame, op int32, o *program.Op) outcome {
	switch o.Code {
	case program.OpTee:
		for _, s := range o.Out {
			e.fill(f, s, f.slots[o.In[0]])
		}
	case program.OpConstant:
		e.fill(f, o.Out[0], o.Value)
	case program.OpGate:
		e.fill(f, o.Out[0], f.slots[o.In[0]])
	case program.OpThreshold:
		if sound, failed := arrivals(f, o); sound < o.N {
			return e.fail(f, op, o, failed)
		}
		e.fill(f, o.Out[0], value.Trigger{})
	case program.OpAny:
		return e.stepAny(f, op, o)
	case program.OpAnyOnce:
		return e.stepAnyOnce(f, op, o)
	case program.OpBundle:
		items := make([]value.Value, len(o.In))
		for i, s := range o.In {
			items[i] = f.slots[s]
		}
		l := value.NewList(items...)
		if l.Depth() > e.limits.Wire.Values.Depth || l.Len() > e.limits.Wire.Values.Items {
			return e.fail(f, op, o, value.Fail(value.CodeOverflow, o.Name, "the bundle is nested too deep or has too many items"))
		}
		e.fill(f, o.Out[0], l)
	case program.OpUnbundle:
		l, ok := f.slots[o.In[0]].(*value.List)
		if !ok || l.Len() != len(o.Out) {
			return e.fail(f, op, o, wrongType(o, f.slots[o.In[0]], fmt.Sprintf("a List of %d items", len(o.Out))))
		}
		for i, s := range o.Out {
			e.fill(f, s, l.At(i))
		}
	case program.OpCatch:
		e.stepCatch(f, o)
	case program.OpEncode, program.OpDecode:
		return e.stepCodec(f, op, o)
	case program.OpFail:
		return e.fail(f, op, o, value.Fail(o.Label, o.Name, "the program says so"))
	}
	return done
}

// arrivals counts the sound inputs of an op that have arrived, and returns the first failure among the others.
func arrivals(f *frame, o *program.Op) (sound int64, failed *value.Failure) {
	for _, s := range o.In {
		switch v := f.slots[s].(type) {
		case nil:
		case *value.Failure:
			if failed == nil {
				failed = v
			}
		default:
			sound++
		}
	}
	return sound, failed
}

// stepAny passes the first sound input on. The failures among the others are handled by it.
func (e *Engine) stepAny(f *frame, op int32, o *program.Op) outcome {
	_, failed := arrivals(f, o)
	for _, s := range o.In {
		v := f.slots[s]
		if v == nil || value.Failed(v) != nil {
			continue
		}
		for _, s := range o.In {
			switch bad := value.Failed(f.slots[s]); {
			case bad == nil:
			case bad == failed || e.rules(3): // by earlier rules only the first
				e.handled(f, bad)
			}
		}
		e.fill(f, o.Out[0], v)
		return done
	}
	return e.fail(f, op, o, failed)
}

// stepCatch passes a sound value on, and handles a failure: what it was comes out as three texts.
func (e *Engine) stepCatch(f *frame, o *program.Op) {
	v := f.slots[o.In[0]]
	failed := value.Failed(v)
	if failed == nil {
		e.fill(f, o.Out[0], v)
		return
	}
	e.count("failure.caught")
	e.handled(f, failed)
	e.fill(f, o.Out[1], value.NewList(value.String(failed.Code), value.String(failed.Where), value.String(failed.Message)))
}

// stepAnyOnce passes a value only for the first of each key; for a key seen before nothing comes out.
func (e *Engine) stepAnyOnce(f *frame, op int32, o *program.Op) outcome {
	k, err := e.reg.Append(nil, f.slots[o.In[1]])
	if err != nil {
		return e.fail(f, op, o, value.AsFailure(err, o.Name))
	}
	l := latch{o.Label, string(k)}
	if e.st.closed[l] {
		e.count("latch.closed")
		return done
	}
	for len(e.st.latches) > 0 && (len(e.st.latches) >= e.limits.Latches || !e.quarter(e.st.kept.keys, l.bytes())) {
		e.st.kept.keys -= e.st.latches[0].bytes()
		delete(e.st.closed, e.st.latches[0])
		e.st.latches = e.st.latches[1:]
		e.count("latch.forgotten")
	}
	e.st.kept.keys += l.bytes()
	e.st.close(l)
	e.fill(f, o.Out[0], f.slots[o.In[0]])
	return done
}

// wrongType is the failure of an op that got a value of another type than its port takes.
func wrongType(o *program.Op, got value.Value, want string) *value.Failure {
	return value.Fail(value.CodeType, o.Name, fmt.Sprintf("got %s, want %s", got.Type(), want))
}
