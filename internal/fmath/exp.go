package fmath

import "math"

// ln 2 in two parts: the upper has 32 trailing zero bits, so that its product
// with any exponent of a float64 is exact.
const (
	ln2Hi = 0x1.62e42p-1
	ln2Lo = 0x1.fdf473de6af28p-22
	log2e = 0x1.71547652b82fep+0
)

// Beyond these arguments the result is not finite, or rounds to zero.
const (
	expOverflow  = 0x1.62e42fefa39efp+9  // the greatest x with a finite result
	expUnderflow = -0x1.74910d52d3053p+9 // 2^-1075 and less is 0
)

// Exp returns e to the power x: +Inf above about 709.78, 0 below about
// -745.13, NaN for NaN; subnormal results are rounded once more.
//
// With k the nearest integer to x/ln 2 and r = x - k·ln 2, it is 2^k·e^r, and
// e^r is its Taylor polynomial of degree 13: |r| <= ln(2)/2 makes the remainder
// less than a tenth of an ulp.
func Exp(x float64) float64 {
	switch {
	case x != x:
		return math.NaN()
	case x > expOverflow:
		return math.Inf(1)
	case x <= expUnderflow:
		return 0
	}
	t := float64(x * log2e)
	k := int(t + math.Copysign(0.5, t))
	a := x - float64(float64(k)*ln2Hi) // exact: the two are within a factor of 2, or k is 0
	b := float64(float64(k) * ln2Lo)
	r := a - b
	c := (a - r) - b // what r lost

	z := float64(r * r)
	y := 1 + (r + (c + float64(z*expTail(r, z))))
	return scale(y, k)
}

// expTail returns (e^r - 1 - r)/r², by pairs, given z = r².
func expTail(r, z float64) float64 {
	p0 := 1.0/2 + float64(r*(1.0/6))
	p1 := 1.0/24 + float64(r*(1.0/120))
	p2 := 1.0/720 + float64(r*(1.0/5040))
	p3 := 1.0/40320 + float64(r*(1.0/362880))
	p4 := 1.0/3628800 + float64(r*(1.0/39916800))
	p5 := 1.0/479001600 + float64(r*(1.0/6227020800))
	z2 := float64(z * z)
	q0 := p0 + float64(z*p1)
	q1 := p2 + float64(z*p3)
	q2 := p4 + float64(z*p5)
	return q0 + float64(z2*(q1+float64(z2*q2)))
}

// scale returns y·2^k for y near 1 and k within -1075 to 1024, rounded once.
func scale(y float64, k int) float64 {
	switch {
	case k < -1021:
		// The first product is exact and only the second rounds.
		return float64(float64(y*pow2(k+128)) * pow2(-128))
	case k > 1023:
		return float64(float64(y*pow2(k-1)) * 2)
	}
	return float64(y * pow2(k))
}

// pow2 returns 2^k for k within -1022 to 1023.
func pow2(k int) float64 { return math.Float64frombits(uint64(k+1023) << 52) }
