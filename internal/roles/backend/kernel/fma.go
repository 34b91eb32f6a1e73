package kernel

import "math"

// Rules say how a product that is added rounds. An artifact names its backend's version, and so the rules that its
// models were trained by; a run goes on with them.
type Rules uint8

const (
	Rounded Rules = 1 // the product is rounded, then the sum
	Fused   Rules = 2 // one fused operation, rounded once
)

// FMA is x·y + z, rounded once, as the fused instruction of a processor gives it. The NaN that it makes of none is not
// said: see CanonicalNaN.
func FMA[T Float](x, y, z T) T {
	var zero T
	if _, ok := any(zero).(float32); ok {
		return T(FMA32(float32(x), float32(y), float32(z)))
	}
	return T(math.FMA(float64(x), float64(y), float64(z)))
}

// halfway are the bits of a float64 below the greatest that decides how a float32 rounds: where one of them is set, the
// value lies between two halfway points and rounds to the same float32 as whatever rounded to it.
const halfway = 1<<28 - 1

// FMA32 is FMA of float32. The product of two float32 is exact in float64, and the sum is rounded to float64, then to
// float32. The second rounding errs only where the first has made a halfway point of a value beside it; such a sum is
// rounded to the odd one of its neighbours instead (Boldo and Melquiond, 2008), from which it goes the right way.
func FMA32(x, y, z float32) float32 {
	p, c := float64(float64(x)*float64(y)), float64(z)
	s := p + c
	if b := math.Float64bits(s); b&halfway == 0 {
		back := s - p
		lost := (p - (s - back)) + (c - back) // exactly what the sum lost; NaN where it is not finite
		if lost != 0 && lost == lost {
			if (lost > 0) == (s > 0) {
				b |= 1
			} else {
				b--
			}
			s = math.Float64frombits(b)
		}
	}
	return float32(s)
}
