package exact

import (
	"math"
	"math/big"
	"math/bits"
)

// The units of a Wide: sums of float64 are whole numbers of 2^-SumUnit, sums of their squares of 2^-SquareUnit.
const (
	SumUnit    = 1074
	SquareUnit = 2 * SumUnit
)

// digits of 32 bits that hold sums of 2^40 float64, and of their squares, with some to spare.
const (
	sumDigits    = (2*1074)/32 + 4
	squareDigits = (4*1074)/32 + 6
	carryEvery   = 1 << 30 // additions after which carries are taken on
)

// Wide is the exact sum of finite float64, or of their squares, of which nothing is rounded: it does not depend on the
// order in which they are added. It is thread-unsafe.
type Wide struct {
	digits []int64 // of 32 bits each, the least first, with carries that were not taken on yet
	added  int     // since they were
}

// NewSum returns an empty sum of float64, and NewSquares one of their squares.
func NewSum() *Wide { return &Wide{digits: make([]int64, sumDigits)} }

// NewSquares returns an empty sum of squares of float64.
func NewSquares() *Wide { return &Wide{digits: make([]int64, squareDigits)} }

// parts returns x as mantissa·2^exponent.
func parts(x float64) (mantissa uint64, exponent int, negative bool) {
	b := math.Float64bits(x)
	mantissa, exponent = b&(1<<52-1), int(b>>52&0x7ff)
	if exponent == 0 {
		exponent = 1 // subnormal
	} else {
		mantissa |= 1 << 52
	}
	return mantissa, exponent - 1075, b>>63 != 0
}

// Add adds a finite number to a sum of NewSum.
func (w *Wide) Add(x float64) {
	m, e, negative := parts(x)
	at := e + SumUnit
	d, s := w.digits[at/32:], uint(at%32)
	sign := int64(1)
	if negative {
		sign = -1
	}
	d[0] += sign * int64(uint32(m<<s))
	d[1] += sign * int64(uint32(m>>(32-s)))
	d[2] += sign * int64(m>>(64-s)) // Go's shifts by 64 give 0
	w.counted()
}

// AddSquare adds the square of a finite number to a sum of NewSquares.
func (w *Wide) AddSquare(x float64) {
	m, e, _ := parts(x)
	at := 2*e + SquareUnit
	d, s := w.digits[at/32:], uint(at%32)
	hi, lo := bits.Mul64(m, m)
	d[0] += int64(uint32(lo << s))
	d[1] += int64(uint32(lo >> (32 - s)))
	d[2] += int64(uint32(hi<<s | lo>>(64-s)))
	d[3] += int64(uint32(hi >> (32 - s)))
	d[4] += int64(hi >> (64 - s))
	w.counted()
}

// counted takes carries on before they can be too large.
func (w *Wide) counted() {
	if w.added++; w.added < carryEvery {
		return
	}
	w.added = 0
	for i := range len(w.digits) - 1 {
		w.digits[i+1] += w.digits[i] >> 32
		w.digits[i] &= 1<<32 - 1
	}
}

// Int returns the sum in its unit.
func (w *Wide) Int() *big.Int {
	v, d := new(big.Int), new(big.Int)
	for i := len(w.digits) - 1; i >= 0; i-- {
		v.Add(v.Lsh(v, 32), d.SetInt64(w.digits[i]))
	}
	return v
}

// Quotient returns v·2^-unit / by, rounded once to float64, ties to even; by must be above 0.
func Quotient(v *big.Int, unit uint, by *big.Int) float64 {
	x, _ := new(big.Rat).SetFrac(v, new(big.Int).Lsh(by, unit)).Float64()
	return x
}
