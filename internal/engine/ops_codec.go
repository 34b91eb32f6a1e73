package engine

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// stepCodec makes of a value what travels in its place, or the value again. What arrives may come from a stranger: what its codec refuses
// is a failure in its place, like a payload that cannot be read.
func (e *Engine) stepCodec(f *frame, op int32, o *program.Op) outcome {
	v := f.slots[o.In[0]]
	var err error
	if o.Code == program.OpEncode {
		v, err = o.Codec.Encode(v)
	} else {
		v, err = o.Codec.Decode(v, e.limits.Wire.Values)
	}
	if err != nil {
		e.count("codec.refused")
		return e.fail(f, op, o, value.Fail(value.CodeType, o.Name, err.Error()))
	}
	if bad := e.unsound(v, o.Name); bad != nil {
		return e.fail(f, op, o, bad)
	}
	e.fill(f, o.Out[0], v)
	return done
}
