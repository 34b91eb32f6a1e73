package onnxop

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// scatterOps take elements from places that a tensor of indices names, or put them there.
var scatterOps = []Op{
	{Name: "GatherElements", In: two, Out: one, Types: all, Attrs: []Attr{intAttr("axis", 0)}, rule: gatherElements},
	{Name: "GatherND", In: two, Out: one, Types: all, Attrs: []Attr{intAttr("batch_dims", 0)}, rule: gatherND},
	{Name: "ScatterElements", In: Arity{3, 3}, Out: one, Types: all, rule: scatterElements,
		Attrs: []Attr{intAttr("axis", 0), stringAttr("reduction", "none")}},
	{Name: "ScatterND", In: Arity{3, 3}, Out: one, Types: all, rule: scatterND,
		Attrs: []Attr{stringAttr("reduction", "none")}},
	{Name: "TopK", In: two, Out: Arity{1, 2}, Types: numbers, Decides: []int{1}, rule: topK,
		Attrs: []Attr{intAttr("axis", -1), intAttr("largest", 1), intAttr("sorted", 1)}},
	{Name: "Compress", In: two, Out: one, Types: all, Decides: []int{1}, rule: compress,
		Attrs: []Attr{optional("axis", onnx.AttributeProto_INT)}},
	{Name: "NonZero", In: one, Out: one, Types: all, Decides: []int{0}, rule: nonZero},
	{Name: "ReverseSequence", In: two, Out: one, Types: all, rule: reverseSequence,
		Attrs: []Attr{intAttr("batch_axis", 1), intAttr("time_axis", 0)}},
}

// index checks that input i holds indices.
func (c *call) index(i int) error {
	if d := c.in[i].DType; d != tensor.Int64 && d != tensor.Int32 {
		return c.fail("the indices are %v; want int64 or int32", c.in[i])
	}
	return nil
}

// along checks that indices have the rank of the data and no more than its dimensions, but for the axis.
func (c *call) along() error {
	data, idx := c.in[0], c.in[1]
	if err := c.index(1); err != nil || data.Unranked {
		return err
	}
	axis, err := Axis(c.int("axis"), len(data.Shape))
	if err != nil {
		return c.fail("%v", err)
	}
	if idx.Unranked {
		return nil
	}
	if len(idx.Shape) != len(data.Shape) {
		return c.fail("the indices are %v and the data %v; want as many dimensions", idx, data)
	}
	for i, d := range idx.Shape {
		if i != axis && data.Shape[i] >= 0 && d > data.Shape[i] {
			return c.fail("the indices are %v and the data %v; want no more than %d at dimension %d", idx, data,
				data.Shape[i], i)
		}
	}
	return nil
}

func gatherElements(c *call) error {
	if err := c.along(); err != nil {
		return err
	}
	return c.give(Type{DType: c.in[0].DType, Shape: c.in[1].Shape, Unranked: c.in[1].Unranked})
}

func scatterElements(c *call) error {
	if err := c.along(); err != nil {
		return err
	}
	if err := c.updates(c.in[1].Shape, c.in[1].Unranked); err != nil {
		return err
	}
	return same(c)
}

// updates checks the third input and the reduction of a scatter.
func (c *call) updates(want []int, open bool) error {
	data, u := c.in[0], c.in[2]
	if u.DType != data.DType {
		return c.fail("the updates are %v and the data %v; want one element type", u, data)
	}
	if !open && !u.Unranked && !fitsShape(u.Shape, want) {
		return c.fail("the updates are %v; want the shape %v", u, want)
	}
	switch r := c.string("reduction"); r {
	case "none":
	case "add", "mul", "max", "min":
		if data.DType == tensor.Bool {
			return c.fail("reduction is %q; want none for bool", r)
		}
	default:
		return c.fail("reduction is %q; want none, add, mul, max or min", r)
	}
	return nil
}

// tuples is the shape of what a tensor of indices of several dimensions at once names, and whether it is known.
func (c *call) tuples(batch int) (shape []int, known bool, err error) {
	data, idx := c.in[0], c.in[1]
	if idx.DType != tensor.Int64 {
		return nil, false, c.fail("the indices are %v; want int64", idx)
	}
	if data.Unranked || idx.Unranked {
		return nil, false, nil
	}
	if len(idx.Shape) == 0 || batch < 0 || batch >= len(idx.Shape) || batch > len(data.Shape) {
		return nil, false, c.fail("the indices are %v, the data %v and batch_dims %d; want a dimension of indices "+
			"behind the batch", idx, data, batch)
	}
	for i := range batch {
		if !fits(idx.Shape[i], data.Shape[i]) {
			return nil, false, c.fail("the indices are %v and the data %v; want the same at dimension %d", idx, data, i)
		}
	}
	last := len(idx.Shape) - 1
	n := idx.Shape[last]
	if n < 0 {
		return nil, false, nil
	}
	if n > len(data.Shape)-batch {
		return nil, false, c.fail("the indices are %v and the data %v; want at most %d in one", idx, data,
			len(data.Shape)-batch)
	}
	return slices.Concat(idx.Shape[:last], data.Shape[batch+n:]), true, nil
}

func gatherND(c *call) error {
	batch := c.int("batch_dims")
	if batch < 0 || batch > tensor.MaxRank {
		return c.fail("batch_dims is %d; want 0 or more", batch)
	}
	shape, known, err := c.tuples(int(batch))
	if err != nil {
		return err
	}
	return c.give(Type{DType: c.in[0].DType, Shape: shape, Unranked: !known})
}

func scatterND(c *call) error {
	shape, known, err := c.tuples(0)
	if err != nil {
		return err
	}
	if err := c.updates(shape, !known); err != nil {
		return err
	}
	return same(c)
}

func topK(c *call) error {
	in, k := c.in[0], c.in[1]
	if k.DType != tensor.Int64 || k.Rank() > 1 || (k.Rank() == 1 && !fits(k.Shape[0], 1)) {
		return c.fail("k is %v; want one int64", k)
	}
	if in.Unranked {
		return c.give(Type{DType: in.DType, Unranked: true}, Type{DType: tensor.Int64, Unranked: true})
	}
	axis, err := Axis(c.int("axis"), len(in.Shape))
	if err != nil {
		return c.fail("%v", err)
	}
	shape := slices.Clone(in.Shape)
	shape[axis] = -1
	if k.Value != nil {
		n := k.Value.Int64()[0]
		if n < 0 || n > ElementsMax || in.Shape[axis] >= 0 && n > int64(in.Shape[axis]) {
			return c.fail("k is %d; want 0 to the %d at dimension %d of %v", n, in.Shape[axis], axis, in)
		}
		shape[axis] = int(n)
	}
	return c.give(Type{DType: in.DType, Shape: shape}, Type{DType: tensor.Int64, Shape: shape})
}

// Chosen returns the places along the axis, or in the whole tensor where there is none, that a Compress node takes; nil
// where the condition is not known.
func Chosen(in []Type) []int {
	if in[1].Value == nil {
		return nil
	}
	out := []int{}
	for i, yes := range in[1].Value.Bool() {
		if yes {
			out = append(out, i)
		}
	}
	return out
}

func compress(c *call) error {
	in, cond := c.in[0], c.in[1]
	if cond.DType != tensor.Bool || cond.Rank() > 1 || cond.Rank() == 0 {
		return c.fail("the condition is %v; want a list of bool", cond)
	}
	chosen, length := Chosen(c.in), -1
	if chosen != nil {
		length = len(chosen)
	}
	whole, shape, axis := in.Elements(), []int{length}, 0
	if a, ok := onnx.GetInt(c.node, "axis"); ok {
		if in.Unranked {
			return c.give(Type{DType: in.DType, Unranked: true})
		}
		var err error
		if axis, err = Axis(a, len(in.Shape)); err != nil {
			return c.fail("%v", err)
		}
		whole, shape = in.Shape[axis], slices.Clone(in.Shape)
		shape[axis] = length
	}
	if len(chosen) > 0 && whole >= 0 && chosen[len(chosen)-1] >= whole {
		return c.fail("the condition takes place %d; %v has %d", chosen[len(chosen)-1], in, whole)
	}
	return c.give(Type{DType: in.DType, Shape: shape})
}

// NotZero returns the places of the elements of a tensor that are not zero, in row-major order.
func NotZero(t *tensor.Tensor) []int {
	size, out := t.DType().Size(), []int{}
	raw := t.AppendRaw(nil, 0, t.RawBytes())
	var sign byte // of a float, which does not count
	switch t.DType() {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
		sign = 0x80
	}
	for i := range t.Len() {
		b := raw[i*size : (i+1)*size]
		zero := b[size-1]&^sign == 0
		for _, x := range b[:size-1] {
			zero = zero && x == 0
		}
		if !zero {
			out = append(out, i)
		}
	}
	return out
}

func nonZero(c *call) error {
	in, n := c.in[0], -1
	if in.Value != nil {
		n = len(NotZero(in.Value))
	}
	return c.give(Type{DType: tensor.Int64, Shape: []int{max(in.Rank(), -1), n}})
}

func reverseSequence(c *call) error {
	in, lens := c.in[0], c.in[1]
	batch, time := c.int("batch_axis"), c.int("time_axis")
	if lens.DType != tensor.Int64 || lens.Rank() == 0 || lens.Rank() > 1 {
		return c.fail("the lengths are %v; want a list of int64", lens)
	}
	if batch < 0 || time < 0 || batch > 1 || time > 1 || batch == time {
		return c.fail("batch_axis is %d and time_axis %d; want 0 and 1, or 1 and 0", batch, time)
	}
	if !in.Unranked && (len(in.Shape) < 2 || !lens.Unranked && !fits(lens.Shape[0], in.Shape[batch])) {
		return c.fail("the data is %v and the lengths are %v; want one length for each of the batch", in, lens)
	}
	return same(c)
}
