package lower

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

var (
	kernelShape = onnxop.Attr{Name: "kernel_shape", Kind: onnx.AttributeProto_INTS, Required: true}
	windowAttrs = []onnxop.Attr{attr("strides", onnx.AttributeProto_INTS, nil), attr("pads", onnx.AttributeProto_INTS,
		nil),
		attr("dilations", onnx.AttributeProto_INTS, nil)}
)

// poolRules go over images by windows.
var poolRules = []rule{
	{Name: "Col2Im", In: upTo(3, 3), Out: one, Types: floats, Attrs: windowAttrs, write: col2Im},
	{Name: "ConvInteger", In: upTo(2, 4), Out: one, Types: []tensor.DType{tensor.Uint8, tensor.Int8},
		write: convInteger,
		Attrs: append(slices.Clone(windowAttrs), attr("kernel_shape", onnx.AttributeProto_INTS, nil),
			stringAttr("auto_pad", "NOTSET"), intAttr("group", 1))},
	{Name: "GlobalAveragePool", In: one, Out: one, Types: floats, write: global("ReduceMean")},
	{Name: "GlobalLpPool", In: one, Out: one, Types: floats, Attrs: []onnxop.Attr{intAttr("p", 2)}, write: globalLp},
	{Name: "GlobalMaxPool", In: one, Out: one, Types: floats, write: global("ReduceMax")},
	{Name: "LpPool", In: one, Out: one, Types: floats, write: lpPool,
		Attrs: append(slices.Clone(windowAttrs), kernelShape, stringAttr("auto_pad", "NOTSET"), intAttr("ceil_mode", 0),
			intAttr("p", 2))},
	{Name: "MaxUnpool", In: upTo(2, 3), Out: one, Types: floats, write: maxUnpool,
		Attrs: append(slices.Clone(windowAttrs[:2]), kernelShape)},
}

// global is a reduction of all spatial dimensions.
func global(op string) func(*call) ([]string, error) {
	return func(c *call) ([]string, error) {
		rank, err := c.ranked(0, 3)
		if err != nil {
			return nil, err
		}
		return []string{c.over(op, c.in[0], span(2, rank))}, nil
	}
}

// power is |x|^p.
func (c *call) power(x string, p int64) string {
	switch p {
	case 1:
		return c.Op("Abs", x)
	case 2:
		return c.Op("Mul", x, x)
	}
	return c.Op("Pow", c.Op("Abs", x), c.Number(x, float64(p)))
}

// rootOf is v^(1/p).
func (c *call) rootOf(v string, p int64) string {
	switch p {
	case 1:
		return v
	case 2:
		return c.root(v)
	}
	return c.Op("Pow", v, c.Number(v, 1/float64(p)))
}

func globalLp(c *call) ([]string, error) {
	rank, err := c.ranked(0, 3)
	if err != nil {
		return nil, err
	}
	p := c.int("p")
	if p < 1 {
		return nil, c.fail("p is %d; want at least 1", p)
	}
	return []string{c.rootOf(c.over("ReduceSum", c.power(c.in[0], p), span(2, rank)), p)}, nil
}

func lpPool(c *call) ([]string, error) {
	p := c.int("p")
	if p < 1 {
		return nil, c.fail("p is %d; want at least 1", p)
	}
	attrs := slices.DeleteFunc(slices.Clone(c.node.GetAttribute()), func(a *onnx.AttributeProto) bool {
		return a.GetName() == "p"
	})
	return []string{c.rootOf(c.With("SumPool", []string{c.power(c.in[0], p)}, attrs...), p)}, nil
}

// each returns a list attribute of n numbers of at least a least one, or of the default where it is not given.
func (c *call) each(name string, n int, least, def int64) ([]int64, error) {
	v, ok := onnx.GetInts(c.node, name)
	if !ok {
		return slices.Repeat([]int64{def}, n), nil
	}
	if len(v) != n || slices.ContainsFunc(v, func(d int64) bool { return d < least || d > onnxop.ElementsMax }) {
		return nil, c.fail("%s is %v; want %d numbers of at least %d", name, v, n, least)
	}
	return v, nil
}

// shapeOf returns a constant input that lists dimensions.
func (c *call) shapeOf(i int) ([]int64, error) {
	v, err := c.known(i)
	if err != nil || v == nil {
		return nil, err
	}
	if v.DType() != tensor.Int64 || v.Rank() != 1 || v.Len() > tensor.MaxRank ||
		slices.ContainsFunc(v.Int64(), func(d int64) bool { return d < 0 || d > onnxop.ElementsMax }) {
		return nil, c.fail("input %d is %v; want a list of dimensions", i, c.typ(i))
	}
	return v.Int64(), nil
}

// maxUnpool puts each element at its place in the image that the pool has read. Elements of one place, which a pool
// gives equal ones, are their mean. Where output_shape asks for a larger image it lies at the beginning of each
// dimension.
func maxUnpool(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	n := len(shape) - 2
	kernel, _ := onnx.GetInts(c.node, "kernel_shape")
	if n < 1 || len(kernel) != n || c.typ(1).DType != tensor.Int64 || !slices.Equal(c.typ(1).Shape, shape) {
		return nil, c.fail("the input is %v, the places are %v and kernel_shape is %v; want as many of each", c.typ(0),
			c.typ(1), kernel)
	}
	kernel, err = c.each("kernel_shape", n, 1, 1)
	if err != nil {
		return nil, err
	}
	strides, err := c.each("strides", n, 1, 1)
	if err != nil {
		return nil, err
	}
	pads, err := c.each("pads", 2*n, 0, 0)
	if err != nil {
		return nil, err
	}
	dims := []int64{int64(shape[0]), int64(shape[1])}
	for i, k := range kernel {
		dims = append(dims, (int64(shape[i+2])-1)*strides[i]+k-pads[i]-pads[i+n])
	}
	if slices.ContainsFunc(dims, func(d int64) bool { return d < 0 || d > onnxop.ElementsMax }) {
		return nil, c.fail("it makes an image of %v; want dimensions of 0 to %d", dims, onnxop.ElementsMax)
	}
	x, at := c.in[0], c.in[1]
	y := c.Op("ScatterAdd", x, at, c.Ints(dims...))
	count := c.Op("ScatterAdd", c.Like(x, 1), at, c.Ints(dims...))
	y = c.Op("Div", y, c.Op("Max", count, c.Number(x, 1)))
	said, err := c.shapeOf(2)
	if err != nil || said == nil {
		return []string{y}, err
	}
	if len(said) != len(dims) {
		return nil, c.fail("output_shape is %v; want %d dimensions", said, len(dims))
	}
	for i, d := range said {
		if d < dims[i] {
			return nil, c.fail("output_shape is %v; want at least %v", said, dims)
		}
		y = c.surrounded(y, i, 0, d-dims[i], "")
	}
	return []string{y}, nil
}

// col2Im adds blocks to where they were taken from: a transposed convolution of each channel whose filter k is 1 at tap
// k.
func col2Im(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	image, err := c.shapeOf(1)
	if err != nil {
		return nil, err
	}
	block, err := c.shapeOf(2)
	if err != nil {
		return nil, err
	}
	n := len(image)
	taps := int64(1)
	for _, k := range block {
		taps = min(taps*k, 1<<20)
	}
	if len(shape) != 3 || n < 1 || len(block) != n || taps < 1 || int64(shape[1])%taps != 0 ||
		int64(shape[1])*taps > 1<<22 {
		return nil, c.fail("the input is %v, the image %v and a block %v; want channels times the elements of a block",
			c.typ(0), image, block)
	}
	strides, err := c.each("strides", n, 1, 1)
	if err != nil {
		return nil, err
	}
	dilations, err := c.each("dilations", n, 1, 1)
	if err != nil {
		return nil, err
	}
	pads, err := c.each("pads", 2*n, 0, 0)
	if err != nil {
		return nil, err
	}
	dims, more := []int64{int64(shape[0]), int64(shape[1])}, make([]int64, n)
	for i, d := range image {
		rest := d + pads[i] + pads[i+n] - (block[i]-1)*dilations[i] - 1
		if rest < 0 {
			return nil, c.fail("the image is %v and a block %v; want the block to fit", image, block)
		}
		dims, more[i] = append(dims, rest/strides[i]+1), rest%strides[i]
	}
	weights := make([]float32, int64(shape[1])*taps)
	for i := range shape[1] {
		weights[int64(i)*taps+int64(i)%taps] = 1
	}
	extent := []int{shape[1], 1}
	for _, k := range block {
		extent = append(extent, int(k))
	}
	w := c.Cast(c.Constant(tensor.FromFloat32(extent, weights)), c.typ(0).DType)
	x := c.With("Reshape", []string{c.in[0], c.Ints(dims...)}, onnx.AttrInt("allowzero", 1))
	return []string{c.With("ConvTranspose", []string{x, w}, onnx.AttrInts("strides", strides...),
		onnx.AttrInts("dilations", dilations...), onnx.AttrInts("pads", pads...),
		onnx.AttrInts("output_padding", more...),
		onnx.AttrInt("group", int64(shape[1])/taps))}, nil
}

// convInteger is a convolution of whole numbers, which float64 holds exactly.
func convInteger(c *call) ([]string, error) {
	rank := c.typ(1).Rank()
	less := func(i, zero int) string {
		x := c.Cast(c.in[i], tensor.Float64)
		if c.at(zero) == "" {
			return x
		}
		z := c.Cast(c.in[zero], tensor.Float64)
		if i == 1 && c.typ(zero).Rank() == 1 && rank > 1 {
			z = c.With("Reshape", []string{z, c.Ints(append([]int64{-1}, slices.Repeat([]int64{1}, rank-1)...)...)})
		}
		return c.Op("Sub", x, z)
	}
	y := c.With("Conv", []string{less(0, 2), less(1, 3)}, c.node.GetAttribute()...)
	return []string{c.Cast(y, tensor.Int32)}, nil
}
