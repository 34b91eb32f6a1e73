package onnxop

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// Perm returns the permutation of a Transpose node on a tensor of that rank: output dimension i is input dimension
// Perm[i]. Without the attribute the dimensions are reversed.
func Perm(n *onnx.NodeProto, rank int) ([]int, error) {
	perm := make([]int, rank)
	v, ok := onnx.GetInts(n, "perm")
	if !ok {
		for i := range perm {
			perm[i] = rank - 1 - i
		}
		return perm, nil
	}
	if len(v) != rank {
		return nil, fmt.Errorf("perm has %d entries; want %d", len(v), rank)
	}
	seen := make([]bool, rank)
	for i, p := range v {
		if p < 0 || p >= int64(rank) || seen[p] {
			return nil, fmt.Errorf("perm %v is not a permutation of %d dimensions", v, rank)
		}
		seen[p], perm[i] = true, int(p)
	}
	return perm, nil
}

// axesOf returns the axes of a Squeeze or Unsqueeze, whether there are any at all, and whether they are known.
func (c *call) axesOf() (axes []int64, given, known bool) {
	if v, ok := onnx.GetInts(c.node, "axes"); ok {
		return v, true, true
	}
	t := c.at(1)
	if t.Absent() {
		return nil, false, true
	}
	if t.Value == nil {
		return nil, true, false
	}
	return t.Value.Int64(), true, true
}

func squeeze(c *call) error {
	if err := c.indices(1); err != nil {
		return err
	}
	in := c.in[0]
	axes, given, known := c.axesOf()
	if in.Unranked || !known || (!given && !in.Static()) {
		return c.give(Type{DType: in.DType, Unranked: true})
	}
	var set []bool
	if given {
		s, err := Axes(axes, len(in.Shape))
		if err != nil {
			return c.fail("%v", err)
		}
		set = s
	} else {
		set = make([]bool, len(in.Shape))
		for i, d := range in.Shape {
			set[i] = d == 1
		}
	}
	for i, d := range in.Shape {
		if set[i] && !fits(d, 1) {
			return c.fail("dimension %d of %v is not 1", i, in)
		}
	}
	return c.give(Type{DType: in.DType, Shape: fold(in.Shape, set, false)})
}

func unsqueeze(c *call) error {
	if err := c.indices(1); err != nil {
		return err
	}
	in := c.in[0]
	axes, given, known := c.axesOf()
	if !given {
		return c.fail("has no axes; want them as input 1")
	}
	if in.Unranked || !known {
		return c.give(Type{DType: in.DType, Unranked: true})
	}
	set, err := Axes(axes, len(in.Shape)+len(axes))
	if err != nil {
		return c.fail("%v", err)
	}
	out, at := make([]int, len(set)), 0
	for i := range out {
		if set[i] {
			out[i] = 1
			continue
		}
		out[i] = in.Shape[at]
		at++
	}
	return c.give(Type{DType: in.DType, Shape: out})
}
