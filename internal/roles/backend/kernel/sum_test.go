package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Trap unordered-sum: the sum of a run by the rules Fused has the order of lanes that LaneSum promises, and both sets
// have its bits, for every length and value; by the rules Rounded it is one term after another.
func TestLaneSum(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for n := range 100 {
		for range 20 {
			xs, acc := fill(r, n, 30), r.NormFloat64()
			var l [8]float64
			plain := acc
			for i, x := range xs {
				l[i%8] += float64(x)
				plain += float64(x)
			}
			want := acc + (((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7])))
			for _, s := range []*Set{Scalar(Fused), Best(Fused)} {
				if got := s.Sum.Run(acc, xs); !same64(got, want) {
					t.Fatalf("%s: the sum of %v is %v; want %v", s.Name, xs, got, want)
				}
			}
			if got := Best(Rounded).Sum.Run(acc, xs); !same64(got, plain) {
				t.Fatalf("the sum of %v by the old rules is %v; want %v", xs, got, plain)
			}
			into := make([]float64, n)
			for i := range into {
				into[i] = r.NormFloat64()
			}
			for _, s := range []*Set{Best(Rounded), Best(Fused)} {
				got := append([]float64(nil), into...)
				s.Sum.Rows(got, xs)
				for i, v := range got {
					if !same64(v, into[i]+float64(xs[i])) {
						t.Fatalf("%v and %v are %v", into[i], xs[i], v)
					}
				}
			}
		}
	}
}

func same64(x, y float64) bool {
	return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
}

// The gradient of a bias of 32 channels of 50 images of 32 by 32, by both rules.
func BenchmarkBiasGradient(b *testing.B) {
	w := ReduceWalk([]int{50, 32, 32, 32}, []bool{true, false, true, true})
	x, acc := fill(rand.New(rand.NewPCG(1, 1)), 50*32*1024, 0), make([]float64, 32)
	for name, s := range map[string]*Set{"rounded": Best(Rounded), "fused": Best(Fused)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s.Sum.Reduce(&w, acc, x)
			}
		})
	}
}
