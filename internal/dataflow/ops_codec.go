package dataflow

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepCodec makes of a value what travels in its place, or the value again. What arrives may come from a stranger: what
// its codec refuses is a failure in its place, like a payload that cannot be read.
func (m *Machine) stepCodec(f *Frame, op int32, o *program.Op) Outcome {
	v := f.Slots[o.In[0]]
	var err error
	if o.Code == program.OpEncode {
		v, err = o.Codec.Encode(v)
	} else {
		v, err = o.Codec.Decode(v, m.limits.Values)
	}
	if err != nil {
		m.Count("codec.refused")
		return m.Fail(f, op, o, value.Fail(value.CodeType, o.Name, err.Error()))
	}
	if bad := m.unsound(v, o.Name); bad != nil {
		return m.Fail(f, op, o, bad)
	}
	m.Fill(f, o.Out[0], v)
	return Done
}
