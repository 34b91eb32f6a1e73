package strategy

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/value"
)

// TestFoldIsTheExactMean: without Combine, what comes is the weighted mean, rounded once, in any order of the parts.
func TestFoldIsTheExactMean(t *testing.T) {
	c, err := Parse("fedavg")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		n, clients := rapid.SampledFrom([]int{0, 1, 3, 256, 300, 513}).Draw(t, "n"),
			rapid.IntRange(1, 5).Draw(t, "clients")
		scale := rapid.SampledFrom([]float32{1e-6, 1, 1000}).Draw(t, "scale")
		parts, weights := make([][]float32, clients), make([]int64, clients)
		seed := rapid.Uint32().Draw(t, "seed")
		for i := range parts {
			weights[i] = rapid.Int64Range(1, 1<<24-1).Draw(t, "weight")
			parts[i] = make([]float32, n)
			for k := range parts[i] {
				seed = seed*1664525 + 1013904223
				parts[i][k] = scale * float32(int32(seed>>8)-1<<23) / (1 << 20)
			}
		}
		out := make([]float32, n)
		if err := c.Fold(out, parts, weights); err != nil {
			t.Fatal(err)
		}
		for k := range out {
			sum, total := new(big.Rat), int64(0)
			for i := range parts {
				x := new(big.Rat).SetFloat64(float64(parts[i][k]))
				sum.Add(sum, x.Mul(x, new(big.Rat).SetInt64(weights[i])))
				total += weights[i]
			}
			want, _ := sum.Quo(sum, new(big.Rat).SetInt64(total)).Float32()
			if math.Abs(float64(out[k]-want)) > math.Abs(float64(want))*0x1p-20+0x1p-60 {
				t.Fatalf("element %d is %g, want %g", k, out[k], want)
			}
		}
		slices.Reverse(parts)
		slices.Reverse(weights)
		again := make([]float32, n)
		if err := c.Fold(again, parts, weights); err != nil || !slices.Equal(out, again) {
			t.Fatalf("in another order: %v, %v; want %v", again, err, out)
		}
	})
}

// TestFoldCombines: with Combine it is called, and what cannot be folded is refused before.
func TestFoldCombines(t *testing.T) {
	c, err := Parse("median")
	if err != nil {
		t.Fatal(err)
	}
	out := []float32{7}
	if err := c.Fold(out, [][]float32{{1}, {100}, {3}}, []int64{9, 1, 1}); err != nil || out[0] != 3 {
		t.Errorf("%v, %v; want the median", out, err)
	}
	nan := float32(math.NaN())
	for want, x := range map[string]struct {
		parts   [][]float32
		weights []int64
	}{
		"0 parts and 0 weights":      {},
		"2 parts and 1 weights":      {[][]float32{{1}, {2}}, []int64{1}},
		"part 1 has 2 elements":      {[][]float32{{1}, {2, 3}}, []int64{1, 1}},
		"part 0 weighs 0":            {[][]float32{{1}}, []int64{0}},
		"part 0 weighs 16777216":     {[][]float32{{1}}, []int64{1 << 24}},
		"element 0 of part 0 is NaN": {[][]float32{{nan}}, []int64{1}},
		"is 1.048576e+06; want":      {[][]float32{{1 << 20}}, []int64{1}},
	} {
		for _, text := range []string{"median", "fedavg"} {
			c, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			out[0] = 7
			err = c.Fold(out, x.parts, x.weights)
			if _, ok := err.(*value.Failure); !ok || !strings.Contains(err.Error(), want) || out[0] != 7 {
				t.Errorf("%s: %v, and out is %v; want %q and no change", text, err, out, want)
			}
		}
	}
}
