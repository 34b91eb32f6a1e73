package onnxop

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

var scanAttrs = []Attr{intAttr("exclusive", 0), intAttr("reverse", 0)}

// scanOps work along one dimension, or make tensors of few numbers.
var scanOps = []Op{
	{Name: "CumProd", In: two, Out: one, Types: numbers, Attrs: scanAttrs, Decides: []int{1}, rule: scan},
	{Name: "CumSum", In: two, Out: one, Types: numbers, Attrs: scanAttrs, Decides: []int{1}, rule: scan},
	{Name: "Det", In: one, Out: one, Types: floats, rule: det},
	{Name: "EyeLike", In: one, Out: one, Types: all, rule: eyeLike,
		Attrs: []Attr{optional("dtype", onnx.AttributeProto_INT), intAttr("k", 0)}},
	{Name: "Hardmax", In: one, Out: one, Types: floats, Attrs: []Attr{intAttr("axis", -1)}, rule: softmax},
	{Name: "Range", In: Arity{3, 3}, Out: one, Types: numbers, Same: true, Decides: []int{0, 1, 2}, rule: rangeOf},
	{Name: "Tile", In: two, Out: one, Types: all, Decides: []int{1}, rule: tile},
	{Name: "Trilu", In: Arity{1, 2}, Out: one, Types: all, Decides: []int{1}, Attrs: []Attr{intAttr("upper", 1)},
		rule: trilu},
}

// ScanAxis returns the axis of a CumSum or CumProd, -1 where it is not known.
func ScanAxis(in []Type) (int, error) {
	if in[1].Value == nil || in[1].Value.Len() != 1 || in[0].Unranked {
		return -1, nil
	}
	return Axis(Integers(in[1].Value)[0], len(in[0].Shape))
}

func scan(c *call) error {
	if t := c.in[1]; (t.DType != tensor.Int64 && t.DType != tensor.Int32) || t.Rank() > 1 ||
		t.Static() && t.Elements() != 1 {
		return c.fail("the axis is %v; want one int64 or int32", t)
	}
	if _, err := ScanAxis(c.in); err != nil {
		return c.fail("%v", err)
	}
	return same(c)
}

func det(c *call) error {
	in := c.in[0]
	if in.Unranked {
		return c.give(Type{DType: in.DType, Unranked: true})
	}
	n := len(in.Shape)
	if n < 2 || !fits(in.Shape[n-1], in.Shape[n-2]) {
		return c.fail("input is %v; want square matrices", in)
	}
	return c.give(Type{DType: in.DType, Shape: in.Shape[:n-2]})
}

func eyeLike(c *call) error {
	in := c.in[0]
	if in.Rank() >= 0 && in.Rank() != 2 {
		return c.fail("input is %v; want a matrix", in)
	}
	out := Type{DType: in.DType, Shape: []int{-1, -1}}
	if !in.Unranked {
		out.Shape = in.Shape
	}
	if d, ok := onnx.GetInt(c.node, "dtype"); ok {
		if d < 0 || d > 255 || !slices.Contains(all, tensor.DType(d)) {
			return &UnsupportedError{Op: "EyeLike", DType: tensor.DType(max(0, min(d, 255)))}
		}
		out.DType = tensor.DType(d)
	}
	return c.give(out)
}

// RangeLen returns the number of elements of a Range of known numbers, -1 where they are not known or not finite.
func RangeLen(in []Type) int {
	var v [3]float64
	for i := range v {
		t := in[i].Value
		if t == nil || t.Len() != 1 {
			return -1
		}
		v[i] = Number(t)
	}
	n := math.Ceil((v[1] - v[0]) / v[2])
	switch {
	case v[2] == 0 || n != n:
		return -1
	case n <= 0:
		return 0
	case n > ElementsMax:
		return ElementsMax + 1
	}
	return int(n)
}

// Number returns the first element of a tensor that is not empty as a float64; NaN of bool.
func Number(t *tensor.Tensor) float64 {
	switch t.DType() {
	case tensor.Float32:
		return float64(t.Float32()[0])
	case tensor.Float64:
		return t.Float64()[0]
	case tensor.Float16:
		return float64(t.Float16()[0].Float32())
	case tensor.BFloat16:
		return float64(t.BFloat16()[0].Float32())
	case tensor.Int64:
		return float64(t.Int64()[0])
	case tensor.Uint64:
		return float64(t.Uint64()[0])
	case tensor.Bool:
		return math.NaN()
	}
	return float64(Scalar(t))
}

func rangeOf(c *call) error {
	for i, t := range c.in {
		if t.Rank() > 1 || t.Static() && t.Elements() != 1 {
			return c.fail("input %d is %v; want one number", i, t)
		}
		if t.Value != nil && i == 2 && Number(t.Value) == 0 {
			return c.fail("the step is 0")
		}
	}
	return c.give(Type{DType: c.in[0].DType, Shape: []int{RangeLen(c.in)}})
}

func tile(c *call) error {
	if err := c.indices(1); err != nil {
		return err
	}
	in, r := c.in[0], c.in[1]
	if in.Unranked {
		return c.give(Type{DType: in.DType, Unranked: true})
	}
	if r.Static() && (r.Rank() != 1 || r.Shape[0] != len(in.Shape)) {
		return c.fail("repeats is %v; want one number for each dimension of %v", r, in)
	}
	out := unknown(len(in.Shape))
	if r.Value != nil {
		for i, n := range r.Value.Int64() {
			switch {
			case n < 0 || n > ElementsMax:
				return c.fail("repeats has %d; want 0 to %d", n, ElementsMax)
			case in.Shape[i] >= 0:
				out[i] = product([]int{in.Shape[i], int(n)})
			}
		}
	}
	return c.give(Type{DType: in.DType, Shape: out})
}

func trilu(c *call) error {
	if t := c.at(1); !t.Absent() && (t.DType != tensor.Int64 || t.Static() && t.Elements() != 1) {
		return c.fail("k is %v; want one int64", t)
	}
	if in := c.in[0]; !in.Unranked && len(in.Shape) < 2 {
		return c.fail("input is %v; want matrices", in)
	}
	return same(c)
}
