package lower

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// quantizeRules write what works on quantized numbers as what does so on floats: a whole number of up to 16 bits is one
// of float32, and the sums of a product of matrices of 8 bits are whole numbers of float64.
var quantizeRules = []rule{
	{Name: "QuantizeLinear", In: upTo(2, 3), Out: one, write: quantize, Attrs: []onnxop.Attr{intAttr("axis", 1),
		intAttr("block_size", 0), intAttr("output_dtype", 0), intAttr("precision", 0), intAttr("saturate", 1)},
		Types: append(slices.Clone(measured), tensor.Int32)},
	{Name: "DequantizeLinear", In: upTo(2, 3), Out: one, write: dequantize, Attrs: []onnxop.Attr{intAttr("axis", 1),
		intAttr("block_size", 0), intAttr("output_dtype", 0)},
		Types: []tensor.DType{tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16, tensor.Int32}},
	{Name: "DynamicQuantizeLinear", In: one, Out: upTo(3, 3), write: dynamicQuantize,
		Types: []tensor.DType{tensor.Float32}},
	{Name: "MatMulInteger", In: upTo(2, 4), Out: one, write: matMulInteger,
		Types: []tensor.DType{tensor.Uint8, tensor.Int8}},
	{Name: "QLinearConv", In: upTo(8, 9), Out: one, write: qLinearConv,
		Types: []tensor.DType{tensor.Uint8, tensor.Int8}, Attrs: append(slices.Clone(windowAttrs),
			attr("kernel_shape", onnx.AttributeProto_INTS, nil), stringAttr("auto_pad", "NOTSET"),
			intAttr("group", 1))},
	{Name: "QLinearMatMul", In: upTo(8, 8), Out: one, write: qLinearMatMul,
		Types: []tensor.DType{tensor.Uint8, tensor.Int8}},
}

// measured are the types of what is quantized.
var measured = []tensor.DType{tensor.Float32, tensor.Float16, tensor.BFloat16}

// rangeOf returns the least and the greatest number of a quantized type, and whether it is one.
func rangeOf(d tensor.DType) (lo, hi float64, ok bool) {
	switch d {
	case tensor.Uint8:
		return 0, math.MaxUint8, true
	case tensor.Int8:
		return math.MinInt8, math.MaxInt8, true
	case tensor.Uint16:
		return 0, math.MaxUint16, true
	case tensor.Int16:
		return math.MinInt16, math.MaxInt16, true
	}
	return 0, 0, false
}

// beside returns input i, a scale or a zero point, as something that broadcasts with the first input: one number, one
// for each place along the axis, or one for each block of so many places.
func (c *call) beside(i int) (string, error) {
	x, err := c.static(0)
	if err != nil {
		return "", err
	}
	s, err := c.static(i)
	if err != nil {
		return "", err
	}
	v := c.in[i]
	if c.typ(i).Elements() == 1 && c.int("block_size") == 0 {
		return c.Shaped(v), nil
	}
	axis, err := onnxop.Axis(c.int("axis"), len(x))
	if err != nil {
		return "", c.fail("%v", err)
	}
	block := int(c.int("block_size"))
	if block == 0 {
		if len(s) != 1 || s[0] != x[axis] {
			return "", c.fail("input %d is %v; want one number for each of the %d along axis %d", i, c.typ(i), x[axis],
				axis)
		}
		shape := slices.Repeat([]int{1}, len(x))
		shape[axis] = s[0]
		return c.Shaped(v, shape...), nil
	}
	want := slices.Clone(x)
	if block > 0 && block <= onnxop.ElementsMax {
		want[axis] = (x[axis] + block - 1) / block
	}
	if block < 0 || block > onnxop.ElementsMax || !slices.Equal(s, want) {
		return "", c.fail("input %d is %v; want one number for each block of %d along axis %d", i, c.typ(i), block,
			axis)
	}
	if block > x[axis] {
		block = max(1, x[axis])
	}
	inner := slices.Insert(slices.Clone(s), axis+1, 1)
	v = c.Shaped(v, inner...)
	inner[axis+1] = block
	dims := make([]int64, len(inner))
	for j, d := range inner {
		dims[j] = int64(d)
	}
	v = c.Op("Expand", v, c.Ints(dims...))
	whole := slices.Clone(s)
	whole[axis] *= block
	return c.Sliced(c.Shaped(v, whole...), axis, 0, x[axis]), nil
}

// quantize is x / scale, rounded, of two as near to the even one, plus the zero point, within the type.
func quantize(c *call) ([]string, error) {
	scale, err := c.beside(1)
	if err != nil {
		return nil, err
	}
	x, to := c.in[0], tensor.DType(min(max(c.int("output_dtype"), 0), 255))
	if to == 0 {
		to = tensor.Uint8
	}
	zero := ""
	if c.at(2) != "" {
		to = c.typ(2).DType
		if zero, err = c.beside(2); err != nil {
			return nil, err
		}
	}
	lo, hi, ok := rangeOf(to)
	if !ok {
		return nil, c.fail("the result would be of %v; want an integer of 8 or 16 bits", to)
	}
	in := c.typ(1).DType
	if p := c.int("precision"); p != 0 {
		in = tensor.DType(min(max(p, 0), 255))
	}
	if !slices.Contains(measured, in) {
		return nil, c.fail("the scale is %v; want a float", c.typ(1))
	}
	y := c.Op("Round", c.Cast(c.Op("Div", c.Cast(x, in), c.Cast(scale, in)), tensor.Float32))
	if zero != "" {
		y = c.Op("Add", y, c.Cast(zero, tensor.Float32))
	}
	return []string{c.Cast(c.Op("Clip", y, c.Number(y, lo), c.Number(y, hi)), to)}, nil
}

// dequantize is (x - the zero point)·scale.
func dequantize(c *call) ([]string, error) {
	scale, err := c.beside(1)
	if err != nil {
		return nil, err
	}
	x := c.Cast(c.in[0], tensor.Float32)
	if c.at(2) != "" {
		zero, err := c.beside(2)
		if err != nil {
			return nil, err
		}
		x = c.Op("Sub", x, c.Cast(zero, tensor.Float32))
	}
	to := c.typ(1).DType
	if d := c.int("output_dtype"); d != 0 {
		to = tensor.DType(min(max(d, 0), 255))
	}
	if !slices.Contains(measured, to) {
		return nil, c.fail("the result would be of %v; want a float", to)
	}
	return []string{c.Cast(c.Op("Mul", x, c.Cast(scale, tensor.Float32)), to)}, nil
}

// dynamicQuantize quantizes to uint8 by the range that the input has, in which zero is.
func dynamicQuantize(c *call) ([]string, error) {
	x := c.in[0]
	zero, top := c.Number(x, 0), c.Number(x, math.MaxUint8)
	most := c.Op("Max", c.With("ReduceMax", []string{x}, onnx.AttrInt("keepdims", 0)), zero)
	least := c.Op("Min", c.With("ReduceMin", []string{x}, onnx.AttrInt("keepdims", 0)), zero)
	span := c.Op("Where", c.Op("Equal", most, least), c.Number(x, 1), c.Op("Sub", most, least))
	scale := c.Op("Div", span, top)
	point := c.Op("Round", c.Op("Clip", c.Op("Neg", c.Op("Div", least, scale)), zero, top))
	y := c.Op("Clip", c.Op("Add", c.Op("Round", c.Op("Div", x, scale)), point), zero, top)
	return []string{c.Cast(y, tensor.Uint8), scale, c.Cast(point, tensor.Uint8)}, nil
}

// centred returns input i less its zero point, where there is one, in float64. A list of zero points of the left side
// of a product has one for each row.
func (c *call) centred(i, zero int, rows bool) string {
	x := c.Cast(c.in[i], tensor.Float64)
	if c.at(zero) == "" {
		return x
	}
	z := c.Cast(c.in[zero], tensor.Float64)
	if t := c.typ(zero); rows && t.Rank() == 1 && t.Elements() != 1 {
		z = c.Op("Unsqueeze", z, c.Ints(1))
	}
	return c.Op("Sub", x, z)
}

// matMulInteger is the product of whole numbers.
func matMulInteger(c *call) ([]string, error) {
	if d := c.typ(1).DType; d != tensor.Uint8 && d != tensor.Int8 {
		return nil, c.fail("input 1 is %v; want uint8 or int8", c.typ(1))
	}
	return []string{c.Cast(c.Op("MatMul", c.centred(0, 2, true), c.centred(1, 3, false)), tensor.Int32)}, nil
}

// quantizedPair checks two quantized inputs and the type of a result, and that their scales and zero points are one
// number each, but for those that a list names, which may be one for each row of the second input. It returns the range
// of the result.
func (c *call) quantizedPair(rows ...int) (lo, hi float64, err error) {
	lo, hi, ok := rangeOf(c.typ(7).DType)
	if d := c.typ(3).DType; d != tensor.Uint8 && d != tensor.Int8 || !ok {
		return 0, 0, c.fail("input 3 is %v and input 7 %v; want uint8 or int8", c.typ(3), c.typ(7))
	}
	for i := range 8 {
		t := c.typ(i)
		if i == 0 || i == 3 || t.Static() && t.Elements() == 1 ||
			slices.Contains(rows, i) && t.Static() && len(t.Shape) == 1 && t.Shape[0] == c.typ(3).Shape[0] {
			continue
		}
		return 0, 0, c.fail("input %d is %v; want one number", i, t)
	}
	return lo, hi, nil
}

// requantized is a product of whole numbers times a factor, rounded, of two as near to the even one, within a range.
func (c *call) requantized(product, factor string, lo, hi float64) string {
	y := c.Op("Mul", product, c.Cast(factor, tensor.Float64))
	y = c.Op("Round", c.Op("Add", y, c.Cast(c.Shaped(c.in[7]), tensor.Float64)))
	return c.Cast(c.Op("Clip", y, c.Number(y, lo), c.Number(y, hi)), c.typ(7).DType)
}

// qLinearMatMul is that product, quantized again.
func qLinearMatMul(c *call) ([]string, error) {
	lo, hi, err := c.quantizedPair()
	if err != nil {
		return nil, err
	}
	one := func(i int) string { return c.Shaped(c.in[i]) }
	product := c.Op("MatMul", c.Op("Sub", c.Cast(c.in[0], tensor.Float64), c.Cast(one(2), tensor.Float64)),
		c.Op("Sub", c.Cast(c.in[3], tensor.Float64), c.Cast(one(5), tensor.Float64)))
	return []string{c.requantized(product, c.Op("Div", c.Op("Mul", one(1), one(4)), one(6)), lo, hi)}, nil
}

// qLinearConv is a convolution of whole numbers, with a bias of such, quantized again. The filter may have a scale and
// a zero point for each of its results.
func qLinearConv(c *call) ([]string, error) {
	x, err := c.static(0)
	if err != nil {
		return nil, err
	}
	w, err := c.static(3)
	if err != nil {
		return nil, err
	}
	if len(x) < 3 || len(w) != len(x) {
		return nil, c.fail("the input is %v and the filter %v; want images and filters of them", c.typ(0), c.typ(3))
	}
	lo, hi, err := c.quantizedPair(4, 5)
	if err != nil {
		return nil, err
	}
	// each is input i as it stands beside a value of the rank of images, of which dimension at is that of the
	// results.
	each := func(i, at int) string {
		dims := slices.Repeat([]int{1}, len(x))
		if c.typ(i).Rank() == 1 {
			dims[at] = c.typ(i).Shape[0]
		}
		return c.Shaped(c.in[i], dims...)
	}
	wide := func(v string) string { return c.Cast(v, tensor.Float64) }
	in := []string{c.Op("Sub", wide(c.in[0]), wide(each(2, 0))), c.Op("Sub", wide(c.in[3]), wide(each(5, 0)))}
	if c.at(8) != "" {
		if t := c.typ(8); t.DType != tensor.Int32 || !slices.Equal(t.Shape, w[:1]) {
			return nil, c.fail("the bias is %v; want int32[%d]", t, w[0])
		}
		in = append(in, wide(c.in[8]))
	}
	product := c.With("Conv", in, c.node.GetAttribute()...)
	factor := c.Op("Div", c.Op("Mul", each(1, 0), each(4, 1)), each(6, 0))
	return []string{c.requantized(product, factor, lo, hi)}, nil
}
