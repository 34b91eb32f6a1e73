package tensor_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
)

// Every float16 and bfloat16 comes back from its float32, each NaN as the one; and what lies between two neighbours
// goes to the nearer, of two as near to the even one, also among the subnormal and at the end of the range.
func TestHalves(t *testing.T) {
	halves(t, 10, 15, func(b uint16) float32 { return tensor.F16(b).Float32() },
		func(x float64) uint16 { return uint16(tensor.F16Of(x)) })
	halves(t, 7, 127, func(b uint16) float32 { return tensor.BF16(b).Float32() },
		func(x float64) uint16 { return uint16(tensor.BF16Of(x)) })
}

func halves(t *testing.T, fraction, bias int, wide func(uint16) float32, of func(float64) uint16) {
	t.Helper()
	inf := uint16(2*bias+1) << fraction
	for b := range inf {
		x := float64(wide(b))
		exp, frac := int(b>>fraction), int64(b)&(1<<fraction-1)
		want := new(big.Float).SetInt64(frac + 1<<fraction)
		if exp == 0 {
			want.SetInt64(frac)
			exp = 1
		}
		if want.SetMantExp(want, exp-bias-fraction).Cmp(big.NewFloat(x)) != 0 {
			t.Fatalf("%#x is %v; want %v", b, x, want)
		}
		for sign, s := range map[uint16]float64{0: 1, 1 << 15: -1} {
			if got := of(s * x); got != b|sign {
				t.Fatalf("%v gives %#x; want %#x", s*x, got, b|sign)
			}
			next := float64(wide(b + 1))
			if b+1 == inf {
				next = 2*x - float64(wide(b-1))
			}
			mid, even := x+(next-x)/2, b+b&1 // exact in float64
			for y, want := range map[float64]uint16{mid: even, math.Nextafter(mid, 0): b,
				math.Nextafter(mid, math.Inf(1)): b + 1} {
				if got := of(s * y); got != want|sign {
					t.Fatalf("%v, near %v, gives %#x; want %#x", s*y, mid, got, want|sign)
				}
			}
		}
	}
	nan := inf | 1<<(fraction-1)
	for _, x := range []float64{math.Inf(1), math.MaxFloat64, 1e300} {
		if of(x) != inf || of(-x) != inf|1<<15 {
			t.Errorf("%v gives %#x", x, of(x))
		}
	}
	for _, b := range []uint16{inf + 1, nan, inf | 1<<15 | 3} {
		if x := wide(b); x == x || of(float64(x)) != nan {
			t.Errorf("%#x is %v and comes back as %#x; want one NaN", b, x, of(float64(x)))
		}
	}
	if of(5e-324) != 0 || of(math.Copysign(0, -1)) != 1<<15 || of(-1e-310) != 1<<15 {
		t.Error("what is too small is no zero of its sign")
	}
}
