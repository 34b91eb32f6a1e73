package gradient

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// elementwiseRules: x, y are inputs, z the result, d its gradient.
var elementwiseRules = map[string]rule{
	"Abs":      unary(func(e *chain, x, z, d string) string { return e.op("Mul", d, e.op("Sign", x)) }),
	"Exp":      unary(func(e *chain, x, z, d string) string { return e.op("Mul", d, z) }),
	"Identity": unary(func(e *chain, x, z, d string) string { return d }),
	"Log":      unary(func(e *chain, x, z, d string) string { return e.op("Div", d, x) }),
	"Neg":      unary(func(e *chain, x, z, d string) string { return e.op("Neg", d) }),
	"Reciprocal": unary(func(e *chain, x, z, d string) string {
		return e.op("Neg",
			e.op("Mul", d, e.op("Mul", z, z)))
	}),
	"Relu": unary(func(e *chain, x, z, d string) string {
		// The result is positive where the input is, and asking it lets the input's memory go.
		zero := e.number(x, 0)
		return e.op("Where", e.op("Greater", z, zero), d, zero)
	}),
	"LeakyRelu": func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		x, d := c.in[0], c.d[0]
		slope := e.op("Mul", d, e.number(x, float64(onnxop.Float(c.node, "alpha"))))
		return []string{e.op("Where", e.op("Less", x, e.number(x, 0)), slope, d)}, e.err
	},
	"Sigmoid": unary(func(e *chain, x, z, d string) string {
		return e.op("Mul", d, e.op("Mul", z, e.op("Sub", e.number(x, 1), z)))
	}),
	"Sqrt": unary(func(e *chain, x, z, d string) string { return e.op("Div", e.op("Mul", d, e.number(x, 0.5)), z) }),
	"Tanh": unary(func(e *chain, x, z, d string) string {
		return e.op("Mul", d, e.op("Sub", e.number(x, 1), e.op("Mul", z, z)))
	}),
	"Cast": unary(func(e *chain, x, z, d string) string {
		return e.with("Cast", []string{d}, onnx.AttrInt("to", int64(e.b.types[x].DType)))
	}),
	// These are constant wherever they have a derivative.
	"Ceil":  nothing,
	"Floor": nothing,
	"Sign":  nothing,

	"Add": binary(
		func(e *chain, x, y, z, d string) string { return d },
		func(e *chain, x, y, z, d string) string { return d }),
	"Sub": binary(
		func(e *chain, x, y, z, d string) string { return d },
		func(e *chain, x, y, z, d string) string { return e.op("Neg", d) }),
	"Mul": binary(
		func(e *chain, x, y, z, d string) string { return e.op("Mul", d, y) },
		func(e *chain, x, y, z, d string) string { return e.op("Mul", d, x) }),
	"Div": binary(
		func(e *chain, x, y, z, d string) string { return e.op("Div", d, y) },
		func(e *chain, x, y, z, d string) string { return e.op("Neg", e.op("Div", e.op("Mul", d, z), y)) }),
	"Pow":   power,
	"Sum":   sum,
	"Mean":  mean,
	"Where": where,
}

// nothing is the rule of an operator whose gradient is zero.
func nothing(*call) ([]string, error) { return nil, nil }

// unary is the rule of an operator of one input.
func unary(f func(e *chain, x, z, d string) string) rule {
	return func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		return []string{f(e, c.in[0], c.out[0], c.d[0])}, e.err
	}
}

// binary is the rule of an operator of two inputs that broadcast, from the gradients in the shape of the result.
func binary(first, second func(e *chain, x, y, z, d string) string) rule {
	return func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		grads := make([]string, 2)
		for i, f := range []func(e *chain, x, y, z, d string) string{first, second} {
			if c.wants[i] {
				grads[i] = e.unbroadcast(f(e, c.in[0], c.in[1], c.out[0], c.d[0]), c.in[i], c.in...)
			}
		}
		return grads, e.err
	}
}

// power is d·y·x^(y-1) by the base. Where base and exponent are both 0 it is 0, for which the base is taken as 1 there:
// the formula would give 0·∞. By the exponent it is d·z·log x, and 0 where the base is 0; a negative base gives no
// number, since it has a power for whole exponents alone.
func power(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	x, y, z, d := c.in[0], c.in[1], c.out[0], c.d[0]
	known := c.types[y].Value
	if c.types[y].DType != c.types[x].DType {
		y = e.with("Cast", []string{y}, onnx.AttrInt("to", int64(c.types[x].DType)))
	}
	zero, one := e.number(x, 0), e.number(x, 1)
	grads := make([]string, 2)
	if c.wants[0] {
		base := x
		if known == nil || hasZero(known) {
			base = e.op("Where", e.op("And", e.op("Equal", x, zero), e.op("Equal", y, zero)), one, x)
		}
		grads[0] = e.unbroadcast(e.op("Mul", d, e.op("Mul", y, e.op("Pow", base, e.op("Sub", y, one)))), x, c.in...)
	}
	if c.wants[1] {
		base := e.op("Where", e.op("Equal", x, zero), one, x)
		g := e.op("Mul", d, e.op("Mul", z, e.op("Log", base)))
		if c.types[c.in[1]].DType != c.types[x].DType {
			g = e.with("Cast", []string{g}, onnx.AttrInt("to", int64(c.types[c.in[1]].DType)))
		}
		grads[1] = e.unbroadcast(g, c.in[1], c.in...)
	}
	return grads, e.err
}

// hasZero says whether an element of a number tensor is 0, or may be.
func hasZero(t *tensor.Tensor) bool {
	switch t.DType() {
	case tensor.Float32:
		return contains(t.Float32())
	case tensor.Float64:
		return contains(t.Float64())
	case tensor.Int64:
		return contains(t.Int64())
	case tensor.Int32:
		return contains(t.Int32())
	}
	return true
}

func contains[T comparable](x []T) bool {
	var zero T
	for _, v := range x {
		if v == zero {
			return true
		}
	}
	return false
}

func sum(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	grads := make([]string, len(c.in))
	for i, x := range c.in {
		if c.wants[i] {
			grads[i] = e.unbroadcast(c.d[0], x, c.in...)
		}
	}
	return grads, e.err
}

func mean(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	d := e.op("Div", c.d[0], e.number(c.in[0], float64(len(c.in))))
	if e.err != nil {
		return nil, e.err
	}
	return sum(&call{builder: c.builder, node: c.node, in: c.in, out: c.out, d: []string{d}, wants: c.wants})
}

// where gives each branch the gradient of the elements that came from it.
func where(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	grads := make([]string, 3)
	zero := e.number(c.out[0], 0)
	if c.wants[1] {
		grads[1] = e.unbroadcast(e.op("Where", c.in[0], c.d[0], zero), c.in[1], c.in...)
	}
	if c.wants[2] {
		grads[2] = e.unbroadcast(e.op("Where", c.in[0], zero, c.d[0]), c.in[2], c.in...)
	}
	return grads, e.err
}

// axis returns the node's axis attribute, from the front.
func (c *call) axis(rank int) (int64, error) {
	if rank < 0 {
		return 0, c.fail("the number of dimensions is not known; want it known")
	}
	a, err := onnxop.Axis(onnxop.Int(c.node, "axis"), rank)
	if err != nil {
		return 0, c.fail("%v", err)
	}
	return int64(a), nil
}
