package kernel

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/fmath"
)

// Map applies a function to every element. dst may be x itself.
func Map[T, R any](f func(T) R) func(dst []R, x []T) {
	return func(dst []R, x []T) {
		dst = dst[:len(x)]
		for i, v := range x {
			dst[i] = f(v)
		}
	}
}

// Neg is -x.
func Neg[T Number](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = -v
	}
}

// Abs is x without its sign.
func Abs[T Number](x T) T {
	if x < 0 {
		return -x
	}
	if x == 0 {
		return 0
	}
	return x
}

// Sign is -1, 0 or 1, and NaN for NaN.
func Sign[T Number](x T) T {
	var zero T
	switch {
	case x > 0:
		return 1
	case x < 0:
		return zero - 1
	}
	return x
}

// Relu is x, or 0 where x is negative; NaN stays NaN.
func Relu[T Number](dst, x []T) {
	dst = dst[:len(x)]
	for i, v := range x {
		if v < 0 {
			v = 0
		}
		dst[i] = v
	}
}

// LeakyRelu is x, or alpha times x where x is negative; NaN stays NaN.
func LeakyRelu[T Float](alpha T) func(x T) T {
	return func(x T) T {
		if x < 0 {
			return alpha * x
		}
		return x
	}
}

// ReluGrad is dy where x is positive and 0 elsewhere. dst may be dy or x itself.
func ReluGrad[T Float](dst, x, dy []T) {
	x, dy = x[:len(dst)], dy[:len(dst)]
	for i, v := range x {
		var g T
		if v > 0 {
			g = dy[i]
		}
		dst[i] = g
	}
}

// Exp is e to the power of x.
func Exp[T Float](x T) T { return T(fmath.Exp(float64(x))) }

// Log is the natural logarithm of x.
func Log[T Float](x T) T { return T(fmath.Log(float64(x))) }

// Tanh is the hyperbolic tangent of x.
func Tanh[T Float](x T) T { return T(fmath.Tanh(float64(x))) }

// Sigmoid is 1 / (1 + e^-x).
func Sigmoid[T Float](x T) T { return T(fmath.Sigmoid(float64(x))) }

// Sqrt is the square root of x. Taken in float64 and rounded, it is the correctly rounded root of a float32.
func Sqrt[T Float](x T) T { return T(math.Sqrt(float64(x))) }

// Ceil is the least integer not below x.
func Ceil[T Float](x T) T { return T(math.Ceil(float64(x))) }

// Floor is the greatest integer not above x.
func Floor[T Float](x T) T { return T(math.Floor(float64(x))) }

// Reciprocal is 1 / x.
func Reciprocal[T Float](x T) T { return 1 / x }
