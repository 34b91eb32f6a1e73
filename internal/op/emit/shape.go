package emit

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// Shaped returns a value in a shape; itself, where it has it.
func (e *Chain) Shaped(x string, dims ...int) string {
	if e.Err == nil && e.Types[x].Static() && slices.Equal(e.Types[x].Shape, dims) {
		return x
	}
	list := make([]int64, len(dims))
	for i, d := range dims {
		list[i] = int64(d)
	}
	return e.With("Reshape", []string{x, e.Ints(list...)}, onnx.AttrInt("allowzero", 1))
}

// Transposed returns a value whose dimension i is dimension perm[i] of x; x itself, where that changes nothing.
func (e *Chain) Transposed(x string, perm ...int64) string {
	if slices.IsSorted(perm) {
		return x
	}
	return e.With("Transpose", []string{x}, onnx.AttrInts("perm", perm...))
}

// Sliced returns what stands from one index to before another along an axis; x itself, where that is all.
func (e *Chain) Sliced(x string, axis, from, to int) string {
	if t := e.Types[x]; e.Err == nil && from == 0 && axis < t.Rank() && t.Shape[axis] == to {
		return x
	}
	return e.Op("Slice", x, e.Ints(int64(from)), e.Ints(int64(to)), e.Ints(int64(axis)))
}

// Joined returns values one behind the other along an axis.
func (e *Chain) Joined(axis int, parts ...string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return e.With("Concat", parts, onnx.AttrInt("axis", int64(axis)))
}

// Summed returns the sum along axes, which stay with the length 1.
func (e *Chain) Summed(x string, axes ...int64) string {
	return e.With("ReduceSum", []string{x, e.Ints(axes...)}, onnx.AttrInt("keepdims", 1))
}

// Largest returns the largest element along axes, which stay with the length 1.
func (e *Chain) Largest(x string, axes ...int64) string {
	return e.With("ReduceMax", []string{x}, onnx.AttrInts("axes", axes...), onnx.AttrInt("keepdims", 1))
}

// Averaged returns the mean along axes, which stay with the length 1.
func (e *Chain) Averaged(x string, axes ...int64) string {
	return e.With("ReduceMean", []string{x}, onnx.AttrInts("axes", axes...), onnx.AttrInt("keepdims", 1))
}
