package half

import (
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/tensor"
)

// Narrow returns a tensor of float32 in another float type, rounded once: itself where that is its type.
func Narrow(t *tensor.Tensor, to tensor.DType) (*tensor.Tensor, error) {
	switch {
	case t.DType() == to:
		return t, nil
	case t.DType() != tensor.Float32:
		return nil, fmt.Errorf("half: a tensor of %s; want float32", t.DType())
	case to == tensor.BFloat16:
		x := make([]tensor.BF16, t.Len())
		NarrowBF16(x, t.Float32())
		return tensor.FromBFloat16(t.Shape(), x)
	case to == tensor.Float16:
		x := make([]tensor.F16, t.Len())
		NarrowF16(x, t.Float32())
		return tensor.FromFloat16(t.Shape(), x)
	}
	return nil, fmt.Errorf("half: no way to narrow to %s; want float16 or bfloat16", to)
}

// Widen returns a tensor of a float of 16 bits as one of float32, and any other as it is.
func Widen(t *tensor.Tensor) (*tensor.Tensor, error) {
	if !Is(t.DType()) {
		return t, nil
	}
	to, x, err := tensor.NewFloat32(t.Shape())
	if err != nil {
		return nil, err
	}
	WidenInto(x, t)
	return to, nil
}

// WidenInto writes the elements of a tensor of a float of 16 or 32 bits to dst, which has room for them. It panics for
// any other type, which is the caller's to see.
func WidenInto(dst []float32, t *tensor.Tensor) {
	switch t.DType() {
	case tensor.BFloat16:
		WidenBF16(dst, t.BFloat16())
	case tensor.Float16:
		WidenF16(dst, t.Float16())
	case tensor.Float32:
		copy(dst, t.Float32())
	default:
		panic("half: no float of 16 or 32 bits: " + t.DType().String())
	}
}

// Infinite returns the place of the first element of a tensor of a float of 16 bits that is infinite, or no number, or
// -1: rounding makes what the type cannot hold infinite.
func Infinite(t *tensor.Tensor) int {
	switch t.DType() {
	case tensor.BFloat16:
		for i, x := range t.BFloat16() {
			if x&0x7f80 == 0x7f80 {
				return i
			}
		}
	case tensor.Float16:
		for i, x := range t.Float16() {
			if x&0x7c00 == 0x7c00 {
				return i
			}
		}
	}
	return -1
}

// TooLarge returns the place of the first element of a tensor of float32 that is a number, and that a type cannot hold,
// or -1.
func TooLarge(t *tensor.Tensor, to tensor.DType) int {
	for i, x := range t.Float32() {
		// half a place of the last number above it is rounded down to it
		if a := math.Abs(float64(x)); a > Most(to) && !math.IsInf(a, 0) && infinite(x, to) {
			return i
		}
	}
	return -1
}

func infinite(x float32, to tensor.DType) bool {
	switch to {
	case tensor.BFloat16:
		return math.IsInf(float64(tensor.BF16Of(float64(x)).Float32()), 0)
	case tensor.Float16:
		return math.IsInf(float64(tensor.F16Of(float64(x)).Float32()), 0)
	}
	return false
}
