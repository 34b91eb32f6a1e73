package kernel

import "math"

// Add is a + b.
func Add[T Number]() Rows[T, T] {
	vs := func(dst, a []T, y T) {
		for i, x := range a {
			dst[i] = x + y
		}
	}
	return Rows[T, T]{
		VV: func(dst, a, b []T) {
			b, dst = b[:len(a)], dst[:len(a)]
			for i, x := range a {
				dst[i] = x + b[i]
			}
		},
		VS: vs,
		SV: func(dst []T, x T, b []T) { vs(dst, b, x) },
	}
}

// Sub is a - b.
func Sub[T Number]() Rows[T, T] {
	return Rows[T, T]{
		VV: func(dst, a, b []T) {
			b, dst = b[:len(a)], dst[:len(a)]
			for i, x := range a {
				dst[i] = x - b[i]
			}
		},
		VS: func(dst, a []T, y T) {
			for i, x := range a {
				dst[i] = x - y
			}
		},
		SV: func(dst []T, x T, b []T) {
			for i, y := range b {
				dst[i] = x - y
			}
		},
	}
}

// Mul is a * b.
func Mul[T Number]() Rows[T, T] {
	vs := func(dst, a []T, y T) {
		for i, x := range a {
			dst[i] = x * y
		}
	}
	return Rows[T, T]{
		VV: func(dst, a, b []T) {
			b, dst = b[:len(a)], dst[:len(a)]
			for i, x := range a {
				dst[i] = x * b[i]
			}
		},
		VS: vs,
		SV: func(dst []T, x T, b []T) { vs(dst, b, x) },
	}
}

// Div is a / b. Integers must not be divided by zero: see HasZero.
func Div[T Number]() Rows[T, T] {
	return Rows[T, T]{
		VV: func(dst, a, b []T) {
			b, dst = b[:len(a)], dst[:len(a)]
			for i, x := range a {
				dst[i] = x / b[i]
			}
		},
		VS: func(dst, a []T, y T) {
			for i, x := range a {
				dst[i] = x / y
			}
		},
		SV: func(dst []T, x T, b []T) {
			for i, y := range b {
				dst[i] = x / y
			}
		},
	}
}

// HasZero says whether an element is zero.
func HasZero[T Number](x []T) bool {
	for _, v := range x {
		if v == 0 {
			return true
		}
	}
	return false
}

// Max is the greater element, or NaN when either is.
func Max[T Number]() Rows[T, T] { return Lift(func(a, b T) T { return max(a, b) }) }

// Min is the lesser element, or NaN when either is.
func Min[T Number]() Rows[T, T] { return Lift(func(a, b T) T { return min(a, b) }) }

// Equal is a == b; a NaN equals nothing.
func Equal[T Elem]() Rows[T, bool] { return Lift(func(a, b T) bool { return a == b }) }

// Less is a < b.
func Less[T Number]() Rows[T, bool] { return Lift(func(a, b T) bool { return a < b }) }

// LessOrEqual is a <= b.
func LessOrEqual[T Number]() Rows[T, bool] { return Lift(func(a, b T) bool { return a <= b }) }

// Greater is a > b.
func Greater[T Number]() Rows[T, bool] {
	return Rows[T, bool]{
		VV: func(dst []bool, a, b []T) {
			for i, x := range a {
				dst[i] = x > b[i]
			}
		},
		VS: func(dst []bool, a []T, y T) {
			for i, x := range a {
				dst[i] = x > y
			}
		},
		SV: func(dst []bool, x T, b []T) {
			for i, y := range b {
				dst[i] = x > y
			}
		},
	}
}

// GreaterOrEqual is a >= b.
func GreaterOrEqual[T Number]() Rows[T, bool] { return Lift(func(a, b T) bool { return a >= b }) }

// The NaN that leaves a plan: quiet, positive, without payload.
const (
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)

// CanonicalNaN replaces every NaN by the one that leaves a plan. Machines disagree on the sign and payload of a NaN
// that arithmetic makes, and on which of two an operation hands on.
func CanonicalNaN[T Float](x []T) {
	var z T
	if _, ok := any(z).(float32); ok {
		z = T(math.Float32frombits(nan32))
	} else {
		z = T(math.Float64frombits(nan64))
	}
	for i, v := range x {
		if v != v {
			x[i] = z
		}
	}
}
