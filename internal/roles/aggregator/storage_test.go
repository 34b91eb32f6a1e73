package aggregator_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/tensor"
)

// TestMeanIsRoundedOnce: a mean that lies a hair above the middle of two bfloat16 goes to the upper one, although the
// float32 beside it is that middle, which would go to the even, lower one; likewise of float16, and below.
func TestMeanIsRoundedOnce(t *testing.T) {
	for _, c := range []struct {
		to    tensor.DType
		place float32 // behind 1
	}{{tensor.BFloat16, 0x1p-7}, {tensor.Float16, 0x1p-10}} {
		const many = 1<<23 - 1
		for _, sign := range []float32{1, -1} {
			// the middle, with a hair below; with a hair above; the middle of the next two, whose even one is above
			a := []float32{1, 1, 1 + c.place}
			b := []float32{1 + c.place, 1 + c.place, 1 + 2*c.place}
			hair := []float32{1, 1 + c.place, 1 + c.place}
			s := aggregator.NewSum([]int{3})
			for i := range a {
				a[i], b[i], hair[i] = sign*a[i], sign*b[i], sign*hair[i]
			}
			s.Add(a, many)
			s.Add(b, many)
			total := int64(2 * many)
			exact, err := s.MeanAs(total, []int{3}, c.to)
			if err != nil {
				t.Fatal(err)
			}
			s.Add(hair, 1)
			beside, err := s.MeanAs(total+1, []int{3}, c.to)
			if err != nil {
				t.Fatal(err)
			}
			check := func(what string, got *tensor.Tensor, want ...float32) {
				t.Helper()
				w, err := half.Widen(got)
				if err != nil || got.DType() != c.to {
					t.Fatalf("%v, %v", got, err)
				}
				for k, x := range w.Float32() {
					if x != sign*want[k] {
						t.Errorf("%s, %v, element %d: %v; want %v", what, c.to, k, x, sign*want[k])
					}
				}
			}
			check("in the middle", exact, 1, 1, 1+2*c.place)
			check("beside it", beside, 1, 1+c.place, 1+c.place)
		}
	}
}

// TestMeanOfHalves holds means against rationals, and the numbers of a long sum against those of a short one.
func TestMeanOfHalves(t *testing.T) {
	const n = 10_000 // more than one piece of a sum, and no whole number of runs
	for _, to := range []tensor.DType{tensor.BFloat16, tensor.Float16} {
		s, weights := aggregator.NewSum([]int{n}), []int64{3, 11, 1}
		parts := make([][]float32, len(weights))
		for i, w := range weights {
			for k := range n {
				parts[i] = append(parts[i], float32(math.Sin(float64(k*7+i*1000)))*float32(math.Exp2(float64(k%40-24))))
			}
			s.Add(parts[i], w)
		}
		got, err := s.MeanAs(15, []int{n}, to)
		if err != nil {
			t.Fatal(err)
		}
		w, err := half.Widen(got)
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range w.Float32() {
			sum := new(big.Rat)
			for i, p := range parts {
				of := new(big.Rat).SetFloat64(math.RoundToEven(float64(p[k])*0x1p64) * 0x1p-64)
				sum.Add(sum, of.Mul(of, new(big.Rat).SetInt64(weights[i])))
			}
			mean, _ := sum.Quo(sum, big.NewRat(15, 1)).Float64() // of 53 bits: a tie of 8 or 11 is not made by rounding
			want := tensor.BF16Of(mean).Float32()
			if to == tensor.Float16 {
				want = tensor.F16Of(mean).Float32()
			}
			if x != want {
				t.Fatalf("%v, element %d: %v; want %v", to, k, x, want)
			}
		}
	}
}
