package lower

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// activationRules work element by element. What a branch does not take is bounded in it, so that nothing infinite meets
// a gradient of 0.
var activationRules = []rule{
	{Name: "Celu", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{floatAttr("alpha", 1)}, write: celu},
	{Name: "Elu", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{floatAttr("alpha", 1)},
		write: single(func(c *call, x string) string { return c.elu(x, c.float("alpha"), 1, 1) })},
	{Name: "Gelu", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{stringAttr("approximate", "none")},
		write: gelu},
	{Name: "HardSigmoid", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{floatAttr("alpha", 0.2),
		floatAttr("beta", 0.5)}, write: single(func(c *call, x string) string {
		return c.hardSigmoid(x, c.float("alpha"), c.float("beta"))
	})},
	{Name: "HardSwish", In: one, Out: one, Types: floats, write: single(func(c *call, x string) string {
		return c.Op("Mul", x, c.hardSigmoid(x, 1.0/6, 0.5))
	})},
	{Name: "Mish", In: one, Out: one, Types: floats, write: single(func(c *call, x string) string {
		return c.Op("Mul", x, c.Op("Tanh", c.softplus(x)))
	})},
	{Name: "PRelu", In: two, Out: one, write: prelu},
	{Name: "Selu", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{
		floatAttr("alpha", 1.67326319217681884765625), floatAttr("gamma", 1.05070102214813232421875)},
		write: single(func(c *call, x string) string {
			return c.elu(x, c.float("alpha")*c.float("gamma"), c.float("gamma"), 1)
		})},
	{Name: "Shrink", In: one, Out: one, Attrs: []onnxop.Attr{floatAttr("bias", 0), floatAttr("lambd", 0.5)},
		write: single(shrink)},
	{Name: "Softplus", In: one, Out: one, Types: floats, write: single((*call).softplus)},
	{Name: "Softsign", In: one, Out: one, Types: floats, write: single(func(c *call, x string) string {
		return c.Op("Div", x, c.Op("Add", c.Op("Abs", x), c.Number(x, 1)))
	})},
	{Name: "SwiGLU", In: two, Out: one, Types: floats, Attrs: []onnxop.Attr{floatAttr("alpha", 1)},
		write: single(func(c *call, x string) string { return c.Op("Mul", c.swish(x), c.in[1]) })},
	{Name: "Swish", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{floatAttr("alpha", 1)},
		write: single((*call).swish)},
	{Name: "ThresholdedRelu", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{floatAttr("alpha", 1)},
		write: single(func(c *call, x string) string {
			return c.Op("Where", c.Op("Greater", x, c.Number(x, c.float("alpha"))), x, c.Number(x, 0))
		})},
}

// scaled returns x·k.
func (c *call) scaled(x string, k float64) string {
	if k == 1 {
		return x
	}
	return c.Op("Mul", x, c.Number(x, k))
}

// elu is gamma·x above 0 and alpha·(e^(x·narrow) - 1) else.
func (c *call) elu(x string, alpha, gamma, narrow float64) string {
	below := c.Op("Min", x, c.Number(x, 0))
	low := c.scaled(c.Op("Sub", c.Op("Exp", c.scaled(below, narrow)), c.Number(x, 1)), alpha)
	return c.Op("Where", c.Op("Less", x, c.Number(x, 0)), low, c.scaled(x, gamma))
}

func celu(c *call) ([]string, error) {
	alpha := c.float("alpha")
	if alpha == 0 {
		return nil, c.fail("alpha is 0; want another number, by which x is divided")
	}
	return []string{c.elu(c.in[0], alpha, 1, 1/alpha)}, nil
}

// gelu is x·Φ(x), Φ the distribution function of the normal distribution, or the approximation of it by Tanh
// (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).
func gelu(c *call) ([]string, error) {
	x := c.in[0]
	var inner string
	switch c.string("approximate") {
	case "none":
		inner = c.Op("Erf", c.scaled(x, math.Sqrt(0.5)))
	case "tanh":
		cube := c.Op("Mul", c.Op("Mul", x, x), x)
		inner = c.Op("Tanh", c.scaled(c.Op("Add", x, c.scaled(cube, 0.044715)), math.Sqrt(2/math.Pi)))
	default:
		return nil, c.fail("approximate is %q; want none or tanh", c.string("approximate"))
	}
	return []string{c.Op("Mul", c.scaled(x, 0.5), c.Op("Add", inner, c.Number(x, 1)))}, nil
}

// hardSigmoid is alpha·x + beta between 0 and 1.
func (c *call) hardSigmoid(x string, alpha, beta float64) string {
	line := c.Op("Add", c.scaled(x, alpha), c.Number(x, beta))
	return c.Op("Clip", line, c.Number(x, 0), c.Number(x, 1))
}

// softplusLine is from where on log(1 + e^x) is x in every float32, and nearly so in float64.
const softplusLine = 40

// softplus is log(1 + e^x) as -log(sigmoid(-x)), whose gradient is sigmoid(x) everywhere, also at 0; and x where that
// is large.
func (c *call) softplus(x string) string {
	line := c.Number(x, softplusLine)
	low := c.Op("Neg", c.Op("Log", c.Op("Sigmoid", c.Op("Neg", c.Op("Min", x, line)))))
	return c.Op("Where", c.Op("Greater", x, line), x, low)
}

// swish is x·sigmoid(alpha·x).
func (c *call) swish(x string) string {
	return c.Op("Mul", x, c.Op("Sigmoid", c.scaled(x, c.float("alpha"))))
}

// prelu is x, and slope·x below 0.
func prelu(c *call) ([]string, error) {
	x, slope := c.in[0], c.in[1]
	out := c.Op("Where", c.Op("Less", x, c.Number(x, 0)), c.Op("Mul", slope, x), x)
	if c.Err == nil && c.typ(0).Static() &&
		!c.Types[out].Equal(onnxop.Type{DType: c.typ(0).DType, Shape: c.typ(0).Shape}) {
		return nil, c.fail("slope is %v; want one that is stretched to the shape of %v", c.typ(1), c.typ(0))
	}
	return []string{out}, nil
}

// shrink is x nearer to 0 by bias, and 0 within lambd of it.
func shrink(c *call, x string) string {
	bias, edge := c.Number(x, c.float("bias")), c.float("lambd")
	high := c.Op("Where", c.Op("Greater", x, c.Number(x, edge)), c.Op("Sub", x, bias), c.Number(x, 0))
	return c.Op("Where", c.Op("Less", x, c.Number(x, -edge)), c.Op("Add", x, bias), high)
}
