package exact

import "math/bits"

// A sum can be passed on to whoever adds up several: as two whole numbers for each element, its upper and its lower 64
// bits. Every sum has one such form, and what several add to does not depend on who added which.

// Pairs writes the signed 128-bit numbers in hi and lo as pairs; out has two numbers for each.
func Pairs(out []int64, hi, lo []uint64) {
	lo, out = lo[:len(hi)], out[:2*len(hi)]
	for k := range hi {
		out[2*k], out[2*k+1] = int64(hi[k]), int64(lo[k])
	}
}

// AddPairs adds pairs to the signed 128-bit numbers in hi and lo, of which there are half as many.
func AddPairs(hi, lo []uint64, pairs []int64) {
	lo, pairs = lo[:len(hi)], pairs[:2*len(hi)]
	for k := range hi {
		var c uint64
		lo[k], c = bits.Add64(lo[k], uint64(pairs[2*k+1]), 0)
		hi[k], _ = bits.Add64(hi[k], uint64(pairs[2*k]), c)
	}
}

// The greatest magnitude in range, the float32 below ValueMax, as a multiple of 2^-64.
const (
	mostHi = ValueMax - 1
	mostLo = 0xf << 60
)

// Beyond returns the place of the first pair that is no sum of numbers in range, whose weights add to total, or -1.
// total is at most 2^40.
func Beyond(pairs []int64, total uint64) int {
	carry, most := bits.Mul64(mostLo, total)
	top := mostHi*total + carry // below 2^60
	for k := 0; k+1 < len(pairs); k += 2 {
		h, l := uint64(pairs[k]), uint64(pairs[k+1])
		sign := uint64(pairs[k] >> 63) // all ones where the sum is negative
		l, borrow := bits.Sub64(l^sign, sign, 0)
		h, _ = bits.Sub64(h^sign, sign, borrow)
		if h > top || h == top && l > most {
			return k / 2
		}
	}
	return -1
}

// Negative returns the place of the first pair below 0, or -1.
func Negative(pairs []int64) int {
	for k := 0; k < len(pairs); k += 2 {
		if pairs[k] < 0 {
			return k / 2
		}
	}
	return -1
}
