package onnxop

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// unaryOps are the operators of one tensor that work element by element.
var unaryOps = []Op{
	{Name: "Abs", In: one, Out: one, Types: numbers, rule: same},
	{Name: "Ceil", In: one, Out: one, Types: floats, rule: same},
	{Name: "Clip", In: Arity{1, 3}, Out: one, Types: numbers, Same: true, rule: clip},
	{Name: "Exp", In: one, Out: one, Types: floats, rule: same},
	{Name: "Floor", In: one, Out: one, Types: floats, rule: same},
	{Name: "Identity", In: one, Out: one, Types: all, rule: identity},
	{Name: "LeakyRelu", In: one, Out: one, Types: floats, rule: same, Attrs: []Attr{floatAttr("alpha", 0.01)}},
	{Name: "Log", In: one, Out: one, Types: floats, rule: same},
	{Name: "Neg", In: one, Out: one, Types: signed, rule: same},
	{Name: "Not", In: one, Out: one, Types: bools, rule: same},
	{Name: "Reciprocal", In: one, Out: one, Types: floats, rule: same},
	{Name: "Relu", In: one, Out: one, Types: signed, rule: same},
	{Name: "Sigmoid", In: one, Out: one, Types: floats, rule: same},
	{Name: "Sign", In: one, Out: one, Types: numbers, rule: same},
	{Name: "Sqrt", In: one, Out: one, Types: floats, rule: same},
	{Name: "Tanh", In: one, Out: one, Types: floats, rule: same},
	{Name: "Acos", In: one, Out: one, Types: floats, rule: same},
	{Name: "Acosh", In: one, Out: one, Types: floats, rule: same},
	{Name: "Asin", In: one, Out: one, Types: floats, rule: same},
	{Name: "Asinh", In: one, Out: one, Types: floats, rule: same},
	{Name: "Atan", In: one, Out: one, Types: floats, rule: same},
	{Name: "Atanh", In: one, Out: one, Types: floats, rule: same},
	{Name: "Cos", In: one, Out: one, Types: floats, rule: same},
	{Name: "Cosh", In: one, Out: one, Types: floats, rule: same},
	{Name: "Erf", In: one, Out: one, Types: floats, rule: same},
	{Name: "Round", In: one, Out: one, Types: floats, rule: same},
	{Name: "Sin", In: one, Out: one, Types: floats, rule: same},
	{Name: "Sinh", In: one, Out: one, Types: floats, rule: same},
	{Name: "Tan", In: one, Out: one, Types: floats, rule: same},
	{Name: "BitCast", In: one, Out: one, Types: numbers, rule: bitCast,
		Attrs: []Attr{required("to", onnx.AttributeProto_INT)}},
	{Name: "BitwiseNot", In: one, Out: one, Types: ints, rule: same},
	{Name: "IsInf", In: one, Out: one, Types: floats, rule: question,
		Attrs: []Attr{intAttr("detect_negative", 1), intAttr("detect_positive", 1)}},
	{Name: "IsNaN", In: one, Out: one, Types: floats, rule: question},
	{Name: "Cast", In: one, Out: one, Types: all, rule: cast,
		Attrs: []Attr{required("to", onnx.AttributeProto_INT), intAttr("saturate", 1)}},
}

// binaryOps are the elementwise operators of two and more tensors, which broadcast.
var binaryOps = []Op{
	{Name: "Add", In: two, Out: one, Types: numbers, Same: true, rule: broadcasting},
	{Name: "Div", In: two, Out: one, Types: numbers, Same: true, rule: broadcasting},
	{Name: "Mul", In: two, Out: one, Types: numbers, Same: true, rule: broadcasting},
	{Name: "Pow", In: two, Out: one, rule: power,
		Types: slices.Concat(floats, []tensor.DType{tensor.Int64, tensor.Int32})},
	{Name: "Sub", In: two, Out: one, Types: numbers, Same: true, rule: broadcasting},
	{Name: "Max", In: variadic, Out: one, Types: numbers, Same: true, rule: broadcasting},
	{Name: "Mean", In: variadic, Out: one, Types: floats, Same: true, rule: broadcasting},
	{Name: "Min", In: variadic, Out: one, Types: numbers, Same: true, rule: broadcasting},
	{Name: "Sum", In: variadic, Out: one, Types: floats, Same: true, rule: broadcasting},
	{Name: "BitShift", In: two, Out: one, Types: ints, Same: true, rule: bitShift,
		Attrs: []Attr{required("direction", onnx.AttributeProto_STRING)}},
	{Name: "BitwiseAnd", In: two, Out: one, Types: ints, Same: true, rule: broadcasting},
	{Name: "BitwiseOr", In: two, Out: one, Types: ints, Same: true, rule: broadcasting},
	{Name: "BitwiseXor", In: two, Out: one, Types: ints, Same: true, rule: broadcasting},
	{Name: "Mod", In: two, Out: one, Types: numbers, Same: true, rule: broadcasting, Attrs: []Attr{intAttr("fmod", 0)}},
	{Name: "And", In: two, Out: one, Types: bools, Same: true, rule: comparison},
	{Name: "Or", In: two, Out: one, Types: bools, Same: true, rule: comparison},
	{Name: "Xor", In: two, Out: one, Types: bools, Same: true, rule: comparison},
	{Name: "Equal", In: two, Out: one, Types: all, Same: true, rule: comparison},
	{Name: "Greater", In: two, Out: one, Types: numbers, Same: true, rule: comparison},
	{Name: "GreaterOrEqual", In: two, Out: one, Types: numbers, Same: true, rule: comparison},
	{Name: "Less", In: two, Out: one, Types: numbers, Same: true, rule: comparison},
	{Name: "LessOrEqual", In: two, Out: one, Types: numbers, Same: true, rule: comparison},
	{Name: "Where", In: Arity{3, 3}, Out: one, Types: bools, rule: where},
}

// same gives the type of the first input.
func same(c *call) error {
	t := c.in[0]
	t.Value = nil
	return c.give(t)
}

// bitCast gives the first input's bits as elements of another type of the same size.
func bitCast(c *call) error {
	to := c.int("to")
	if to < 0 || to > 255 || !slices.Contains(numbers, tensor.DType(to)) {
		return &UnsupportedError{Op: "BitCast", DType: tensor.DType(max(0, min(to, 255)))}
	}
	t := c.in[0]
	if t.DType.Size() != tensor.DType(to).Size() {
		return c.fail("%v has elements of %d bytes and %v of %d; want the same size", t, t.DType.Size(),
			tensor.DType(to),
			tensor.DType(to).Size())
	}
	t.DType, t.Value = tensor.DType(to), nil
	return c.give(t)
}

// question gives a bool for each element of the first input.
func question(c *call) error {
	t := c.in[0]
	t.Value, t.DType = nil, tensor.Bool
	return c.give(t)
}

func bitShift(c *call) error {
	if d := c.string("direction"); d != "LEFT" && d != "RIGHT" {
		return c.fail("direction is %q; want LEFT or RIGHT", d)
	}
	return broadcasting(c)
}

// identity gives the first input, with its value where that is known.
func identity(c *call) error { return c.give(c.in[0]) }

func clip(c *call) error {
	for i := 1; i < len(c.in); i++ {
		if t := c.in[i]; !t.Absent() && t.Rank() > 0 {
			return c.fail("bound %d is %v; want a scalar", i, t)
		}
	}
	return same(c)
}

func cast(c *call) error {
	t := c.in[0]
	to := tensor.DType(c.int("to"))
	if int64(to) != c.int("to") || !slices.Contains(all, to) {
		return &UnsupportedError{Op: "Cast", DType: to}
	}
	t.DType, t.Value = to, nil
	return c.give(t)
}

func broadcasting(c *call) error {
	for i, t := range c.in {
		if t.Absent() {
			return c.fail("input %d is not given", i)
		}
	}
	t, err := c.broadcastAll(c.in)
	if err != nil {
		return err
	}
	return c.give(t)
}

func power(c *call) error {
	if !slices.Contains(numbers, c.in[1].DType) {
		return &UnsupportedError{Op: "Pow", DType: c.in[1].DType}
	}
	return broadcasting(c)
}

func comparison(c *call) error {
	t, err := c.broadcastAll(c.in)
	if err != nil {
		return err
	}
	t.DType = tensor.Bool
	return c.give(t)
}

func where(c *call) error {
	if x, y := c.in[1].DType, c.in[2].DType; x != y {
		return c.fail("the branches are %v and %v; want one element type", x, y)
	}
	if !slices.Contains(all, c.in[1].DType) {
		return &UnsupportedError{Op: "Where", DType: c.in[1].DType}
	}
	t, err := c.broadcastAll(c.in)
	if err != nil {
		return err
	}
	t.DType = c.in[1].DType
	return c.give(t)
}
