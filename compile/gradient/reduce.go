package gradient

import (
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// sumSquare is d·2x, spread over the terms.
func sumSquare(c *call) ([]string, error) {
	axes, err := c.reduced()
	if err != nil {
		return nil, err
	}
	e := &chain{b: c.builder}
	x := c.in[0]
	d := e.spread(c.d[0], x, c.node, axes)
	return []string{e.op("Mul", d, e.op("Mul", x, e.number(x, 2)))}, e.err
}

// reduceRules give every term the gradient of its sum.
var reduceRules = map[string]rule{
	"ReduceSumSquare": sumSquare,
	"ReduceSum":       reduction(func(e *chain, x, z, d string) string { return d }),
	"ReduceMean": reduction(func(e *chain, x, z, d string) string {
		if tx, tz := e.b.types[x], e.b.types[z]; tx.Static() && tz.Static() && tz.Elements() > 0 {
			return e.op("Div", d, e.number(x, float64(tx.Elements()/tz.Elements())))
		}
		// The number of terms is known only in the run. Where there is no mean at all, so is no gradient, and any number does.
		some := e.op("Max", e.op("Size", z), e.constant(tensor.FromInt64([]int{}, []int64{1})))
		terms := e.op("Div", e.op("Size", x), some)
		return e.op("Div", d, e.with("Cast", []string{terms}, onnx.AttrInt("to", int64(e.b.types[x].DType))))
	}),
}

// reduction is the rule of a sum whose gradient in the shape of the result is f, before it is spread over the terms.
func reduction(f func(e *chain, x, z, d string) string) rule {
	return func(c *call) ([]string, error) {
		axes, err := c.reduced()
		if err != nil {
			return nil, err
		}
		e := &chain{b: c.builder}
		return []string{e.spread(f(e, c.in[0], c.out[0], c.d[0]), c.in[0], c.node, axes)}, e.err
	}
}

// spread repeats what was reduced over the dimensions that are gone.
func (e *chain) spread(d, x string, n *onnx.NodeProto, axes []int64) string {
	if axes != nil && len(axes) == 0 {
		return d
	}
	if onnxop.Int(n, "keepdims") == 0 {
		d = e.op("Unsqueeze", d, e.ints(axes...))
	}
	return e.op("Expand", d, e.shape(x))
}

// reduced returns the axes that the node folds; nil where they are not known and need not be, since all dimensions are kept.
func (c *call) reduced() ([]int64, error) {
	types := make([]onnxop.Type, len(c.in))
	for i, in := range c.in {
		types[i] = c.types[in]
	}
	set, err := onnxop.Reduced(c.node, types)
	if err != nil {
		return nil, c.fail("%v", err)
	}
	if set == nil && onnxop.Int(c.node, "keepdims") != 0 {
		return nil, nil
	}
	if set == nil {
		return nil, c.fail("the axes are not known; want constant axes of a tensor of known rank")
	}
	axes := []int64{}
	for i, reduced := range set {
		if reduced {
			axes = append(axes, int64(i))
		}
	}
	return axes, nil
}
