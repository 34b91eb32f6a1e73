package lower

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// normRules bring values to a mean of 0 and a variance of 1, or to a size of 1. Variances are means of squared
// differences from the mean, so that they are never below 0.
var normRules = []rule{
	{Name: "BatchNormalization", In: upTo(5, 5), Out: upTo(1, 3), Types: floats, write: batchNorm,
		Attrs: []onnxop.Attr{floatAttr("epsilon", 1e-5), floatAttr("momentum", 0.9), intAttr("training_mode", 0)}},
	{Name: "GroupNormalization", In: upTo(3, 3), Out: one, Types: floats, write: groupNorm,
		Attrs: []onnxop.Attr{floatAttr("epsilon", 1e-5), intAttr("stash_type", 1),
			{Name: "num_groups", Kind: onnx.AttributeProto_INT, Required: true}}},
	{Name: "InstanceNormalization", In: upTo(3, 3), Out: one, Types: floats, write: instanceNorm,
		Attrs: []onnxop.Attr{floatAttr("epsilon", 1e-5)}},
	{Name: "LayerNormalization", In: upTo(2, 3), Out: upTo(1, 3), Types: floats, write: layerNorm,
		Attrs: []onnxop.Attr{intAttr("axis", -1), floatAttr("epsilon", 1e-5), intAttr("stash_type", 1)}},
	{Name: "LpNormalization", In: one, Out: one, Types: floats, write: lpNorm,
		Attrs: []onnxop.Attr{intAttr("axis", -1), intAttr("p", 2)}},
	{Name: "LRN", In: one, Out: one, Types: floats, write: localNorm,
		Attrs: []onnxop.Attr{floatAttr("alpha", 1e-4), floatAttr("beta", 0.75), floatAttr("bias", 1),
			{Name: "size", Kind: onnx.AttributeProto_INT, Required: true}}},
	{Name: "MeanVarianceNormalization", In: one, Out: one, Types: floats, write: meanVarianceNorm,
		Attrs: []onnxop.Attr{attr("axes", onnx.AttributeProto_INTS, nil)}},
	{Name: "RMSNormalization", In: two, Out: one, Types: floats, write: rmsNorm,
		Attrs: []onnxop.Attr{intAttr("axis", -1), floatAttr("epsilon", 1e-5), intAttr("stash_type", 1)}},
}

// ranked returns the number of dimensions of input i, which has to be known and at least that many.
func (c *call) ranked(i, least int) (int, error) {
	r := c.typ(i).Rank()
	if r < least {
		return 0, c.fail("input %d is %v; want at least %d dimensions", i, c.typ(i), least)
	}
	return r, nil
}

// span lists the numbers from lo up to hi.
func span(lo, hi int) []int64 {
	var out []int64
	for i := lo; i < hi; i++ {
		out = append(out, int64(i))
	}
	return out
}

// over is a reduction over axes, which stay with the length 1.
func (c *call) over(op, x string, axes []int64) string {
	in, attrs := []string{x}, []*onnx.AttributeProto{onnx.AttrInt("keepdims", 1)}
	if op == "ReduceSum" {
		in = append(in, c.Ints(axes...))
	} else {
		attrs = append(attrs, onnx.AttrInts("axes", axes...))
	}
	return c.With(op, in, attrs...)
}

// inverse is 1/√(v+epsilon).
func (c *call) inverse(v string) string {
	return c.Op("Reciprocal", c.Op("Sqrt", c.Op("Add", v, c.Number(v, c.float("epsilon")))))
}

// moments are the differences of x from its mean along axes, the mean, and the variance.
func (c *call) moments(x string, axes []int64) (d, mean, variance string) {
	mean = c.over("ReduceMean", x, axes)
	d = c.Op("Sub", x, mean)
	return d, mean, c.over("ReduceMean", c.Op("Mul", d, d), axes)
}

// channels is a list of one number for each channel in a shape that broadcasts to the input, of its element type.
func (c *call) channels(v string, rank int) string {
	dims := append([]int64{-1}, slices.Repeat([]int64{1}, max(rank-2, 0))...)
	return c.Cast(c.With("Reshape", []string{v, c.Ints(dims...)}), c.typ(0).DType)
}

// list checks that input i has one number for each channel of the first one.
func (c *call) list(i int) error {
	t, x := c.typ(i), c.typ(0)
	n := 1
	if len(x.Shape) > 1 {
		n = x.Shape[1]
	}
	if t.Rank() != 1 || n >= 0 && t.Shape[0] >= 0 && t.Shape[0] != n || !slices.Contains(floats, t.DType) {
		return c.fail("input %d is %v; want one number for each channel of %v", i, t, x)
	}
	return nil
}

// batchNorm uses the statistics that it is given, and in training those of the batch, whose variance is that of the
// population. It then gives the running ones too.
func batchNorm(c *call) ([]string, error) {
	rank, err := c.ranked(0, 1)
	if err != nil {
		return nil, err
	}
	for i := 1; i < 5; i++ {
		if err := c.list(i); err != nil {
			return nil, err
		}
	}
	x, scale, bias := c.in[0], c.channels(c.in[1], rank), c.channels(c.in[2], rank)
	if c.int("training_mode") == 0 {
		if c.wants(1) || c.wants(2) {
			return nil,
				c.fail("has outputs beyond the first without training_mode; want one output, or training_mode 1")
		}
		d := c.Op("Sub", x, c.channels(c.in[3], rank))
		d = c.Op("Mul", d, c.Op("Mul", scale, c.inverse(c.channels(c.in[4], rank))))
		return []string{c.Op("Add", d, bias)}, nil
	}
	d, mean, variance := c.moments(x, append([]int64{0}, span(2, rank)...))
	y := c.Op("Add", c.Op("Mul", d, c.Op("Mul", scale, c.inverse(variance))), bias)
	out, m := []string{y, "", ""}, c.float("momentum")
	for i, now := range []string{mean, variance} {
		if c.wants(i + 1) {
			was := c.in[i+3]
			now = c.Cast(c.With("Reshape", []string{now, c.Ints(-1)}), c.Types[was].DType)
			out[i+1] = c.Op("Add", c.scaled(was, m), c.Op("Mul", now, c.Op("Sub", c.Number(was, 1), c.Number(was, m))))
		}
	}
	return out, nil
}

func instanceNorm(c *call) ([]string, error) {
	rank, err := c.ranked(0, 3)
	for i := 1; i < 3 && err == nil; i++ {
		err = c.list(i)
	}
	if err != nil {
		return nil, err
	}
	d, _, variance := c.moments(c.in[0], span(2, rank))
	y := c.Op("Mul", d, c.inverse(variance))
	return []string{c.Op("Add", c.Op("Mul", y, c.channels(c.in[1], rank)), c.channels(c.in[2], rank))}, nil
}

// groupNorm takes scales and biases of channels, as from operator set 21 on, and of groups, as in 18.
func groupNorm(c *call) ([]string, error) {
	rank, err := c.ranked(0, 3)
	if err != nil {
		return nil, err
	}
	g, n := c.int("num_groups"), c.typ(0).Shape[1]
	if g < 1 || n < 0 || n%int(min(g, onnxop.ElementsMax)) != 0 {
		return nil, c.fail("num_groups is %d and the input is %v; want channels that are a multiple of it", g, c.typ(0))
	}
	x := c.in[0]
	d, _, variance := c.moments(c.With("Reshape", []string{x, c.Ints(0, g, -1)}), []int64{2})
	y := c.Reshape(c.Op("Mul", d, c.inverse(variance)), x)
	var factors [2]string
	for i := range factors {
		v, t := c.in[i+1], c.typ(i+1)
		if t.Rank() == 1 && t.Shape[0] == int(g) && int(g) != n {
			v = c.Op("Expand", c.Op("Unsqueeze", v, c.Ints(1)), c.Ints(g, int64(n)/g))
		} else if err := c.list(i + 1); err != nil {
			return nil, err
		}
		factors[i] = c.channels(v, rank)
	}
	return []string{c.Op("Add", c.Op("Mul", y, factors[0]), factors[1])}, nil
}

// behind returns the axes from the attribute axis on.
func (c *call) behind() ([]int64, error) {
	rank, err := c.ranked(0, 1)
	if err != nil {
		return nil, err
	}
	axis, err := onnxop.Axis(c.int("axis"), rank)
	if err != nil {
		return nil, c.fail("%v", err)
	}
	return span(axis, rank), nil
}

func layerNorm(c *call) ([]string, error) {
	axes, err := c.behind()
	if err != nil {
		return nil, err
	}
	d, mean, variance := c.moments(c.in[0], axes)
	inv := c.inverse(variance)
	y := c.Op("Mul", c.Op("Mul", d, inv), c.Cast(c.in[1], c.typ(0).DType))
	if c.at(2) != "" {
		y = c.Op("Add", y, c.Cast(c.in[2], c.typ(0).DType))
	}
	return []string{y, c.stash(1, mean), c.stash(2, inv)}, c.keeps(y)
}

// stash is an output of statistics in the element type that stash_type names.
func (c *call) stash(i int, v string) string {
	if !c.wants(i) {
		return ""
	}
	return c.Cast(v, tensor.DType(c.int("stash_type")))
}

// keeps is an error where scales stretched a result beyond the shape of the input.
func (c *call) keeps(y string) error {
	if c.Err == nil && !c.Types[y].Unranked && len(c.Types[y].Shape) != len(c.typ(0).Shape) ||
		c.Err == nil && c.Types[y].Static() && c.typ(0).Static() && !slices.Equal(c.Types[y].Shape, c.typ(0).Shape) {
		return c.fail("the scale is %v; want a shape that broadcasts to %v", c.typ(1), c.typ(0))
	}
	return nil
}

func rmsNorm(c *call) ([]string, error) {
	axes, err := c.behind()
	if err != nil {
		return nil, err
	}
	x := c.in[0]
	y := c.Op("Mul", x, c.inverse(c.over("ReduceMean", c.Op("Mul", x, x), axes)))
	y = c.Op("Mul", c.Cast(y, c.typ(1).DType), c.in[1])
	return []string{y}, c.keeps(y)
}

func meanVarianceNorm(c *call) ([]string, error) {
	rank, err := c.ranked(0, 1)
	if err != nil {
		return nil, err
	}
	axes, ok := onnx.GetInts(c.node, "axes")
	if !ok {
		axes = []int64{0, 2, 3}
	}
	if _, err := onnxop.Axes(axes, rank); err != nil {
		return nil, c.fail("%v", err)
	}
	d, _, variance := c.moments(c.in[0], axes)
	return []string{c.Op("Div", d, c.Op("Add", c.Op("Sqrt", variance), c.Number(d, 1e-9)))}, nil
}

// root is the square root where a value is above 0, and else 0, with a gradient of 0.
func (c *call) root(v string) string {
	none := c.Op("Equal", v, c.Number(v, 0))
	return c.Op("Where", none, c.Number(v, 0), c.Op("Sqrt", c.Op("Where", none, c.Number(v, 1), v)))
}

// lpNorm divides by the size along an axis, and leaves what has none.
func lpNorm(c *call) ([]string, error) {
	rank, err := c.ranked(0, 1)
	if err != nil {
		return nil, err
	}
	axis, err := onnxop.Axis(c.int("axis"), rank)
	if err != nil {
		return nil, c.fail("%v", err)
	}
	x, axes := c.in[0], []int64{int64(axis)}
	var size string
	switch p := c.int("p"); p {
	case 1:
		size = c.over("ReduceSum", c.Op("Abs", x), axes)
	case 2:
		size = c.root(c.over("ReduceSum", c.Op("Mul", x, x), axes))
	default:
		return nil, c.fail("p is %d; want 1 or 2", p)
	}
	return []string{c.Op("Div", x, c.Op("Where", c.Op("Equal", size, c.Number(x, 0)), c.Number(x, 1), size))}, nil
}

// localNorm divides by what the squares of the channels nearby sum up to.
func localNorm(c *call) ([]string, error) {
	if _, err := c.ranked(0, 3); err != nil {
		return nil, err
	}
	size, n := c.int("size"), c.typ(0).Shape[1]
	if size < 1 || size > onnxop.ElementsMax || n < 0 {
		return nil, c.fail("size is %d and the input is %v; want a size of at least 1 and known channels", size,
			c.typ(0))
	}
	x := c.in[0]
	squares := c.With("Reshape", []string{c.Op("Mul", x, x), c.Ints(0, 1, int64(n), -1)})
	sums := c.With("SumPool", []string{squares}, onnx.AttrInts("kernel_shape", size, 1),
		onnx.AttrInts("pads", (size-1)/2, 0, size/2, 0))
	scale := c.Op("Add", c.scaled(c.Reshape(sums, x), c.float("alpha")/float64(size)), c.Number(x, c.float("bias")))
	return []string{c.Op("Div", x, c.Op("Pow", scale, c.Number(x, c.float("beta"))))}, nil
}
