package kernel

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Convert writes every element in another number type. Between floats it rounds to nearest; integers wrap; a float
// becomes the integer next to it towards zero, the nearest that there is when it lies outside of the type, and 0 when
// it is NaN (Go leaves both to the machine).
func Convert[D, S Number](dst []D, src []S) {
	dst = dst[:len(src)]
	lo, hi, whole := limits[D]()
	var s S
	switch any(s).(type) {
	case float32, float64:
		if u, ok := any(dst).([]uint64); ok {
			for i, x := range src {
				u[i] = truncateUint(float64(x))
			}
			return
		}
		if whole {
			for i, x := range src {
				dst[i] = D(truncate(float64(x), lo, hi))
			}
			return
		}
	}
	for i, x := range src {
		dst[i] = D(x)
	}
}

// ToBool writes whether elements are not 0.
func ToBool[S Number](dst []bool, src []S) {
	for i, x := range src {
		dst[i] = x != 0
	}
}

// FromBool writes 1 for true and 0 for false.
func FromBool[D Number](dst []D, src []bool) {
	for i, x := range src {
		dst[i] = 0
		if x {
			dst[i] = 1
		}
	}
}

// limits returns the least and the greatest value of an integer type, and whether the type is one.
func limits[D Number]() (lo, hi int64, whole bool) {
	var d D
	switch any(d).(type) {
	case int64:
		return math.MinInt64, math.MaxInt64, true
	case int32:
		return math.MinInt32, math.MaxInt32, true
	case uint8:
		return 0, math.MaxUint8, true
	case int8:
		return math.MinInt8, math.MaxInt8, true
	case int16:
		return math.MinInt16, math.MaxInt16, true
	case uint16:
		return 0, math.MaxUint16, true
	case uint32:
		return 0, math.MaxUint32, true
	case uint64:
		return 0, math.MaxInt64, true // above it see Convert
	}
	return 0, 0, false
}

// truncate rounds x towards zero into [lo, hi]; NaN becomes 0.
func truncate(x float64, lo, hi int64) int64 {
	switch {
	case x != x:
		return 0
	case x <= float64(lo):
		return lo
	case x >= float64(hi): // for the greatest int64 that is 2^63, which no int64 holds
		return hi
	}
	return int64(x)
}

// truncateUint is truncate into all of uint64.
func truncateUint(x float64) uint64 {
	switch {
	case !(x > 0):
		return 0
	case x < 1<<63:
		return uint64(int64(x))
	case x < 1<<64:
		return uint64(int64(x-1<<63)) + 1<<63
	}
	return math.MaxUint64
}

// One is 1 for true and 0 for false.
func One(x bool) float64 {
	if x {
		return 1
	}
	return 0
}

// ToF16 rounds every element to float16.
func ToF16[S Number](dst []tensor.F16, src []S) {
	if x, ok := any(src).([]float32); ok {
		half.NarrowF16(dst, x)
		return
	}
	for i, x := range src {
		dst[i] = tensor.F16Of(float64(x))
	}
}

// ToBF16 rounds every element to bfloat16.
func ToBF16[S Number](dst []tensor.BF16, src []S) {
	if x, ok := any(src).([]float32); ok {
		half.NarrowBF16(dst, x)
		return
	}
	for i, x := range src {
		dst[i] = tensor.BF16Of(float64(x))
	}
}

// FromHalf is Convert from a float of 16 bits, which wide makes a float32.
func FromHalf[D Number, S tensor.F16 | tensor.BF16](wide func(S) float32) func(dst []D, src []S) {
	return func(dst []D, src []S) {
		if toFloat32(dst, src) {
			return
		}
		var x [1]float32
		for i, h := range src {
			x[0] = wide(h)
			Convert(dst[i:i+1], x[:])
		}
	}
}

// toFloat32 writes elements as float32, where that is what dst holds.
func toFloat32[D Number, S tensor.F16 | tensor.BF16](dst []D, src []S) bool {
	x, ok := any(dst).([]float32)
	if !ok {
		return false
	}
	switch s := any(src).(type) {
	case []tensor.F16:
		half.WidenF16(x, s)
	case []tensor.BF16:
		half.WidenBF16(x, s)
	}
	return true
}

// CanonicalF16 is CanonicalNaN for float16.
func CanonicalF16(x []tensor.F16) {
	for i, v := range x {
		if v&0x7fff > 0x7c00 {
			x[i] = 0x7e00
		}
	}
}

// CanonicalBF16 is CanonicalNaN for bfloat16.
func CanonicalBF16(x []tensor.BF16) {
	for i, v := range x {
		if v&0x7fff > 0x7f80 {
			x[i] = 0x7fc0
		}
	}
}
