package tensor

import (
	"math"
	"slices"
)

// Equal says whether two tensors have the same type, shape and bits: a NaN
// equals the same NaN, and -0 does not equal 0.
func (t *Tensor) Equal(u *Tensor) bool {
	if t == u {
		return true
	}
	if t == nil || u == nil || t.dtype != u.dtype || !slices.Equal(t.shape, u.shape) {
		return false
	}
	switch a := t.data.(type) {
	case *[]float32:
		return slices.EqualFunc(*a, u.Float32(), func(x, y float32) bool {
			return math.Float32bits(x) == math.Float32bits(y)
		})
	case *[]float64:
		return slices.EqualFunc(*a, u.Float64(), func(x, y float64) bool {
			return math.Float64bits(x) == math.Float64bits(y)
		})
	case *[]int64:
		return slices.Equal(*a, u.Int64())
	case *[]int32:
		return slices.Equal(*a, u.Int32())
	case *[]uint8:
		return slices.Equal(*a, u.Uint8())
	case *[]int8:
		return slices.Equal(*a, u.Int8())
	case *[]F16:
		return slices.Equal(*a, u.Float16())
	case *[]BF16:
		return slices.Equal(*a, u.BFloat16())
	case *[]int16:
		return slices.Equal(*a, u.Int16())
	case *[]uint16:
		return slices.Equal(*a, u.Uint16())
	case *[]uint32:
		return slices.Equal(*a, u.Uint32())
	case *[]uint64:
		return slices.Equal(*a, u.Uint64())
	case *[]bool:
		return slices.Equal(*a, u.Bool())
	}
	return false
}
