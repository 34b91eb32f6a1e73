// Package exact has weighted means of float32 that do not depend on the order in which the numbers are added. Each
// number is rounded once to a multiple of 2^-64, multiplied by its weight as an integer, and added to a signed 128-bit
// integer; the mean is the exact quotient, rounded once. The aggregator adds what arrives in this way, and strategies
// fold with it: both give the same bits. Everything here is pure.
package exact

import (
	"math"
	"math/bits"
)

// The bounds that make the 128-bit sums safe: 20 + 64 bits of value, 24 of samples, 16 of contributions, and a sign.
const (
	ValueMax   = 1 << 20 // |x| is below this
	SamplesMax = 1 << 24 // samples of a contribution are below this
	PartsMax   = 1 << 16 // contributions to one round
	Fraction   = 64      // bits behind the point
)

// InRange says whether x is a number that can be summed; it is false for NaN and the infinities.
func InRange(x float32) bool { return x > -ValueMax && x < ValueMax }

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
	if shift := exponent - 150 + Fraction; shift >= 0 {
		// Go's shifts by 64 and more give 0; shift is at most 60 for what is in range.
		return mantissa >> (64 - shift), mantissa << shift, b>>31 != 0
	} else {
		return 0, halfEven(mantissa, uint(-shift)), b>>31 != 0
	}
}

// halfEven returns m·2^-shift rounded to the nearest integer, ties to even. shift must be at least 1.
func halfEven(m uint64, shift uint) uint64 {
	if shift > 64 {
		return 0
	}
	q, rest := m>>shift, m&(1<<shift-1)
	half := uint64(1) << (shift - 1)
	if rest > half || rest == half && q&1 == 1 {
		q++
	}
	return q
}

// Add adds n times the fixed-point form of each x to the signed 128-bit number in hi and lo. hi and lo are at least
// as long as x, and n is below 2^24.
//
// A number of at least 2^-41, or a little less, is its mantissa shifted up: then n times the mantissa is exact in one
// word, and shifted once. Only what lies below is rounded. There is no branch on the sign, which is as good as random.
func Add(hi, lo []uint64, x []float32, n uint64) {
	hi, lo = hi[:len(x)], lo[:len(x)]
	for k, v := range x {
		b := math.Float32bits(v)
		shift := b>>23&0xff - (150 - Fraction) // wraps for what is small
		if shift >= 64 {
			hi[k], lo[k] = addSmall(hi[k], lo[k], v, n)
			continue
		}
		p := uint64(b&(1<<23-1)|1<<23) * n // below 2^48
		h, l := p>>1>>(63-shift&63), p<<(shift&63)
		sign := uint64(int64(int32(b)) >> 63) // all ones where v is negative: -v is ^v + 1
		var c uint64
		lo[k], c = bits.Add64(lo[k], l^sign, sign&1)
		hi[k], _ = bits.Add64(hi[k], h^sign, c)
	}
}

// addSmall is Add for a number that may have to be rounded; it is right for all.
func addSmall(hi, lo uint64, x float32, n uint64) (uint64, uint64) {
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

// Divisor divides sums by one total, 1 to 2^40.
type Divisor struct {
	total  uint64
	power  int     // of two that the total is, or -1
	double float64 // the total, which is exact
}

// NewDivisor returns what divides by the total, 1 to 2^40.
func NewDivisor(total uint64) Divisor {
	d := Divisor{total: total, power: -1, double: float64(total)}
	if total&(total-1) == 0 {
		d.power = bits.TrailingZeros64(total)
	}
	return d
}

// unsure is how far, in units of its last place, a quotient of doubles may be from the true one, and more: the dividend
// is cut to 53 bits, and the quotient is rounded.
const unsure = 8

// Means writes the signed 128-bit fixed-point numbers in hi and lo divided by the total, each rounded once to float32,
// ties to even. An exact zero gives +0.
//
// The least quotient but zero is 2^-64/2^40 = 2^-104, so no result is subnormal; the greatest is below 2^20.
//
// Division by a power of two is a shift. Else the quotient of doubles, whose 53 bits are wrong in the last few at most,
// rounds to the same float32 as the true one, unless it lies beside the middle of two; only then all bits are divided.
// All of it is exact arithmetic or single operations of IEEE 754, so the bits are the same on every machine.
func (d *Divisor) Means(out []float32, hi, lo []uint64) {
	hi, lo = hi[:len(out)], lo[:len(out)]
	for k := range out {
		h, l := hi[k], lo[k]
		sign := uint64(int64(h) >> 63) // all ones where the sum is negative
		l, borrow := bits.Sub64(l^sign, sign, 0)
		h, _ = bits.Sub64(h^sign, sign, borrow)
		// Shift the dividend up to 128 full bits.
		up := 0
		if h == 0 {
			if l == 0 {
				out[k] = 0
				continue
			}
			h, l, up = l, 0, 64
		}
		z := bits.LeadingZeros64(h) & 63
		h, l, up = h<<z|l>>1>>(63-z), l<<z, up+z
		// Its value is h·2^(64-Fraction-up), and a little more where l is not zero.
		if d.power >= 0 {
			out[k] = rounded(h, l, 64-Fraction-up-d.power, sign)
			continue
		}
		// to be multiplied by 2^(127-Fraction-up)
		q := math.Float64bits(math.Float64frombits(1023<<52|h<<1>>12) / d.double)
		if rest := q&(1<<29-1) - (1<<28 - unsure); rest <= 2*unsure {
			top, below, exponent := d.divide(h, l, up)
			out[k] = rounded(top, below, exponent, sign)
			continue
		}
		// the exponent and 23 bits, rounded: no tie is here; a carry goes into the exponent
		m := uint32((q + 1<<28) >> 29)
		b := m - uint32(1023-127-(127-Fraction-up))<<23
		out[k] = math.Float32frombits(b | uint32(sign)&(1<<31))
	}
}

// Odd writes what Means does, but rounded to odd: cut, with the last bit set where the cut lost something. Whoever
// rounds it again, to a type of at most 22 bits, thereby rounds the exact mean once.
func (d *Divisor) Odd(out []float32, hi, lo []uint64) {
	hi, lo = hi[:len(out)], lo[:len(out)]
	for k := range out {
		h, l := hi[k], lo[k]
		sign := uint64(int64(h) >> 63)
		l, borrow := bits.Sub64(l^sign, sign, 0)
		h, _ = bits.Sub64(h^sign, sign, borrow)
		up := 0
		if h == 0 {
			if l == 0 {
				out[k] = 0
				continue
			}
			h, l, up = l, 0, 64
		}
		z := bits.LeadingZeros64(h) & 63
		h, l, up = h<<z|l>>1>>(63-z), l<<z, up+z
		if d.power >= 0 {
			out[k] = odd(h, l, 64-Fraction-up-d.power, sign)
			continue
		}
		q := math.Float64bits(math.Float64frombits(1023<<52|h<<1>>12) / d.double)
		if rest := q & (1<<29 - 1); rest <= unsure || rest >= 1<<29-unsure {
			top, below, exponent := d.divide(h, l, up)
			out[k] = odd(top, below, exponent, sign)
			continue
		}
		// something is lost, and the quotient of doubles is right in all bits that stay
		b := uint32(q>>29|1) - uint32(1023-127-(127-Fraction-up))<<23
		out[k] = math.Float32frombits(b | uint32(sign)&(1<<31))
	}
}

// divide divides by integers, of the dividend hi, lo of 128 full bits, which was shifted up by so many: the quotient is
// top·2^exponent, and a little more where below is not zero, as rounded and odd take it.
func (d *Divisor) divide(hi, lo uint64, up int) (top, below uint64, exponent int) {
	qh, rest := hi/d.total, hi%d.total
	ql, rest := bits.Div64(rest, lo, d.total)
	// Bring the top 64 bits of the quotient, which has at least 88, together; what is cut off only says whether
	// something is there.
	z := bits.LeadingZeros64(qh) // qh is at least 2^63/2^40
	return qh<<z | ql>>(64-z), ql<<z | rest, 64 - z - Fraction - up
}

// rounded returns top·2^exponent as float32, with the sign, rounded once, ties to even. top must be in [2^63, 2^64); if
// below is not zero, the true value is a little above. There is no branch in it: whether a number is rounded up is as
// good as random.
func rounded(top, below uint64, exponent int, sign uint64) float32 {
	t := top>>1 | top&1 | (below|-below)>>63 // the last bit stands for all that lies below
	m := (t + (1<<38 - 1) + t>>39&1) >> 39
	// A carry to 25 bits leaves zeros below them, and goes into the exponent with the addition.
	b := uint32(m-1<<23) + uint32(150+40+exponent)<<23
	return math.Float32frombits(b | uint32(sign)&(1<<31))
}

// odd is rounded, but cut to 24 bits, the last of which is set where something was lost.
func odd(top, below uint64, exponent int, sign uint64) float32 {
	lost := top<<24 | below
	m := top>>40 | (lost|-lost)>>63
	b := uint32(m-1<<23) + uint32(150+40+exponent)<<23
	return math.Float32frombits(b | uint32(sign)&(1<<31))
}
