package gradient

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// functionRules: x is the input, z the result, d its gradient.
var functionRules = map[string]rule{
	"Acos": unary(func(e *chain, x, z, d string) string { return e.op("Neg", e.op("Div", d, e.leg(x))) }),
	"Acosh": unary(func(e *chain, x, z, d string) string {
		return e.op("Div", d, e.op("Sqrt", e.op("Sub", e.op("Mul", x, x), e.number(x, 1))))
	}),
	"Asin": unary(func(e *chain, x, z, d string) string { return e.op("Div", d, e.leg(x)) }),
	"Asinh": unary(func(e *chain, x, z, d string) string {
		return e.op("Div", d, e.op("Sqrt", e.op("Add", e.op("Mul", x, x), e.number(x, 1))))
	}),
	"Atan": unary(func(e *chain, x, z, d string) string {
		return e.op("Div", d, e.op("Add", e.op("Mul", x, x), e.number(x, 1)))
	}),
	"Atanh": unary(func(e *chain, x, z, d string) string {
		return e.op("Div", d, e.op("Sub", e.number(x, 1), e.op("Mul", x, x)))
	}),
	"Cos":  unary(func(e *chain, x, z, d string) string { return e.op("Neg", e.op("Mul", d, e.op("Sin", x))) }),
	"Cosh": unary(func(e *chain, x, z, d string) string { return e.op("Mul", d, e.op("Sinh", x)) }),
	"Erf": unary(func(e *chain, x, z, d string) string {
		bell := e.op("Exp", e.op("Neg", e.op("Mul", x, x)))
		return e.op("Mul", d, e.op("Mul", bell, e.number(x, 2/math.Sqrt(math.Pi))))
	}),
	"Sin":  unary(func(e *chain, x, z, d string) string { return e.op("Mul", d, e.op("Cos", x)) }),
	"Sinh": unary(func(e *chain, x, z, d string) string { return e.op("Mul", d, e.op("Cosh", x)) }),
	"Tan": unary(func(e *chain, x, z, d string) string {
		return e.op("Mul", d, e.op("Add", e.op("Mul", z, z), e.number(x, 1)))
	}),
	// These are constant wherever they have a derivative.
	"Hardmax": nothing,
	"Round":   nothing,

	// The quotient that was left out, (x - z) / y, is whole, and constant wherever there is a derivative.
	"Mod": binary(
		func(e *chain, x, y, z, d string) string { return d },
		func(e *chain, x, y, z, d string) string {
			return e.op("Neg", e.op("Mul", d, e.op("Round", e.op("Div", e.op("Sub", x, z), y))))
		}),

	"CumSum": func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		return []string{e.with("CumSum", []string{c.d[0], c.in[1]},
			onnx.AttrInt("exclusive", onnxop.Int(c.node, "exclusive")),
			onnx.AttrInt("reverse", 1-min(1, onnxop.Int(c.node, "reverse"))))}, e.err
	},
	"Trilu": func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		return []string{e.with("Trilu", append([]string{c.d[0]}, c.in[1:]...),
			onnx.AttrInt("upper", onnxop.Int(c.node, "upper")))}, e.err
	},
	"ReverseSequence": func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		return []string{e.with("ReverseSequence", []string{c.d[0], c.in[1]},
			onnx.AttrInt("batch_axis", onnxop.Int(c.node, "batch_axis")),
			onnx.AttrInt("time_axis", onnxop.Int(c.node, "time_axis")))}, e.err
	},
	"Tile": tile,

	"ReduceL1": spreadRule(func(e *chain, x, z, d string) string { return e.op("Mul", d, e.op("Sign", x)) }),
	"ReduceL2": spreadRule(func(e *chain, x, z, d string) string {
		some := e.op("Where", e.op("Equal", z, e.number(x, 0)), e.number(x, 1), z) // of zeros alone it is 0
		return e.op("Mul", d, e.op("Div", x, some))
	}),
	"ReduceLogSum": spreadRule(func(e *chain, x, z, d string) string {
		return e.op("Mul", d,
			e.op("Exp", e.op("Neg", z)))
	}),
	"ReduceLogSumExp": spreadRule(func(e *chain, x, z, d string) string {
		return e.op("Mul", d,
			e.op("Exp", e.op("Sub", x, z)))
	}),
}

// leg is the square root of 1 - x².
func (e *chain) leg(x string) string {
	return e.op("Sqrt", e.op("Sub", e.number(x, 1), e.op("Mul", x, x)))
}

// spreadRule is the rule of a reduction whose gradient is f of the terms and of the result and its gradient, both of
// which are spread over the terms before.
func spreadRule(f func(e *chain, x, z, d string) string) rule {
	return func(c *call) ([]string, error) {
		axes, err := c.reduced()
		if err != nil {
			return nil, err
		}
		e := &chain{b: c.builder}
		x := c.in[0]
		return []string{f(e, x, e.spread(c.out[0], x, c.node, axes), e.spread(c.d[0], x, c.node, axes))}, e.err
	}
}

// tile adds what came of every copy.
func tile(c *call) ([]string, error) {
	t, repeats := c.types[c.in[0]], c.types[c.in[1]].Value
	if !t.Static() || repeats == nil || 2*len(t.Shape) > 16 {
		return nil, c.fail("the dimensions or the repeats are not known, or there are more than 8; want them known")
	}
	var dims, axes []int64
	for i, r := range repeats.Int64() {
		axes = append(axes, int64(2*i))
		dims = append(dims, r, int64(t.Shape[i]))
	}
	e := &chain{b: c.builder}
	if len(dims) == 0 {
		return []string{c.d[0]}, nil
	}
	d := e.with("Reshape", []string{c.d[0], e.ints(dims...)}, onnx.AttrInt("allowzero", 1))
	return []string{e.with("ReduceSum", []string{d, e.ints(axes...)}, onnx.AttrInt("keepdims", 0))}, e.err
}
