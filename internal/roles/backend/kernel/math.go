package kernel

import (
	"math"
	"unsafe"

	"github.com/rhizome-ml/rhizome/tensor"
)

// Of makes a function of float64 one of another float type: it is computed in float64 and rounded once.
func Of[T Float](f func(float64) float64) func(T) T {
	return func(x T) T { return T(f(float64(x))) }
}

// RoundEven is the integer next to x, of two as near the even one.
func RoundEven[T Float](x T) T { return T(math.RoundToEven(float64(x))) }

// IsNaN says whether x is no number.
func IsNaN[T Float](x T) bool { return x != x }

// IsInf says whether x is infinite, above or below.
func IsInf[T Float](above, below bool) func(x T) bool {
	return func(x T) bool {
		return above && float64(x) > math.MaxFloat64 || below && float64(x) < -math.MaxFloat64
	}
}

// Mod is the remainder of integers, of the sign of the divisor, which is not 0.
func Mod[T Int](x, y T) T {
	r := x % y
	if r != 0 && (r < 0) != (y < 0) {
		r += y
	}
	return r
}

// Remainder is the remainder of integers, of the sign of the dividend; the divisor is not 0.
func Remainder[T Int](x, y T) T { return x % y }

// FMod is the remainder of floats, of the sign of the dividend: exact.
func FMod[T Float](x, y T) T { return T(math.Mod(float64(x), float64(y))) }

// FloorMod is the remainder of floats, of the sign of the divisor.
func FloorMod[T Float](x, y T) T {
	r := math.Mod(float64(x), float64(y))
	if r != 0 && (r < 0) != (y < 0) {
		r += float64(y)
	}
	return T(r)
}

// AndBits is x & y.
func AndBits[T Int](x, y T) T { return x & y }

// OrBits is x | y.
func OrBits[T Int](x, y T) T { return x | y }

// XorBits is x ^ y.
func XorBits[T Int](x, y T) T { return x ^ y }

// NotBits is ^x.
func NotBits[T Int](x T) T { return ^x }

// Shift moves bits to the left or to the right by y, which is at least 0; those that leave are gone, and the sign moves
// in from the left. By less than 0, all of them leave.
func Shift[T Int](left bool) func(x, y T) T {
	return func(x, y T) T {
		switch {
		case left && y < 0:
			return 0
		case left:
			return x << y
		case y < 0 && x < 0:
			return ^T(0)
		case y < 0:
			return 0
		}
		return x >> y
	}
}

// Bits writes the bits of every element as an element of another type of the same size; of every NaN, those of the one
// that leaves a plan: the machine's own would show.
func Bits[D, S Elem](dst []D, src []S) {
	if len(src) == 0 {
		return
	}
	bits := unsafe.Slice((*S)(unsafe.Pointer(unsafe.SliceData(dst))), len(src))
	copy(bits, src)
	switch x := any(bits).(type) {
	case []float32:
		CanonicalNaN(x)
	case []float64:
		CanonicalNaN(x)
	case []tensor.F16:
		CanonicalF16(x)
	case []tensor.BF16:
		CanonicalBF16(x)
	}
}

// SumAbs adds what elements are without their sign, floats in float64.
func SumAbs[T, A Number]() Fold[T, A] {
	return liftFold(func(acc A, x T) A { return acc + Abs(A(x)) }, 0)
}

// Finish writes f of each accumulator, rounded once.
func Finish[T Float](dst []T, acc []float64, f func(float64) float64) {
	for i, a := range acc {
		dst[i] = T(f(a))
	}
}

// Any says whether one of the terms holds.
func Any() Fold[bool, bool] {
	return liftFold(func(acc, x bool) bool { return acc || x }, false)
}

// Every says whether all of the terms hold.
func Every() Fold[bool, bool] {
	return liftFold(func(acc, x bool) bool { return acc && x }, true)
}
