package lower

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// activationRules work element by element. Where a branch is not taken its argument is bounded first, so that nothing
// infinite meets a gradient of 0.
var activationRules = []rule{
	{Name: "Elu", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{floatAttr("alpha", 1)}, write: single(elu)},
	{Name: "Gelu", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{stringAttr("approximate", "none")},
		write: gelu},
}

// below returns x where it is below 0, and else 0; not a number stays.
func (c *call) below(x string) string { return c.Op("Min", x, c.Number(x, 0)) }

// scaled returns x·k.
func (c *call) scaled(x string, k float64) string { return c.Op("Mul", x, c.Number(x, k)) }

// elu is x above 0, and alpha·(e^x - 1) else.
func elu(c *call, x string) string {
	low := c.scaled(c.Op("Sub", c.Op("Exp", c.below(x)), c.Number(x, 1)), c.float("alpha"))
	return c.Op("Where", c.Op("Less", x, c.Number(x, 0)), low, x)
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
