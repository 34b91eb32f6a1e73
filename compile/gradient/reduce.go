package gradient

import (
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/op/onnxop"
)

// reduceRules give every term the gradient of its sum.
var reduceRules = map[string]rule{
	"ReduceSum": reduction(func(e *chain, x, z, d string) string { return d }),
	"ReduceMean": reduction(func(e *chain, x, z, d string) string {
		if tx, tz := e.b.types[x], e.b.types[z]; tx.Static() && tz.Static() && tz.Elements() > 0 {
			return e.op("Div", d, e.number(x, float64(tx.Elements()/tz.Elements())))
		}
		// The number of terms is known only in the run.
		terms := e.op("Div", e.op("Size", x), e.op("Size", z))
		return e.op("Div", d, e.with("Cast", []string{terms}, onnx.AttrInt("to", int64(e.b.types[x].DType))))
	}),
}

// reduction is the rule of a sum whose gradient in the shape of the result is f, before it is spread over the terms.
func reduction(f func(e *chain, x, z, d string) string) rule {
	return func(c *call) ([]string, error) {
		x, z := c.in[0], c.out[0]
		types := make([]onnxop.Type, len(c.in))
		for i, in := range c.in {
			types[i] = c.types[in]
		}
		set, err := onnxop.Reduced(c.node, types)
		if err != nil {
			return nil, c.fail("%v", err)
		}
		if set == nil {
			return nil, c.fail("the axes are not known; want constant axes of a tensor of known rank")
		}
		var axes []int64
		for i, reduced := range set {
			if reduced {
				axes = append(axes, int64(i))
			}
		}
		e := &chain{b: c.builder}
		d := f(e, x, z, c.d[0])
		if onnxop.Int(c.node, "keepdims") == 0 && len(axes) > 0 {
			d = e.op("Unsqueeze", d, e.ints(axes...))
		}
		if len(axes) > 0 {
			d = e.op("Expand", d, e.shape(x))
		}
		return []string{d}, e.err
	}
}
