package onnxop

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// trainingOps are the optimizers: inputs are the learning rate, the count of updates, and then groups of one tensor for
// each parameter; outputs are the groups that change.
var trainingOps = []Op{
	{Domain: Training, Name: "Adagrad", In: Arity{3, Many}, Out: variadic, Types: floats, rule: optimizer(3),
		Attrs: []Attr{floatAttr("decay_factor", 0), floatAttr("epsilon", 1e-6), floatAttr("norm_coefficient", 0)}},
	{Domain: Training, Name: "Adam", In: Arity{3, Many}, Out: variadic, Types: floats, rule: optimizer(4),
		Attrs: []Attr{floatAttr("alpha", 0.9), floatAttr("beta", 0.999), floatAttr("epsilon", 1e-6),
			floatAttr("norm_coefficient", 0), floatAttr("norm_coefficient_post", 0)}},
	{Domain: Training, Name: "Momentum", In: Arity{3, Many}, Out: variadic, Types: floats, rule: optimizer(3),
		Attrs: []Attr{required("alpha", onnx.AttributeProto_FLOAT), required("beta", onnx.AttributeProto_FLOAT),
			required("mode", onnx.AttributeProto_STRING), required("norm_coefficient", onnx.AttributeProto_FLOAT)}},
}

// optimizer is the rule of an optimizer with that many groups of inputs: the parameters, their gradients, and state.
// The gradients are not given back.
func optimizer(groups int) func(*call) error {
	return func(c *call) error {
		rate, step := c.in[0], c.in[1]
		if rate.Rank() > 0 || step.Rank() > 0 || step.DType != tensor.Int64 {
			return c.fail("the learning rate is %v and the count %v; want a float scalar and an int64 scalar", rate,
				step)
		}
		n := (len(c.in) - 2) / groups
		if n == 0 || len(c.in) != 2+n*groups {
			return c.fail("has %d inputs; want 2 and then %d for each parameter", len(c.in), groups)
		}
		if want := n * (groups - 1); len(c.node.GetOutput()) != want {
			return c.fail("has %d outputs; want %d", len(c.node.GetOutput()), want)
		}
		if m := c.string("mode"); c.op.Name == "Momentum" && m != "standard" && m != "nesterov" {
			return c.fail("mode is %q; want standard or nesterov", m)
		}
		for i, t := range c.in[2:] {
			x := c.in[2+i%n]
			if t.Absent() || t.DType != x.DType {
				return c.fail("input %d is %v; want %v as its parameter", i+2, t, x.DType)
			}
			if !t.Unranked && !x.Unranked && !fitsShape(t.Shape, x.Shape) {
				return c.fail("input %d is %v; want the shape of its parameter %v", i+2, t, x)
			}
			if i/n != 1 {
				c.out = append(c.out, Type{DType: x.DType, Shape: x.Shape, Unranked: x.Unranked})
			}
		}
		return nil
	}
}
