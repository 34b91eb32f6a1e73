package dataflow

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepFlow runs the ops that only move values inside an activation.
func (m *Machine) stepFlow(f *Frame, op int32, o *program.Op) Outcome {
	switch o.Code {
	case program.OpTee:
		for _, s := range o.Out {
			m.Fill(f, s, f.Slots[o.In[0]])
		}
	case program.OpConstant:
		m.Fill(f, o.Out[0], o.Value)
	case program.OpGate:
		m.Fill(f, o.Out[0], f.Slots[o.In[0]])
	case program.OpThreshold:
		if sound, failed := arrivals(f, o); sound < o.N {
			return m.Fail(f, op, o, failed)
		}
		m.Fill(f, o.Out[0], value.Trigger{})
	case program.OpAny:
		return m.stepAny(f, op, o)
	case program.OpAnyOnce:
		return m.stepAnyOnce(f, op, o)
	case program.OpBundle:
		items := make([]value.Value, len(o.In))
		for i, s := range o.In {
			items[i] = f.Slots[s]
		}
		l := value.NewList(items...)
		if l.Depth() > m.limits.Values.Depth || l.Len() > m.limits.Values.Items {
			return m.Fail(f, op, o, value.Fail(value.CodeOverflow, o.Name,
				"the bundle is nested too deep or has too many items"))
		}
		m.Fill(f, o.Out[0], l)
	case program.OpUnbundle:
		l, ok := f.Slots[o.In[0]].(*value.List)
		if !ok || l.Len() != len(o.Out) {
			return m.Fail(f, op, o, WrongType(o, f.Slots[o.In[0]], fmt.Sprintf("a List of %d items", len(o.Out))))
		}
		for i, s := range o.Out {
			m.Fill(f, s, l.At(i))
		}
	case program.OpCatch:
		m.stepCatch(f, o)
	case program.OpEncode, program.OpDecode:
		return m.stepCodec(f, op, o)
	case program.OpFail:
		return m.Fail(f, op, o, value.Fail(o.Label, o.Name, "the program says so"))
	}
	return Done
}

// arrivals counts the sound inputs of an op that have arrived, and returns the first failure among the others.
func arrivals(f *Frame, o *program.Op) (sound int64, failed *value.Failure) {
	for _, s := range o.In {
		switch v := f.Slots[s].(type) {
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
func (m *Machine) stepAny(f *Frame, op int32, o *program.Op) Outcome {
	_, failed := arrivals(f, o)
	for _, s := range o.In {
		v := f.Slots[s]
		if v == nil || value.Failed(v) != nil {
			continue
		}
		for _, s := range o.In {
			switch bad := value.Failed(f.Slots[s]); {
			case bad == nil:
			case bad == failed || m.Behaves(3): // by earlier rules only the first
				m.handled(f, bad)
			}
		}
		m.Fill(f, o.Out[0], v)
		return Done
	}
	return m.Fail(f, op, o, failed)
}

// stepCatch passes a sound value on, and handles a failure: what it was comes out as three texts.
func (m *Machine) stepCatch(f *Frame, o *program.Op) {
	v := f.Slots[o.In[0]]
	failed := value.Failed(v)
	if failed == nil {
		m.Fill(f, o.Out[0], v)
		return
	}
	m.Count("failure.caught")
	m.handled(f, failed)
	m.Fill(f, o.Out[1], value.NewList(value.String(failed.Code), value.String(failed.Where),
		value.String(failed.Message)))
}

// stepAnyOnce passes a value only for the first of each key; for a key seen before nothing comes out.
func (m *Machine) stepAnyOnce(f *Frame, op int32, o *program.Op) Outcome {
	k, err := m.reg.Append(nil, f.Slots[o.In[1]])
	if err != nil {
		return m.Fail(f, op, o, value.AsFailure(err, o.Name))
	}
	l := latch{o.Label, string(k)}
	if m.st.closed[l] {
		m.Count("latch.closed")
		return Done
	}
	for len(m.st.latches) > 0 && (len(m.st.latches) >= m.limits.Latches || !m.quarter(m.st.kept.Keys, l.bytes())) {
		m.st.kept.Keys -= m.st.latches[0].bytes()
		delete(m.st.closed, m.st.latches[0])
		m.st.latches = m.st.latches[1:]
		m.Count("latch.forgotten")
	}
	m.st.kept.Keys += l.bytes()
	m.st.close(l)
	m.Fill(f, o.Out[0], f.Slots[o.In[0]])
	return Done
}

// WrongType is the failure of an op that got a value of another type than its port takes.
func WrongType(o *program.Op, got value.Value, want string) *value.Failure {
	return value.Fail(value.CodeType, o.Name, fmt.Sprintf("got %s, want %s", got.Type(), want))
}
