package exact

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// slow is the plain form of a Wide.
func slow(x []float64, square bool) *big.Int {
	sum := new(big.Rat)
	for _, v := range x {
		r := new(big.Rat).SetFloat64(v)
		if square {
			r.Mul(r, r)
		}
		sum.Add(sum, r)
	}
	unit := uint(SumUnit)
	if square {
		unit = SquareUnit
	}
	sum.Mul(sum, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), unit)))
	if !sum.IsInt() {
		panic("exact: a sum is no whole number of its unit")
	}
	return sum.Num()
}

func TestWideIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	edges := []float64{0, math.Copysign(0, -1), 1, -1, 0.1, math.MaxFloat64, -math.MaxFloat64,
		math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, 0x1p-1022, 0x1.fffffffffffffp-1023, 1e300, 1 << 53}
	for trial := range 40 {
		x := append([]float64(nil), edges...)
		for range 60 {
			v := math.Float64frombits(rng.Uint64())
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				x = append(x, v)
			}
			x = append(x, rng.NormFloat64())
		}
		rng.Shuffle(len(x), func(i, k int) { x[i], x[k] = x[k], x[i] })
		sum, squares := NewSum(), NewSquares()
		if trial%2 == 0 { // carries are taken on in between
			sum.added, squares.added = carryEvery-7, carryEvery-7
		}
		for _, v := range x {
			sum.Add(v)
			squares.AddSquare(v)
		}
		if got, want := sum.Int(), slow(x, false); got.Cmp(want) != 0 {
			t.Fatalf("the sum is %v, want %v", got, want)
		}
		if got, want := squares.Int(), slow(x, true); got.Cmp(want) != 0 {
			t.Fatalf("the sum of squares is %v, want %v", got, want)
		}
	}
}

func TestQuotientIsRoundedOnce(t *testing.T) {
	s := NewSum()
	for range 10 {
		s.Add(0.1)
	}
	ten := new(big.Int).SetInt64(10)
	if got := Quotient(s.Int(), SumUnit, ten); got != 0.1 {
		t.Errorf("the mean of ten times 0.1 is %v", got)
	}
	if got := Quotient(s.Int(), SumUnit, big.NewInt(1)); got != 1 { // 10 × 0x1.999999999999ap-4, once rounded
		t.Errorf("ten times 0.1 is %v", got)
	}
}
