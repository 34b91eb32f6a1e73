package aggregator

import (
	"math"
	"math/bits"
)

// The bounds that make the 128-bit sums safe: 20 + 64 bits of value, 24 of samples, 16 of contributions, and a sign.
const (
	valueMax         = 1 << 20 // |x| is below this
	samplesMax       = 1 << 24 // samples of a contribution are below this
	contributionsMax = 1 << 16 // contributions to one round
	fraction         = 64      // bits behind the point
)

// inRange says whether x is a number that can be summed; it is false for NaN and the infinities.
func inRange(x float32) bool { return x > -valueMax && x < valueMax }

// fixed returns |x|·2^64, rounded half to even to an integer, and whether x is negative. x must be in range.
func fixed(x float32) (hi, lo uint64, negative bool) {
	b := math.Float32bits(x)
	mantissa, exponent := uint64(b&(1<<23-1)), int(b>>23&0xff)
	if exponent == 0 {
		exponent = 1 // subnormal
	} else {
		mantissa |= 1 << 23
	}
	// x is mantissa·2^(exponent-150).
	if shift := exponent - 150 + fraction; shift >= 0 {
		// Go's shifts by 64 and more give 0; shift is at most 60 for what is in range.
		return mantissa >> (64 - shift), mantissa << shift, b>>31 != 0
	} else {
		return 0, halfEven(mantissa, uint(-shift), false), b>>31 != 0
	}
}

// halfEven returns m·2^-shift rounded to the nearest integer, ties to even. sticky says that the true value is a little
// above m, by less than 1. shift must be at least 1.
func halfEven(m uint64, shift uint, sticky bool) uint64 {
	if shift > 64 {
		return 0
	}
	q, rest := m>>shift, m&(1<<shift-1)
	half := uint64(1) << (shift - 1)
	if rest > half || rest == half && (sticky || q&1 == 1) {
		q++
	}
	return q
}

// add adds n times the fixed-point form of x to the signed 128-bit number (hi, lo).
func add(hi, lo uint64, x float32, n uint64) (uint64, uint64) {
	h, l, negative := fixed(x)
	carry, l := bits.Mul64(l, n)
	h = h*n + carry
	var c uint64
	if negative {
		lo, c = bits.Sub64(lo, l, 0)
		hi, _ = bits.Sub64(hi, h, c)
	} else {
		lo, c = bits.Add64(lo, l, 0)
		hi, _ = bits.Add64(hi, h, c)
	}
	return hi, lo
}

// mean returns the signed 128-bit fixed-point number (hi, lo) divided by total, rounded once to float32, ties to even.
// total must be from 1 to 2^40. An exact zero gives +0.
//
// The least quotient but zero is 2^-64/2^40 = 2^-104, so the result is never subnormal; the greatest is below 2^20.
func mean(hi, lo, total uint64) float32 {
	negative := hi>>63 != 0
	if negative {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	if hi|lo == 0 {
		return 0
	}
	// Shift the dividend up to 128 full bits, so that the quotient has at least 88 and holds all bits that matter.
	up := bits.LeadingZeros64(hi)
	if hi == 0 {
		up = 64 + bits.LeadingZeros64(lo)
		hi, lo = lo, 0
		hi <<= up - 64
	} else {
		hi = hi<<up | lo>>(64-up)
		lo <<= up
	}
	qh, rest := hi/total, hi%total
	ql, rest := bits.Div64(rest, lo, total)
	// Bring the top 64 bits of the quotient together; what is cut off only says whether something is there.
	z := bits.LeadingZeros64(qh) // qh is at least 2^63/2^40
	top := qh<<z | ql>>(64-z)
	sticky := ql<<z != 0 || rest != 0
	// top is in [2^63, 2^64): 24 bits stay. The value is top·2^(64-z-fraction-up).
	// A carry to 25 bits leaves zeros below them, and goes into the exponent with the addition.
	m := halfEven(top, 40, sticky)
	b := uint32(m-1<<23) + uint32(150+40+64-z-fraction-up)<<23
	if negative {
		b |= 1 << 31
	}
	return math.Float32frombits(b)
}
