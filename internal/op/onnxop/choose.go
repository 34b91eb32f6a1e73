package onnxop

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// chooseOps choose among what they are given, so that its values decide how much there is. What they choose is found
// here, where shapes are, and their kernels write it.
var chooseOps = []Op{
	{Name: "NonMaxSuppression", In: Arity{2, 5}, Out: one, Types: []tensor.DType{tensor.Float32},
		Decides: []int{0, 1, 2, 3, 4}, Attrs: []Attr{intAttr("center_point_box", 0)}, rule: nonMaxSuppression},
	{Name: "Unique", In: one, Out: Arity{1, 4}, Types: all, Decides: []int{0}, rule: unique,
		Attrs: []Attr{optional("axis", onnx.AttributeProto_INT), intAttr("sorted", 1)}},
}

// Distinct are the parts of a tensor that are not equal to another one.
type Distinct struct {
	First []int64 // where each stands first
	Of    []int64 // which one each part of the tensor is
	Count []int64 // how often each stands
}

// DistinctOf returns the distinct parts along an axis, or the distinct elements where that is below 0: in rising order,
// row by row, or in the order in which they stand. Zeros are equal, and so are NaNs, which come last.
func DistinctOf(t *tensor.Tensor, axis int, sorted bool) Distinct {
	shape, keys := []int{t.Len()}, ordered(t)
	if axis >= 0 {
		shape = t.Shape()
	}
	outer, inner, n := 1, 1, shape[max(axis, 0)]
	for i, d := range shape {
		if i < axis {
			outer *= d
		}
		if i > max(axis, 0) {
			inner *= d
		}
	}
	compare := func(a, b int64) int {
		for o := range outer {
			for j := range inner {
				x, y := keys[(o*n+int(a))*inner+j], keys[(o*n+int(b))*inner+j]
				if x != y {
					return cmp.Compare(x, y)
				}
			}
		}
		return 0
	}
	order := make([]int64, n)
	for i := range order {
		order[i] = int64(i)
	}
	slices.SortStableFunc(order, compare)
	d := Distinct{First: []int64{}, Of: make([]int64, n), Count: []int64{}}
	for i, p := range order {
		if i == 0 || compare(order[i-1], p) != 0 {
			d.First, d.Count = append(d.First, p), append(d.Count, 0)
		}
		d.Of[p] = int64(len(d.First) - 1)
		d.Count[len(d.First)-1]++
	}
	if !sorted {
		d.standing()
	}
	return d
}

// standing brings distinct parts into the order in which they stand.
func (d *Distinct) standing() {
	order := make([]int, len(d.First))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(d.First[a], d.First[b]) })
	to, first, count := make([]int64, len(order)), make([]int64, len(order)), make([]int64, len(order))
	for i, o := range order {
		to[o], first[i], count[i] = int64(i), d.First[o], d.Count[o]
	}
	for i, o := range d.Of {
		d.Of[i] = to[o]
	}
	d.First, d.Count = first, count
}

// ordered returns for each element a number that is ordered as the elements are.
func ordered(t *tensor.Tensor) []uint64 {
	size, raw := t.DType().Size(), t.AppendRaw(nil, 0, t.RawBytes())
	top := uint64(1) << (8*size - 1)
	var infinity uint64 // the bits of a float's, above which are those of NaN
	switch t.DType() {
	case tensor.Float16:
		infinity = 0x7c00
	case tensor.BFloat16:
		infinity = 0x7f80
	case tensor.Float32:
		infinity = uint64(math.Float32bits(float32(math.Inf(1))))
	case tensor.Float64:
		infinity = math.Float64bits(math.Inf(1))
	}
	out := make([]uint64, t.Len())
	var word [8]byte
	for i := range out {
		copy(word[:], raw[i*size:(i+1)*size])
		x := binary.LittleEndian.Uint64(word[:])
		switch t.DType() {
		case tensor.Float16, tensor.BFloat16, tensor.Float32, tensor.Float64:
			switch size := x &^ top; {
			case size > infinity:
				x = 2 * top
			case x == size || size == 0:
				x = top + size
			default:
				x = top - size
			}
		case tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64:
			x ^= top
		}
		out[i] = x
	}
	return out
}

// UniqueOf returns what a Unique node finds, whose input is known, and the axis, -1 where there is none.
func UniqueOf(n *onnx.NodeProto, t *tensor.Tensor) (Distinct, int, error) {
	axis := -1
	if a, ok := onnx.GetInt(n, "axis"); ok {
		var err error
		if axis, err = Axis(a, t.Rank()); err != nil {
			return Distinct{}, 0, err
		}
	}
	return DistinctOf(t, axis, Int(n, "sorted") != 0), axis, nil
}

func unique(c *call) error {
	in := c.in[0]
	if s := c.int("sorted"); s != 0 && s != 1 {
		return c.fail("sorted is %d; want 0 or 1", s)
	}
	many, whole, shape := -1, in.Elements(), []int{-1}
	a, cut := onnx.GetInt(c.node, "axis")
	var axis int
	if cut && !in.Unranked {
		var err error
		if axis, err = Axis(a, len(in.Shape)); err != nil {
			return c.fail("%v", err)
		}
		whole, shape = in.Shape[axis], slices.Clone(in.Shape)
	}
	if in.Value != nil {
		d, _, err := UniqueOf(c.node, in.Value)
		if err != nil {
			return c.fail("%v", err)
		}
		many = len(d.First)
	}
	shape[axis] = many
	list := func(n int) Type { return Type{DType: tensor.Int64, Shape: []int{n}} }
	return c.give(Type{DType: in.DType, Shape: shape, Unranked: cut && in.Unranked}, list(many), list(max(whole, -1)),
		list(many))
}

// boxesMax bounds the pairs of boxes that a NonMaxSuppression compares.
const boxesMax = 1 << 26

func nonMaxSuppression(c *call) error {
	boxes, scores := c.in[0], c.in[1]
	if scores.DType != tensor.Float32 || !boxes.Unranked && (len(boxes.Shape) != 3 || !fits(boxes.Shape[2], 4)) ||
		!scores.Unranked && len(scores.Shape) != 3 || !boxes.Unranked && !scores.Unranked &&
		(!fits(boxes.Shape[0], scores.Shape[0]) || !fits(boxes.Shape[1], scores.Shape[2])) {
		return c.fail("the boxes are %v and the scores %v; want float32[batch, boxes, 4] and float32[batch, classes, "+
			"boxes]", boxes, scores)
	}
	known := boxes.Value != nil && scores.Value != nil
	for i := 2; i < len(c.in); i++ {
		want := tensor.Float32
		if i == 2 {
			want = tensor.Int64
		}
		t := c.in[i]
		if !t.Absent() && (t.DType != want || t.Static() && t.Elements() != 1) {
			return c.fail("input %d is %v; want one %v", i, t, want)
		}
		known = known && (t.Absent() || t.Value != nil)
	}
	if p := c.int("center_point_box"); p != 0 && p != 1 {
		return c.fail("center_point_box is %d; want 0 or 1", p)
	}
	n := -1
	if known {
		pairs := int64(scores.Shape[0]) * int64(scores.Shape[1])
		for range 2 {
			if pairs = min(pairs, boxesMax+1) * int64(scores.Shape[2]); pairs > boxesMax {
				return c.fail("the scores are %v; want at most %d pairs of boxes to compare", scores, boxesMax)
			}
		}
		n = len(Kept(c.node, c.in)) / 3
	}
	return c.give(Type{DType: tensor.Int64, Shape: []int{n, 3}})
}

// Kept returns what a NonMaxSuppression node keeps, whose inputs are known and sound: batch, class and box, the
// greatest scores first, those of one class as many as there may be, none of which shares more than a part with one
// before it. A score that is no number is below all.
func Kept(n *onnx.NodeProto, in []Type) []int64 {
	most, share, least := int64(0), float32(0), float32(math.Inf(-1))
	given := func(i int) bool { return i < len(in) && !in[i].Absent() }
	if given(2) {
		most = in[2].Value.Int64()[0]
	}
	if given(3) {
		share = in[3].Value.Float32()[0]
	}
	if given(4) {
		least = in[4].Value.Float32()[0]
	}
	shape, boxes, scores := in[1].Shape, in[0].Value.Float32(), in[1].Value.Float32()
	centred, out := Int(n, "center_point_box") == 1, []int64{}
	for b := range shape[0] {
		of := boxes[b*shape[2]*4 : (b+1)*shape[2]*4]
		for k := range shape[1] {
			var order, kept []int
			s := scores[(b*shape[1]+k)*shape[2]:]
			for i := range shape[2] {
				if s[i] > least || !given(4) {
					order = append(order, i)
				}
			}
			slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(s[j], s[i]) })
			for _, i := range order {
				if int64(len(kept)) >= most {
					break
				}
				if !slices.ContainsFunc(kept, func(j int) bool {
					return overlap(box(of, i, centred), box(of, j, centred)) > share
				}) {
					kept = append(kept, i)
					out = append(out, int64(b), int64(k), int64(i))
				}
			}
		}
	}
	return out
}

// box is the least and the greatest place of a box along both sides.
func box(boxes []float32, i int, centred bool) [4]float32 {
	p := [4]float32(boxes[4*i : 4*i+4])
	if centred { // its middle and its sides
		w, h := p[2]/2, p[3]/2
		return [4]float32{p[0] - w, p[1] - h, p[0] + w, p[1] + h}
	}
	return [4]float32{min(p[0], p[2]), min(p[1], p[3]), max(p[0], p[2]), max(p[1], p[3])}
}

// overlap is the area that two boxes share, as a part of what both cover; 0 where there is none.
func overlap(a, b [4]float32) float32 {
	area := func(p [4]float32) float32 { return float32((p[2] - p[0]) * (p[3] - p[1])) }
	shared := [4]float32{max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])}
	if !(shared[2] > shared[0] && shared[3] > shared[1]) {
		return 0
	}
	one, two, both := area(a), area(b), area(shared)
	if whole := one + two - both; both > 0 && one > 0 && two > 0 && whole > 0 {
		return both / whole
	}
	return 0
}
