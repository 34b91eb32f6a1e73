package onnxop

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

var reduceAttrs = []Attr{optional("axes", onnx.AttributeProto_INTS), intAttr("keepdims", 1),
	intAttr("noop_with_empty_axes", 0)}

// reduceOps fold dimensions away. Axes are an attribute or an input, as older and newer versions have it.
var reduceOps = []Op{
	{Name: "ReduceL1", In: Arity{1, 2}, Out: one, Types: numbers, Attrs: reduceAttrs, Decides: []int{1}, rule: reduce},
	{Name: "ReduceL2", In: Arity{1, 2}, Out: one, Types: floats, Attrs: reduceAttrs, Decides: []int{1}, rule: reduce},
	{Name: "ReduceLogSum", In: Arity{1, 2}, Out: one, Types: floats, Attrs: reduceAttrs, Decides: []int{1},
		rule: reduce},
	{Name: "ReduceLogSumExp", In: Arity{1, 2}, Out: one, Types: floats, Attrs: reduceAttrs, Decides: []int{1},
		rule: reduce},
	{Name: "ReduceMax", In: Arity{1, 2}, Out: one, Types: all, Attrs: reduceAttrs, Decides: []int{1}, rule: reduce},
	{Name: "ReduceMean", In: Arity{1, 2}, Out: one, Types: floats, Attrs: reduceAttrs, Decides: []int{1}, rule: reduce},
	{Name: "ReduceMin", In: Arity{1, 2}, Out: one, Types: all, Attrs: reduceAttrs, Decides: []int{1}, rule: reduce},
	{Name: "ReduceProd", In: Arity{1, 2}, Out: one, Types: numbers, Attrs: reduceAttrs, Decides: []int{1},
		rule: reduce},
	{Name: "ReduceSum", In: Arity{1, 2}, Out: one, Types: numbers, Attrs: reduceAttrs, Decides: []int{1}, rule: reduce},
	{Name: "ReduceSumSquare", In: Arity{1, 2}, Out: one, Types: numbers, Attrs: reduceAttrs, Decides: []int{1},
		rule: reduce},
	{Name: "ArgMax", In: one, Out: one, Types: numbers, Attrs: argAttrs, rule: argReduce},
	{Name: "ArgMin", In: one, Out: one, Types: numbers, Attrs: argAttrs, rule: argReduce},
}

var argAttrs = []Attr{intAttr("axis", 0), intAttr("keepdims", 1), intAttr("select_last_index", 0)}

// Reduced returns which dimensions of its first input a reduction folds, one flag per dimension. The flags are nil when
// that is not known yet: the rank, or an input that holds the axes.
func Reduced(n *onnx.NodeProto, in []Type) ([]bool, error) {
	var axes []int64
	known := true
	if v, ok := onnx.GetInts(n, "axes"); ok {
		axes = v
	} else if len(in) > 1 && !in[1].Absent() {
		if known = in[1].Value != nil; known {
			axes = in[1].Value.Int64()
		}
	}
	if !known || in[0].Unranked {
		return nil, nil
	}
	if len(axes) > 0 {
		return Axes(axes, len(in[0].Shape))
	}
	set := make([]bool, len(in[0].Shape))
	if Int(n, "noop_with_empty_axes") == 0 {
		for i := range set {
			set[i] = true
		}
	}
	return set, nil
}

func reduce(c *call) error {
	if err := c.indices(1); err != nil {
		return err
	}
	if _, ok := onnx.GetInts(c.node, "axes"); ok && !c.at(1).Absent() {
		return c.fail("has axes as an attribute and as an input; want one")
	}
	in := c.in[0]
	set, err := Reduced(c.node, c.in)
	if err != nil {
		return c.fail("%v", err)
	}
	keep := c.int("keepdims") != 0
	if set == nil {
		if in.Unranked || !keep {
			return c.give(Type{DType: in.DType, Unranked: true})
		}
		return c.give(Type{DType: in.DType, Shape: unknown(len(in.Shape))})
	}
	return c.give(Type{DType: in.DType, Shape: fold(in.Shape, set, keep)})
}

func argReduce(c *call) error {
	in, keep := c.in[0], c.int("keepdims") != 0
	if in.Unranked {
		return c.give(Type{DType: tensor.Int64, Unranked: true})
	}
	axis, err := Axis(c.int("axis"), len(in.Shape))
	if err != nil {
		return c.fail("%v", err)
	}
	if in.Shape[axis] == 0 {
		return c.fail("dimension %d of %v is empty and has no extreme value", axis, in)
	}
	set := make([]bool, len(in.Shape))
	set[axis] = true
	return c.give(Type{DType: tensor.Int64, Shape: fold(in.Shape, set, keep)})
}

// fold removes the flagged dimensions, or makes them 1.
func fold(shape []int, set []bool, keep bool) []int {
	out := make([]int, 0, len(shape))
	for i, d := range shape {
		switch {
		case !set[i]:
			out = append(out, d)
		case keep:
			out = append(out, 1)
		}
	}
	return out
}

// unknown is a shape of that rank of which nothing else is known.
func unknown(rank int) []int {
	s := make([]int, rank)
	for i := range s {
		s[i] = -1
	}
	return s
}

// indices checks that an optional input that holds axes or a shape is a list of int64.
func (c *call) indices(i int) error {
	t := c.at(i)
	if t.Absent() {
		return nil
	}
	if t.DType != tensor.Int64 {
		return c.fail("input %d is %v; want int64", i, t)
	}
	if t.Rank() > 1 {
		return c.fail("input %d is %v; want one dimension", i, t)
	}
	return nil
}
