package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// optimizers runs each optimizer over a parameter on a set and gives what it wrote: apart from its inputs, or in them.
func optimizers(s *Set, in [4][]float32, c []float32, inPlace bool) (out [][]float32) {
	o := &s.Optimizers
	fresh := func(i int) (from, to []float32) {
		from, to = slices.Clone(in[i]), make([]float32, len(in[i]))
		if inPlace {
			to = from
		}
		out = append(out, to)
		return from, to
	}
	x, xOut := fresh(0)
	h, hOut := fresh(3)
	o.Adagrad(&AdagradStep[float32]{c[0], c[1], c[2]}, xOut, hOut, x, in[1], h)
	x, xOut = fresh(0)
	v, vOut := fresh(2)
	h, hOut = fresh(3)
	o.Adam(&AdamStep[float32]{c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]}, xOut, vOut, hOut, x, in[1], v, h)
	for _, nesterov := range []bool{false, true} {
		x, xOut = fresh(0)
		v, vOut = fresh(2)
		o.Momentum(&MomentumStep[float32]{c[0], c[1], c[2], c[3]}, nesterov, xOut, vOut, x, in[1], v)
	}
	return out
}

// The vector loops of the optimizers have the bits of the scalar ones, for every length and value, in place too.
func TestOptimizerBits(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 8))
	for n := range 40 {
		for _, strangeness := range []int{0, 3} {
			var in [4][]float32
			for i := range in {
				in[i] = fill(r, n, strangeness)
			}
			if strangeness == 0 {
				for i, h := range in[3] { // an accumulated square
					in[3][i] = h * h
				}
			}
			compareOptimizers(t, in, fill(r, 8, 0))
		}
	}
}

func compareOptimizers(t *testing.T, in [4][]float32, c []float32) {
	t.Helper()
	want := optimizers(Scalar(Rounded), in, c, false)
	for _, inPlace := range []bool{false, true} {
		for i, got := range optimizers(Best(Rounded), in, c, inPlace) {
			if err := sameBits(want[i], got); err != nil {
				t.Fatalf("output %d of %d values, in place %v: %v", i, len(in[0]), inPlace, err)
			}
		}
	}
}

// BenchmarkAdam is a step over 65,536 values on the vector loop, beside the scalar one.
func BenchmarkAdam(b *testing.B) {
	r := rand.New(rand.NewPCG(13, 9))
	const n = 1 << 16
	x, g, v, h := fill(r, n, 0), fill(r, n, 0), fill(r, n, 0), make([]float32, n)
	p := AdamParams[float32]{Alpha: 0.9, Beta: 0.999, Epsilon: 1e-8}
	c := p.At(1e-3, 10)
	step := func(s *Set) func() {
		return func() { s.Optimizers.Adam(&c, x, v, h, x, g, v, h) }
	}
	ratio(b, n, step(Scalar(Rounded)), step(Best(Rounded)))
}
