package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// A product of which some blocks of terms come later, and are added to those of before, is the product of all of them.
func TestGemmMore(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 3))
	for _, c := range []Gemm{{M: 1, N: 1}, {M: 7, N: 19}, {M: 30, N: 33}, {M: 13, N: 16}, {M: 64, N: 130}} {
		for _, k := range []int{257, 300, 512, 700} {
			for kind := range 4 {
				whole := Gemm{M: c.M, N: c.N, K: k, TransA: kind&1 != 0, TransB: kind&2 != 0}
				a, b := fill(r, c.M*k, 50), fill(r, k*c.N, 50)
				for _, rules := range []Rules{Rounded, Fused} {
					for _, s := range slices.Concat([]*Set{Scalar(rules)}, paths(rules, 1), paths(rules, 2)) {
						want := make([]float32, c.M*c.N)
						s.Gemm(whole, want, a, b, make([]float32, s.GemmScratch(whole)))
						got := make([]float32, c.M*c.N)
						for p := 0; p < k; p += BlockTerms {
							part := whole
							part.K, part.More = min(BlockTerms, k-p), p > 0
							s.Gemm(part, got, termsOf(a, c.M, k, p, part.K, !whole.TransA),
								termsOf(b, c.N, k, p, part.K, whole.TransB), make([]float32, s.GemmScratch(part)))
						}
						if err := sameBits(got, want); err != nil {
							t.Fatal(fmt.Sprint(whole, " by rules ", rules, ", ", s.Name), err)
						}
					}
				}
			}
		}
	}
}

// termsOf are some terms from p on of n rows or columns of k terms, which stand one after the other in each or not.
func termsOf(x []float32, n, k, p, some int, along bool) []float32 {
	if !along {
		return slices.Clone(x[p*n : (p+some)*n])
	}
	var out []float32
	for i := range n {
		out = append(out, x[i*k+p:i*k+p+some]...)
	}
	return out
}
