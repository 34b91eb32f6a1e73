package gradient

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// selectRules give the gradient to the elements that were taken. Of equal ones, Max and Min take the first input, and
// ReduceMax and ReduceMin all in equal parts.
var selectRules = map[string]rule{
	"Clip":      clip,
	"Gather":    gather,
	"Max":       extreme,
	"Min":       extreme,
	"ReduceMax": reduceExtreme,
	"ReduceMin": reduceExtreme,
	"Slice":     slice,
}

// extreme gives each element of the gradient to the first input that has the result there.
func extreme(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	zero, z, d := e.number(c.out[0], 0), c.out[0], c.d[0]
	grads := make([]string, len(c.in))
	taken := ""
	for i, x := range c.in {
		has := e.op("Equal", x, z)
		if c.wants[i] {
			mine := has
			if taken != "" {
				mine = e.op("And", has, e.op("Not", taken))
			}
			grads[i] = e.unbroadcast(e.op("Where", mine, d, zero), x, c.in...)
		}
		if taken == "" {
			taken = has
		} else {
			taken = e.op("Or", taken, has)
		}
	}
	return grads, e.err
}

// clip gives the gradient to x between the bounds, and else to the bound that the result is, on which it is constant.
func clip(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	x, d := c.in[0], c.d[0]
	bound := func(i int) string {
		if i < len(c.in) {
			return c.in[i]
		}
		return ""
	}
	lo, hi := bound(1), bound(2)
	zero, inside, above := e.number(x, 0), "", ""
	if lo != "" {
		inside = e.op("Greater", x, lo)
	}
	if hi != "" {
		least := x
		if lo != "" {
			least = e.op("Max", x, lo)
		}
		above = e.op("GreaterOrEqual", least, hi)
	}
	grads := make([]string, len(c.in))
	if hi != "" && c.wants[2] {
		grads[2] = e.unbroadcast(e.op("Where", above, d, zero), hi)
	}
	if above != "" {
		d = e.op("Where", above, zero, d)
	}
	if lo != "" && c.wants[1] {
		grads[1] = e.unbroadcast(e.op("Where", inside, zero, d), lo)
	}
	if inside != "" {
		d = e.op("Where", inside, d, zero)
	}
	grads[0] = d
	return grads, e.err
}

// reduceExtreme shares the gradient of each result among the elements that it equals.
func reduceExtreme(c *call) ([]string, error) {
	axes, err := c.reduced()
	if err != nil {
		return nil, err
	}
	e := &chain{b: c.builder}
	x, z, d := c.in[0], c.out[0], c.d[0]
	if axes != nil && len(axes) == 0 {
		return []string{d}, nil
	}
	if onnxop.Int(c.node, "keepdims") == 0 {
		z, d = e.op("Unsqueeze", z, e.ints(axes...)), e.op("Unsqueeze", d, e.ints(axes...))
	}
	has := e.with("Cast", []string{e.op("Equal", x, z)}, onnx.AttrInt("to", int64(c.types[x].DType)))
	in := []string{has}
	given, _ := onnx.GetInts(c.node, "axes")
	switch {
	case len(axes) > 0:
		in = append(in, e.ints(axes...))
	case len(given) > 0: // of a number of dimensions that the run knows
		in = append(in, e.ints(given...))
	default:
		in = append(in, c.in[1:]...)
	}
	count := e.with("ReduceSum", in, onnx.AttrInt("keepdims", 1), onnx.AttrInt("noop_with_empty_axes",
		onnxop.Int(c.node, "noop_with_empty_axes")))
	return []string{e.op("Mul", e.op("Div", d, count), has)}, e.err
}

// gather adds to each element what came of every place that it was copied to.
func gather(c *call) ([]string, error) {
	axis, err := c.axis(c.types[c.in[0]].Rank())
	if err != nil {
		return nil, err
	}
	if c.types[c.in[1]].Unranked {
		return nil, c.fail("the number of dimensions of the indices is not known; want it known")
	}
	e := &chain{b: c.builder}
	return []string{e.scatter(c.d[0], c.in[0], c.in[1], axis)}, e.err
}

// dim is one dimension of a value of known rank, as a list of one number: a constant where it is known.
func (e *chain) dim(x string, axis int64) string {
	if t := e.b.types[x]; e.err == nil && t.Shape[axis] >= 0 {
		return e.ints(int64(t.Shape[axis]))
	}
	return e.op("Gather", e.op("Shape", x), e.ints(axis))
}

// count is the product of the dimensions of x from one to another, as a list of one number.
func (e *chain) count(x string, from, to int64) string {
	if e.err != nil {
		return ""
	}
	n := int64(1)
	for _, d := range e.b.types[x].Shape[from:to] {
		if d < 0 {
			dims := e.with("Shape", []string{x}, onnx.AttrInt("start", from), onnx.AttrInt("end", to))
			return e.with("ReduceProd", []string{dims}, onnx.AttrInt("keepdims", 1))
		}
		n *= int64(d)
	}
	return e.ints(n)
}

// joined is one list of int64 of several: a constant where all are.
func (e *chain) joined(lists ...string) string {
	var all []int64
	for _, l := range lists {
		v := e.b.types[l].Value
		if v == nil {
			return e.with("Concat", lists, onnx.AttrInt("axis", 0))
		}
		all = append(all, v.Int64()...)
	}
	return e.ints(all...)
}

// slice puts zeros around what was taken.
func slice(c *call) ([]string, error) {
	x := c.in[0]
	t := c.types[x]
	if t.Unranked {
		return nil, c.fail("the number of dimensions is not known; want it known")
	}
	types := make([]onnxop.Type, len(c.in))
	for i, in := range c.in {
		types[i] = c.types[in]
	}
	ranges, err := onnxop.Ranges(c.node, types)
	if err != nil {
		return nil, c.fail("%v", err)
	}
	e := &chain{b: c.builder}
	d := c.d[0]
	if ranges == nil { // the run decides where it begins
		return c.sliceOpen()
	}
	for axis, r := range ranges {
		switch {
		case r.Count == t.Shape[axis] && r.Step == 1:
		case r.Count == 0:
			d = e.padded(d, int64(axis), e.ints(0), e.ints(int64(t.Shape[axis])))
		case r.Step == 1:
			d = e.padded(d, int64(axis), e.ints(int64(r.Start)), e.ints(int64(t.Shape[axis]-r.Start-r.Count)))
		default:
			index := make([]int64, r.Count)
			for i := range index {
				index[i] = int64(r.Start + i*r.Step)
			}
			// The dimensions behind this one are those of the result still.
			like := e.extended(d, int64(axis), t.Shape[axis])
			d = e.scatter(d, like, e.ints(index...), int64(axis))
		}
	}
	return []string{e.reshape(d, x)}, e.err
}

// extended is a value in the shape of d with another length of one dimension.
func (e *chain) extended(d string, axis int64, length int) string {
	if e.err != nil {
		return ""
	}
	t := e.b.types[d]
	dims := make([]int64, len(t.Shape))
	for i, n := range t.Shape {
		dims[i] = int64(n)
	}
	dims[axis] = int64(length)
	return e.zeros(t.DType, e.ints(dims...))
}

// padded is d with so many zeros before and behind it along an axis, each given as a list of one number.
func (e *chain) padded(d string, axis int64, before, behind string) string {
	if e.err != nil {
		return ""
	}
	rank := int64(e.b.types[d].Rank())
	block := func(length string) string {
		var dims []string
		for i := range rank {
			if i == axis {
				dims = append(dims, length)
			} else {
				dims = append(dims, e.dim(d, i))
			}
		}
		return e.zeros(e.b.types[d].DType, e.joined(dims...))
	}
	return e.with("Concat", []string{block(before), d, block(behind)}, onnx.AttrInt("axis", axis))
}

// sliceOpen is slice where the dimensions or the starts are known in the run only. The axes and the steps have to be
// known, and the steps have to be 1.
func (c *call) sliceOpen() ([]string, error) {
	at := func(i int) (string, onnxop.Type) {
		if i < len(c.in) && c.in[i] != "" {
			return c.in[i], c.types[c.in[i]]
		}
		return "", onnxop.Type{}
	}
	starts, ts := at(1)
	_, ta := at(3)
	_, tp := at(4)
	if len(ts.Shape) != 1 || ts.Shape[0] < 0 || !ta.Absent() && ta.Value == nil || !tp.Absent() && tp.Value == nil {
		return nil, c.fail("where it begins, its axes or its steps are not known; want constant axes and steps")
	}
	x := c.in[0]
	rank := c.types[x].Rank()
	e := &chain{b: c.builder}
	if ts.DType != tensor.Int64 {
		starts = e.with("Cast", []string{starts}, onnx.AttrInt("to", int64(tensor.Int64)))
	}
	d, zero := c.d[0], e.ints(0)
	for i := range ts.Shape[0] {
		axis := int64(i)
		if ta.Value != nil {
			a, err := onnxop.Axis(onnxop.Integers(ta.Value)[i], rank)
			if err != nil {
				return nil, c.fail("%v", err)
			}
			axis = int64(a)
		}
		if tp.Value != nil && onnxop.Integers(tp.Value)[i] != 1 {
			return nil, c.fail("the step is %d and the dimensions are not known; want a step of 1 or known dimensions",
				onnxop.Integers(tp.Value)[i])
		}
		whole, some := e.dim(x, axis), e.dim(d, axis)
		start := e.op("Gather", starts, e.ints(int64(i)))
		// From the end where it is negative, and within the dimension.
		start = e.op("Where", e.op("Less", start, zero), e.op("Add", start, whole), start)
		before := e.op("Min", e.op("Max", start, zero), e.op("Sub", whole, some))
		d = e.padded(d, axis, before, e.op("Sub", e.op("Sub", whole, some), before))
	}
	return []string{e.reshape(d, x)}, e.err
}
