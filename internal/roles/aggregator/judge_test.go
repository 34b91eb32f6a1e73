package aggregator

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// numbers returns n numbers between -2048 and 2048.
func numbers(seed uint32, n int) []float32 {
	out := make([]float32, n)
	for k := range out {
		seed = seed*1664525 + 1013904223
		out[k] = float32(int32(seed)) / (1 << 20)
	}
	return out
}

// TestSquaresInAnyRuns: the squared distances have the bits of the plain loop, in whatever runs the elements come, and
// through the stored form in between.
func TestSquaresInAnyRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.IntRange(1, 11).Draw(t, "points"), rapid.SampledFrom([]int{1, 7, 4096, 9000}).Draw(t, "elements")
		points := make([][]float32, n)
		for i := range points {
			points[i] = numbers(rapid.Uint32().Draw(t, "seed"), d)
		}
		var want []float64
		for i := range points {
			for k := i + 1; k < n; k++ {
				sum := 0.0
				for e := range d {
					x := float64(points[i][e]) - float64(points[k][e])
					sum += float64(x * x)
				}
				want = append(want, sum)
			}
		}
		j := &Judging{Squares: snapshot.NewWords(pairs(n))}
		for lo := 0; lo < d; {
			hi := min(d, lo+rapid.IntRange(1, d).Draw(t, "run"))
			run := make([][]float32, n)
			for i, p := range points {
				run[i] = p[lo:hi]
			}
			sums := j.sums()
			addSquares(sums, run)
			j.keep(sums)
			lo = hi
		}
		if got := j.sums(); !slices.Equal(got, want) && len(want) > 0 {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

// TestJudgedIsRoundedOnce: what updates become by their weights is the sum in float64 in their order, rounded once to
// the type of the model.
func TestJudgedIsRoundedOnce(t *testing.T) {
	c, err := New("aggregator", Config{Model: "model", Combine: "krum"})
	if err != nil {
		t.Fatal(err)
	}
	vector := func(x []float32) *tensor.Tensor {
		v, err := tensor.FromFloat32([]int{len(x)}, x)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.IntRange(0, 4).Draw(t, "updates"), rapid.SampledFrom([]int{1, 3, 600}).Draw(t, "elements")
		of := rapid.SampledFrom([]tensor.DType{tensor.Float32, tensor.Float16, tensor.BFloat16}).Draw(t, "type")
		x := make([][]float32, n+1)
		weights := make([]float64, n+1)
		for i := range x {
			x[i] = numbers(rapid.Uint32().Draw(t, "seed"), d)
			weights[i] = rapid.Float64Range(0.01, 1).Draw(t, "weight")
		}
		var parts []value.Value
		for _, p := range x[:n] {
			parts = append(parts, value.Tensor{Tensor: vector(p)})
		}
		got, err := c.judged(parts, make([]Share, n), weights, vector(x[n]), []int{d}, of)
		if err != nil || got.DType() != of {
			t.Fatal(got, err)
		}
		wide, err := half.Widen(got)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range wide.Float32() {
			sum := 0.0
			for i := range x {
				sum += float64(weights[i] * float64(x[i][k]))
			}
			if want := nearest(sum, of); want != float64(v) {
				t.Fatalf("element %d is %v of %v, want %v in %s", k, v, sum, want, of)
			}
		}
	})
}

// nearest rounds to the nearest number of a float type, of two to the even one, of numbers that are no subnormal ones.
func nearest(x float64, d tensor.DType) float64 {
	bits := map[tensor.DType]uint{tensor.Float32: 24, tensor.Float16: 11, tensor.BFloat16: 8}[d]
	if d == tensor.Float16 && math.Abs(x) < 0x1p-14 {
		return math.RoundToEven(x*0x1p24) / 0x1p24
	}
	out, _ := new(big.Float).SetPrec(bits).SetMode(big.ToNearestEven).SetFloat64(x).Float64()
	return out
}
