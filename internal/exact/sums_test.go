package exact

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// TestSumsOfSumsAreTheSum: what is added by several, and passed on in pairs, is what one would have added, to the bit.
func TestSumsOfSumsAreTheSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(element(), 1, 12).Draw(t, "x")
		n := rapid.SliceOfN(rapid.Uint64Range(1, SamplesMax-1), len(x), len(x)).Draw(t, "n")
		who := rapid.SliceOfN(rapid.IntRange(0, 2), len(x), len(x)).Draw(t, "who")
		var one, all [2]uint64
		var parts [3][2]uint64
		total := uint64(0)
		for i := range x {
			Add(one[:1], one[1:], x[i:i+1], n[i])
			p := &parts[who[i]]
			Add(p[:1], p[1:], x[i:i+1], n[i])
			total += n[i]
		}
		for _, p := range parts {
			var pair [2]int64
			Pairs(pair[:], p[:1], p[1:])
			if Beyond(pair[:], total) >= 0 {
				t.Fatalf("%v is held to be no sum of weight %d", pair, total)
			}
			AddPairs(all[:1], all[1:], pair[:])
		}
		if one != all {
			t.Fatalf("the sum is %x, that of sums %x", one, all)
		}
	})
}

// TestBeyondIsWhatNobodyCanSum: the bound is the greatest float32 in range times the weight, not one more.
func TestBeyondIsWhatNobodyCanSum(t *testing.T) {
	greatest := math.Nextafter32(ValueMax, 0)
	for _, total := range []uint64{1, 3, SamplesMax - 1, 1 << 40} {
		most := new(big.Int).Mul(exact(greatest), new(big.Int).SetUint64(total))
		for _, c := range []struct {
			by     int64
			beyond bool
		}{{0, false}, {-1, false}, {1, true}} {
			for _, sign := range []int64{1, -1} {
				v := new(big.Int).Add(most, big.NewInt(c.by))
				v.Mul(v, big.NewInt(sign))
				lo := new(big.Int).And(v, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
				hi := new(big.Int).Rsh(v, 64).Int64()
				pairs := []int64{0, 5, hi, int64(lo)}
				want := -1
				if c.beyond {
					want = 1
				}
				if got := Beyond(pairs, total); got != want {
					t.Errorf("weight %d, %+d, sign %d: %d, want %d", total, c.by, sign, got, want)
				}
			}
		}
	}
	for _, worst := range [][]int64{{math.MinInt64, 0}, {math.MaxInt64, -1}} {
		if Beyond(worst, 1<<40) != 0 {
			t.Errorf("%v is held to be a sum", worst)
		}
	}
	if got := Negative([]int64{0, -1, -1, 0}); got != 1 {
		t.Errorf("below 0 is %d, want 1", got)
	}
}
