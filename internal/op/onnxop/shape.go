package onnxop

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// shapeOps change the shape of a tensor and not its elements, or speak of the shape.
var shapeOps = []Op{
	{Name: "Flatten", In: one, Out: one, Types: all, Attrs: []Attr{intAttr("axis", 1)}, rule: flatten},
	{Name: "Reshape", In: two, Out: one, Types: all, Attrs: []Attr{intAttr("allowzero", 0)}, Decides: []int{1},
		rule: reshape},
	{Name: "Shape", In: one, Out: one, Types: all, rule: shapeOf,
		Attrs: []Attr{intAttr("start", 0), optional("end", onnx.AttributeProto_INT)}},
	{Name: "Size", In: one, Out: one, Types: all, rule: sizeOf},
	{Name: "Squeeze", In: Arity{1, 2}, Out: one, Types: all, Decides: []int{1}, rule: squeeze,
		Attrs: []Attr{optional("axes", onnx.AttributeProto_INTS)}},
	{Name: "Transpose", In: one, Out: one, Types: all, rule: transpose,
		Attrs: []Attr{optional("perm", onnx.AttributeProto_INTS)}},
	{Name: "Unsqueeze", In: Arity{1, 2}, Out: one, Types: all, Decides: []int{1}, rule: unsqueeze,
		Attrs: []Attr{optional("axes", onnx.AttributeProto_INTS)}},
}

func flatten(c *call) error {
	in := c.in[0]
	if in.Unranked {
		return c.give(Type{DType: in.DType, Shape: unknown(2)})
	}
	axis := c.int("axis")
	if axis != int64(len(in.Shape)) {
		a, err := Axis(axis, len(in.Shape))
		if err != nil {
			return c.fail("%v", err)
		}
		axis = int64(a)
	}
	return c.give(Type{DType: in.DType, Shape: []int{count(in.Shape[:axis]), count(in.Shape[axis:])}})
}

// count is the number of elements of a shape, -1 where that is not known.
func count(shape []int) int {
	certain := true
	for _, d := range shape {
		if d == 0 {
			return 0
		}
		certain = certain && d > 0
	}
	if !certain {
		return -1
	}
	return product(shape)
}

func reshape(c *call) error {
	if err := c.indices(1); err != nil {
		return err
	}
	in, target := c.in[0], c.in[1]
	if target.Value == nil {
		if target.Rank() == 1 && target.Shape[0] >= 0 && target.Shape[0] <= tensor.MaxRank {
			return c.give(Type{DType: in.DType, Shape: unknown(target.Shape[0])})
		}
		return c.give(Type{DType: in.DType, Unranked: true})
	}
	out, hole, filled := []int{}, -1, true
	for i, d := range target.Value.Int64() {
		switch {
		case d == -1:
			if hole >= 0 {
				return c.fail("shape %v has two dimensions of -1", target.Value.Int64())
			}
			hole = i
		case d < 0 || d > ElementsMax:
			return c.fail("shape %v has the dimension %d", target.Value.Int64(), d)
		case d == 0 && c.int("allowzero") == 0:
			if in.Unranked {
				d = -1
			} else if i >= len(in.Shape) {
				return c.fail("shape %v copies dimension %d, which %v does not have", target.Value.Int64(), i, in)
			} else {
				d = int64(in.Shape[i])
			}
			filled = filled && d >= 0
		}
		out = append(out, int(d))
	}
	return c.settle(in, out, hole, filled)
}

// settle computes the open dimension of a reshape, where there is one, and compares the numbers of elements. filled
// says that every other dimension is known.
func (c *call) settle(in Type, out []int, hole int, filled bool) error {
	have := in.Elements()
	if have >= 0 && filled {
		rest := out
		if hole >= 0 {
			rest = append(append([]int{}, out[:hole]...), out[hole+1:]...)
			n := product(rest)
			if n == 0 || have%n != 0 {
				return c.fail("%v cannot become %v: %d elements are not a multiple of %d", in, out, have, n)
			}
			out[hole] = have / n
		}
		if product(out) != have {
			return c.fail("%v cannot become %v: %d elements and %d", in, out, have, product(out))
		}
	}
	return c.give(Type{DType: in.DType, Shape: out})
}

func shapeOf(c *call) error {
	in := c.in[0]
	if in.Unranked {
		return c.give(Type{DType: tensor.Int64, Shape: []int{-1}})
	}
	rank := int64(len(in.Shape))
	lo, hi := clampAxis(c.int("start"), rank), rank
	if v, ok := onnx.GetInt(c.node, "end"); ok {
		hi = clampAxis(v, rank)
	}
	dims := in.Shape[lo:max(lo, hi)]
	out := Type{DType: tensor.Int64, Shape: []int{len(dims)}}
	values := make([]int64, len(dims))
	for i, d := range dims {
		if d < 0 {
			return c.give(out)
		}
		values[i] = int64(d)
	}
	v, err := tensor.FromInt64([]int{len(dims)}, values)
	if err != nil {
		return c.fail("%v", err)
	}
	out.Value = v
	return c.give(out)
}

// clampAxis is the rule for the attributes of Shape: from the end when negative, then clamped to the rank.
func clampAxis(a, rank int64) int64 {
	if a < 0 {
		a += rank
	}
	return min(max(a, 0), rank)
}

func sizeOf(c *call) error {
	out := Type{DType: tensor.Int64, Shape: []int{}}
	if n := c.in[0].Elements(); n >= 0 {
		v, err := tensor.FromInt64([]int{}, []int64{int64(n)})
		if err != nil {
			return c.fail("%v", err)
		}
		out.Value = v
	}
	return c.give(out)
}

func transpose(c *call) error {
	in := c.in[0]
	rank := len(in.Shape)
	if in.Unranked {
		v, ok := onnx.GetInts(c.node, "perm")
		if !ok {
			return c.give(Type{DType: in.DType, Unranked: true})
		}
		rank = len(v) // the permutation tells the rank
		in.Shape = unknown(rank)
	}
	perm, err := Perm(c.node, rank)
	if err != nil {
		return c.fail("%v", err)
	}
	out := make([]int, len(perm))
	for i, p := range perm {
		out[i] = in.Shape[p]
	}
	return c.give(Type{DType: in.DType, Shape: out})
}
