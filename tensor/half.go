package tensor

import "math"

// F16 is a float16 of IEEE 754, binary16, by its bits: a type that tensors hold and that nothing computes in.
type F16 uint16

// BF16 is a bfloat16, the upper half of a float32, by its bits: a type that tensors hold and that nothing computes in.
type BF16 uint16

// Float32 returns the value, which every float32 can hold.
func (x F16) Float32() float32 {
	sign, exp, frac := uint32(x>>15)<<31, uint32(x>>10&0x1f), uint32(x&0x3ff)
	switch exp {
	case 0x1f: // infinite, or no number
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case 0: // frac times 2^-24: exact
		return math.Float32frombits(sign | math.Float32bits(float32(frac)*0x1p-24))
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}

// Float32 returns the value, which every float32 can hold.
func (x BF16) Float32() float32 { return math.Float32frombits(uint32(x) << 16) }

// F16Of returns the float16 nearest to x, of two the even one: infinite from 65520 on, and one NaN for every NaN.
func F16Of(x float64) F16 { return F16(rounded(x, 10, 15)) }

// BF16Of returns the bfloat16 nearest to x, of two the even one, and one NaN for every NaN.
func BF16Of(x float64) BF16 { return BF16(rounded(x, 7, 127)) }

// rounded rounds x once to a float of 16 bits with so many of fraction, whose greatest exponent is bias.
func rounded(x float64, fraction, bias int) uint16 {
	bits := math.Float64bits(x)
	sign := uint16(bits>>63) << 15
	top := uint16(2*bias+1) << fraction // infinite
	exp, frac := int(bits>>52&0x7ff), bits&(1<<52-1)
	switch {
	case x != x:
		return top | 1<<(fraction-1)
	case exp == 0x7ff:
		return sign | top
	case exp == 0:
		return sign // a subnormal of 64 bits is nothing here
	}
	frac |= 1 << 52
	drop := 52 - fraction
	e := exp - 1023 + bias
	if e < 1 { // subnormal: one bit less for each exponent below the least
		drop, e = drop+1-e, 1
	}
	if drop > 54 {
		return sign
	}
	kept, rest, half := frac>>drop, frac&(1<<drop-1), uint64(1)<<(drop-1)
	if rest > half || rest == half && kept&1 != 0 {
		kept++
	}
	// What carries out of the fraction goes to the exponent, where the bit before the fraction counts as one.
	out := uint64(e-1)<<fraction + kept
	if out >= uint64(top) {
		return sign | top
	}
	return sign | uint16(out)
}
