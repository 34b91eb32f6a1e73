package fmath

import "math"

// Beyond tanhOne the hyperbolic tangent rounds to 1; up to tanhSmall the
// rational form is the more precise one.
const (
	tanhOne   = 20
	tanhSmall = 0.75
)

// Tanh returns the hyperbolic tangent of x: the sign of x from about 19 on,
// x itself where x is tiny or zero, NaN for NaN.
//
// Small arguments take Lambert's continued fraction x/(1 + x²/(3 + x²/(5 + …)))
// cut after 17 and written as one quotient; the others 1 - 2/(e^2x + 1).
func Tanh(x float64) float64 {
	if x != x {
		return math.NaN()
	}
	a := math.Abs(x)
	switch {
	case a > tanhOne:
		return math.Copysign(1, x)
	case a < 0x1p-28:
		return x
	case a > tanhSmall:
		return math.Copysign(1-2/(Exp(2*a)+1), x)
	}
	// The quotient is x·d/n; x - x·(n-d)/n rounds x last and so loses less.
	z := float64(x * x)
	n := 34459425 + float64(z*(16216200+float64(z*(945945+float64(z*(13860+float64(z*45)))))))
	nd := float64(z * (11486475 + float64(z*(810810+float64(z*(12870+float64(z*44)))))))
	return x - float64(x*(nd/n))
}

// Sigmoid returns 1/(1 + e^-x): 1 for +Inf, 0 for -Inf, NaN for NaN. It keeps
// its relative precision down to the smallest results.
func Sigmoid(x float64) float64 {
	if x != x {
		return math.NaN()
	}
	if x >= 0 {
		return 1 / (1 + Exp(-x))
	}
	e := Exp(x)
	return e / (1 + e)
}
