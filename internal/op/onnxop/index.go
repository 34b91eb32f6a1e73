package onnxop

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/tensor"
)

// indexOps look elements up by index.
var indexOps = []Op{
	{Name: "Gather", In: two, Out: one, Types: all, Attrs: []Attr{intAttr("axis", 0)}, rule: gather},
	{Name: "OneHot", In: Arity{3, 3}, Out: one, Types: numbers, Attrs: []Attr{intAttr("axis", -1)}, Decides: []int{1},
		rule: oneHot},
}

func gather(c *call) error {
	data, idx := c.in[0], c.in[1]
	if idx.DType != tensor.Int64 && idx.DType != tensor.Int32 {
		return c.fail("the indices are %v; want int64 or int32", idx)
	}
	if data.Unranked || idx.Unranked {
		return c.give(Type{DType: data.DType, Unranked: true})
	}
	axis, err := Axis(c.int("axis"), len(data.Shape))
	if err != nil {
		return c.fail("%v", err)
	}
	out := slices.Concat(data.Shape[:axis], idx.Shape, data.Shape[axis+1:])
	return c.give(Type{DType: data.DType, Shape: out})
}

func oneHot(c *call) error {
	idx, depth, values := c.in[0], c.in[1], c.in[2]
	if !slices.Contains(all, values.DType) {
		return &UnsupportedError{Op: "OneHot", DType: values.DType}
	}
	if !slices.Contains(numbers, depth.DType) || depth.Rank() > 1 || !fits(max(depth.Elements(), -1), 1) {
		return c.fail("depth is %v; want one number", depth)
	}
	if values.Rank() > 1 || (values.Static() && values.Elements() != 2) {
		return c.fail("values is %v; want the two values [off, on]", values)
	}
	if idx.Unranked {
		return c.give(Type{DType: values.DType, Unranked: true})
	}
	axis, err := Axis(c.int("axis"), len(idx.Shape)+1)
	if err != nil {
		return c.fail("%v", err)
	}
	d := -1
	if depth.Value != nil {
		if d = Scalar(depth.Value); d < 0 || d > ElementsMax {
			return c.fail("depth is %d; want 0 to %d", d, ElementsMax)
		}
	}
	return c.give(Type{DType: values.DType, Shape: slices.Insert(slices.Clone(idx.Shape), axis, d)})
}

// Scalar returns the first element of a numeric tensor as an integer, rounded towards zero; -1 when the tensor is
// empty, is not numeric or holds what no int can hold.
func Scalar(t *tensor.Tensor) int {
	if t.Len() == 0 {
		return -1
	}
	f := -1.0
	switch t.DType() {
	case tensor.Int64:
		if v := t.Int64()[0]; int64(int(v)) == v {
			return int(v)
		}
		return -1
	case tensor.Int32:
		return int(t.Int32()[0])
	case tensor.Uint8:
		return int(t.Uint8()[0])
	case tensor.Int8:
		return int(t.Int8()[0])
	case tensor.Int16:
		return int(t.Int16()[0])
	case tensor.Uint16:
		return int(t.Uint16()[0])
	case tensor.Uint32:
		f = float64(t.Uint32()[0])
	case tensor.Uint64:
		f = float64(t.Uint64()[0])
	case tensor.Float16:
		f = float64(t.Float16()[0].Float32())
	case tensor.BFloat16:
		f = float64(t.BFloat16()[0].Float32())
	case tensor.Float32:
		f = float64(t.Float32()[0])
	case tensor.Float64:
		f = t.Float64()[0]
	}
	if f > math.MinInt/2 && f < math.MaxInt/2 {
		return int(f)
	}
	return -1
}
