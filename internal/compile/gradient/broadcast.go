package gradient

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// unbroadcast sums a gradient over the dimensions in which an input was stretched to the shape of the result, so that
// it has the input's shape. Others are all that can have stretched it: with none of them it may have been anything.
// Where the graph leaves open whether a dimension was stretched, the run decides it.
func (e *chain) unbroadcast(d, x string, others ...string) string {
	return e.unbroadcastBut(0, d, x, others...)
}

// unbroadcastBut is unbroadcast where that many dimensions at the end are never stretched, as those of a matrix.
func (e *chain) unbroadcastBut(core int, d, x string, others ...string) string {
	if e.err != nil {
		return ""
	}
	from, to := e.b.types[d], e.b.types[x]
	if from.Unranked || to.Unranked {
		return e.reshape(e.summed(d, e.stretched(d, x)), x)
	}
	lead := len(from.Shape) - len(to.Shape)
	var axes []int64
	var open []string
	for i, n := range from.Shape {
		switch {
		case i < lead || to.Shape[i-lead] == 1 && n != 1:
			axes = append(axes, int64(i))
		case to.Shape[i-lead] < 0 && n != 1 && i < len(from.Shape)-core && e.stretches(others, x, len(from.Shape)-i):
			open = append(open, e.when(e.op("Equal", e.dim(x, int64(i-lead)), e.ints(1)), int64(i)))
		}
	}
	switch {
	case len(open) > 0 && len(axes) > 0:
		d = e.summed(d, e.joined(append(open, e.ints(axes...))...))
	case len(open) > 0:
		d = e.summed(d, e.joined(open...))
	case len(axes) > 0:
		keep := int64(1)
		if len(axes) == lead {
			keep = 0
		}
		d = e.with("ReduceSum", []string{d, e.ints(axes...)}, onnx.AttrInt("keepdims", keep))
	}
	return e.reshape(d, x)
}

// stretches says whether one of the values may have stretched x in a dimension, which counts from the end.
func (e *chain) stretches(others []string, x string, fromEnd int) bool {
	if len(others) == 0 {
		return true
	}
	for _, o := range others {
		t := e.b.types[o]
		if o != x && (t.Unranked || fromEnd <= len(t.Shape) && t.Shape[len(t.Shape)-fromEnd] != 1) {
			return true
		}
	}
	return false
}

// summed sums over axes that the run decides, which stay with the length 1.
func (e *chain) summed(d, axes string) string {
	return e.with("ReduceSum", []string{d, axes}, onnx.AttrInt("keepdims", 1), onnx.AttrInt("noop_with_empty_axes", 1))
}

// when is the list of one axis where a list of one bool is true, and else the empty list.
func (e *chain) when(yes string, axis int64) string {
	zero := e.ints(0)
	end := e.with("Cast", []string{yes}, onnx.AttrInt("to", int64(tensor.Int64)))
	return e.op("Slice", e.ints(axis), zero, end, zero)
}

// stretched lists the axes in which x was stretched to the shape of d, where a number of dimensions is not known. Both
// shapes are brought to the largest number of dimensions by ones in front; axes count from the end.
func (e *chain) stretched(d, x string) string {
	one := e.ints(1)
	long := func(v string) string {
		shape := e.op("Shape", v)
		fill, err := tensor.FromInt64([]int{1}, []int64{1})
		if e.err == nil {
			e.err = err
		}
		if e.err != nil {
			return ""
		}
		missing := e.op("Sub", e.ints(tensor.MaxRank), e.op("Shape", shape))
		ones := e.with("ConstantOfShape", []string{missing}, onnx.AttrTensor("value", fill.Proto("")))
		return e.joined(ones, shape)
	}
	yes := e.op("And", e.op("Equal", long(x), one), e.op("Not", e.op("Equal", long(d), one)))
	var axes []string
	for i := range int64(tensor.MaxRank) {
		axes = append(axes, e.when(e.op("Gather", yes, e.ints(i)), i-tensor.MaxRank))
	}
	return e.joined(axes...)
}
