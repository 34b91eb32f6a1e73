package onnxop

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// joinOps put tensors together, take parts of them, and repeat them.
var joinOps = []Op{
	{Name: "Concat", In: variadic, Out: one, Types: all, Same: true, rule: concat,
		Attrs: []Attr{required("axis", onnx.AttributeProto_INT)}},
	{Name: "Expand", In: two, Out: one, Types: all, Decides: []int{1}, rule: expand},
	{Name: "Slice", In: Arity{3, 5}, Out: one, Types: all, Decides: []int{1, 2, 3, 4}, rule: slice},
}

func concat(c *call) error {
	out := Type{DType: c.in[0].DType, Unranked: true}
	axis := 0
	for i, t := range c.in {
		if t.Absent() {
			return c.fail("input %d is not given", i)
		}
		if t.Unranked {
			continue
		}
		a, err := Axis(c.int("axis"), len(t.Shape))
		if err != nil {
			return c.fail("input %d is %v: %v", i, t, err)
		}
		if out.Unranked {
			axis, out.Unranked = a, false
			out.Shape = slices.Clone(t.Shape)
			out.Shape[axis] = 0
		}
		if len(t.Shape) != len(out.Shape) {
			return c.fail("input %d is %v; want %d dimensions", i, t, len(out.Shape))
		}
		for j, d := range t.Shape {
			switch {
			case j == axis && (d < 0 || out.Shape[j] < 0):
				out.Shape[j] = -1
			case j == axis:
				out.Shape[j] = min(out.Shape[j]+d, ElementsMax+1) // too many are too many, and do not overflow
			case !fits(d, out.Shape[j]):
				return c.fail("input %d is %v; want %d at dimension %d", i, t, out.Shape[j], j)
			case out.Shape[j] < 0:
				out.Shape[j] = d
			}
		}
	}
	if !out.Unranked && slices.ContainsFunc(c.in, func(t Type) bool { return t.Unranked }) {
		out.Shape[axis] = -1
	}
	return c.give(out)
}

func expand(c *call) error {
	if err := c.indices(1); err != nil {
		return err
	}
	in, target := c.in[0], c.in[1]
	if target.Value == nil && !in.Unranked && target.Rank() == 1 && target.Shape[0] >= 0 &&
		target.Shape[0] <= tensor.MaxRank {
		return c.give(Type{DType: in.DType, Shape: unknown(max(target.Shape[0], len(in.Shape)))})
	}
	if in.Unranked || target.Value == nil {
		return c.give(Type{DType: in.DType, Unranked: true})
	}
	shape, err := c.shapeValue(target.Value)
	if err != nil {
		return err
	}
	out, err := Broadcast(in.Shape, shape)
	if err != nil {
		return c.fail("%v", err)
	}
	return c.give(Type{DType: in.DType, Shape: out})
}

// shapeValue reads a shape that is given as a value.
func (c *call) shapeValue(v *tensor.Tensor) ([]int, error) {
	out := make([]int, v.Len())
	for i, d := range v.Int64() {
		if d < 0 || d > ElementsMax {
			return nil, c.fail("shape %v has the dimension %d", v.Int64(), d)
		}
		out[i] = int(d)
	}
	return out, nil
}

// Range is the part of one dimension that a Slice node takes: Count elements from Start on, Step apart.
type Range struct{ Start, Step, Count int }

// Ranges returns, for every dimension of its first input, what a Slice node takes; nil when an input that decides it is
// not known. What is known is checked even so: as far as it can be told, each axis there is stands once, with a step.
func Ranges(n *onnx.NodeProto, in []Type) ([]Range, error) {
	c := &call{node: n, op: Lookup(n.GetDomain(), n.GetOpType()), in: in}
	return c.ranges()
}

func (c *call) ranges() ([]Range, error) {
	data := c.in[0]
	var lists [4][]int64
	known, entries := data.Static(), -1
	for i := range lists {
		t := c.at(i + 1)
		if t.Absent() {
			continue
		}
		if n := entriesOf(t); n >= 0 && entries >= 0 && n != entries {
			return nil, c.fail("starts, ends, axes and steps have %d, %d, %d and %d entries; want one number",
				entriesOf(c.at(1)), entriesOf(c.at(2)), entriesOf(c.at(3)), entriesOf(c.at(4)))
		} else if n >= 0 {
			entries = n
		}
		if t.Value == nil {
			known = false
			continue
		}
		lists[i] = Integers(t.Value)
	}
	if data.Unranked {
		return nil, nil
	}
	if lists[2] == nil && entries > len(data.Shape) {
		return nil, c.fail("starts and ends have %d entries and it has %d dimensions; an axis is outside or twice",
			entries, len(data.Shape))
	}
	out := make([]Range, len(data.Shape))
	for i, d := range data.Shape {
		out[i] = Range{0, 1, d}
	}
	taken := make([]bool, len(out))
	for i := range max(len(lists[0]), len(lists[2]), len(lists[3])) { // those that are not known are nil
		axis, step := int64(i), int64(1)
		if lists[2] != nil {
			axis = lists[2][i]
		}
		if lists[3] != nil {
			step = lists[3][i]
		}
		a, err := Axis(axis, len(out))
		if err != nil {
			return nil, c.fail("%v", err)
		}
		if taken[a] || step == 0 || step == math.MinInt64 {
			return nil, c.fail("axis %d stands twice or has the step %d; want each axis once and a step that is not 0",
				axis, step)
		}
		if taken[a] = true; known {
			out[a] = sliceRange(lists[0][i], lists[1][i], step, int64(data.Shape[a]))
		}
	}
	if !known {
		return nil, nil
	}
	return out, nil
}

// entriesOf is how many entries a list has, -1 where that is not known or the list is not there. A scalar counts as a
// list of one.
func entriesOf(t Type) int {
	switch {
	case t.Value != nil:
		return t.Value.Len()
	case t.Absent() || t.Unranked || !t.Static():
		return -1
	case t.Rank() == 0:
		return 1
	}
	return t.Shape[0]
}

// sliceRange applies the rule of Slice to one dimension of length n: ends count from the end when negative, then clamp.
func sliceRange(start, end, step, n int64) Range {
	// A start of the lowest int64 plus n does not overflow, and neither does any step but the lowest, which is refused.
	lo, last := int64(0), n // the least end, and the greatest start
	if step < 0 {
		lo, last = -1, n-1
	}
	if start < 0 {
		start += n
	}
	if end < 0 {
		end += n
	}
	start = max(min(max(start, 0), last), lo)
	end = min(max(end, lo), n)
	count := int64(0)
	if step > 0 && end > start {
		count = (end-start-1)/step + 1
	}
	if step < 0 && start > end {
		count = (start-end-1)/(-step) + 1
	}
	if count <= 1 {
		step = 1
	}
	return Range{Start: int(start), Step: int(step), Count: int(count)}
}

// Integers returns the elements of an int32 or int64 tensor.
func Integers(t *tensor.Tensor) []int64 {
	if t.DType() != tensor.Int32 {
		return t.Int64()
	}
	out := make([]int64, t.Len())
	for i, v := range t.Int32() {
		out[i] = int64(v)
	}
	return out
}

func slice(c *call) error {
	for i := 1; i < len(c.in); i++ {
		t := c.in[i]
		if t.Absent() {
			continue
		}
		if (t.DType != tensor.Int64 && t.DType != tensor.Int32) || t.Rank() > 1 {
			return c.fail("input %d is %v; want a list of int64 or int32", i, t)
		}
	}
	in := c.in[0]
	if in.Unranked {
		return c.give(Type{DType: in.DType, Unranked: true})
	}
	r, err := c.ranges()
	if err != nil {
		return err
	}
	out := unknown(len(in.Shape))
	for i := range r {
		out[i] = r[i].Count
	}
	return c.give(Type{DType: in.DType, Shape: out})
}
