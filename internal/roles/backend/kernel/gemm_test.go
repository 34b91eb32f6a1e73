package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// reference is the definition of the product, one element at a time.
func reference(r Rules, g Gemm, a, b []float32) []float32 {
	c := make([]float32, g.M*g.N)
	for i := range g.M {
		for j := range g.N {
			var s float32
			at := func(p int) (x, y float32) {
				k, l := i*g.K+p, p*g.N+j
				if g.TransA {
					k = p*g.M + i
				}
				if g.TransB {
					l = j*g.K + p
				}
				return a[k], b[l]
			}
			for p := range g.K {
				x, y := at(p)
				if r == Rounded {
					s += float32(x * y)
					continue
				}
				s = FMA32(x, y, s)
				if (p+1)%blockTerms == 0 || p == g.K-1 {
					if p < blockTerms {
						c[i*g.N+j] = s
					} else {
						c[i*g.N+j] += s
					}
					s = 0
				}
			}
			if r == Rounded {
				c[i*g.N+j] = s
			}
		}
	}
	return c
}

// strange are the values on which a kernel that reorders, fuses or flushes gives itself away.
var strange = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()),
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 1.1754944e-38, 1e-40, math.MaxFloat32, -math.MaxFloat32,
	1e-20, 3e-23,
}

// fill draws n values; one in every strangeness of them is a strange one, none when it is 0.
func fill(r *rand.Rand, n, strangeness int) []float32 {
	x := make([]float32, n)
	for i := range x {
		if strangeness > 0 && r.IntN(strangeness) == 0 {
			x[i] = strange[r.IntN(len(strange))]
		} else {
			x[i] = float32(r.NormFloat64())
		}
	}
	return x
}

// sameBits says where x and y differ in a bit. Every NaN counts as the same: see CanonicalNaN.
func sameBits(x, y []float32) error {
	if len(x) != len(y) {
		return fmt.Errorf("lengths %d and %d", len(x), len(y))
	}
	for i := range x {
		if x[i] != x[i] && y[i] != y[i] {
			continue
		}
		if math.Float32bits(x[i]) != math.Float32bits(y[i]) {
			return fmt.Errorf("element %d: %g (%08x) and %g (%08x)", i, x[i], math.Float32bits(x[i]), y[i],
				math.Float32bits(y[i]))
		}
	}
	return nil
}

// guarded returns a slice of n values inside a larger one filled with a mark, and a check that the marks still stand.
func guarded(n int) ([]float32, func() bool) {
	const mark = 12345
	all := make([]float32, n+64)
	for i := range all {
		all[i] = mark
	}
	return all[32 : 32+n : 32+n], func() bool {
		for i := range 32 {
			if all[i] != mark || all[len(all)-1-i] != mark {
				return false
			}
		}
		return true
	}
}

func checkGemm(t interface{ Fatalf(string, ...any) }, g Gemm, a, b []float32) {
	for _, r := range []Rules{Rounded, Fused} {
		want := reference(r, g, a, b)
		got, intact := guarded(g.M * g.N)
		GemmScalar(r, g, got, a, b)
		if err := sameBits(got, want); err != nil {
			t.Fatalf("%+v, rules %d: scalar: %v", g, r, err)
		}
		for _, s := range append(paths(r, 1), paths(r, 3)...) {
			scratch, scratchIntact := guarded(s.GemmScratch(g))
			for i := range got {
				got[i] = float32(math.NaN())
			}
			s.Gemm(g, got, a, b, scratch)
			if err := sameBits(got, want); err != nil {
				t.Fatalf("%+v, rules %d: %s by %d threads: %v", g, r, s.Name, s.Workers, err)
			}
			if !intact() || !scratchIntact() {
				t.Fatalf("%+v, rules %d: %s by %d threads wrote outside of its output or scratch", g, r, s.Name, s.Workers)
			}
		}
	}
}

// Trap fused-product: the vector kernel, the scalar loops and the definition agree in every bit, whatever the shape and
// the values.
func TestGemmBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Gemm{
			M: rapid.IntRange(0, 40).Draw(t, "m"), N: rapid.IntRange(0, 70).Draw(t, "n"),
			K:      rapid.IntRange(0, 40).Draw(t, "k"),
			TransA: rapid.Bool().Draw(t, "ta"), TransB: rapid.Bool().Draw(t, "tb"),
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		s := rapid.SampledFrom([]int{0, 3, 50}).Draw(t, "strangeness")
		checkGemm(t, g, fill(r, g.M*g.K, s), fill(r, g.K*g.N, s))
	})
}

// The shapes around every blocking constant, where a block begins, ends or is empty.
func TestGemmBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, d := range [][3]int{{1, 1, 1}, {6, 16, 256}, {7, 17, 257}, {241, 33, 300}, {13, 1040, 513}, {5, 2100, 20},
		{240, 16, 256}, {11, 130, 700}, {64, 128, 784}, {8, 200, 256}, {247, 150, 30}, {24, 90, 50}, {25, 80, 257},
		{26, 32, 300}, {27, 80, 67}, {28, 90, 50}, {29, 80, 52}, {30, 100, 52}, {31, 16, 520}} {
		for v := range 4 {
			g := Gemm{M: d[0], N: d[1], K: d[2], TransA: v&1 != 0, TransB: v&2 != 0}
			checkGemm(t, g, fill(r, g.M*g.K, 1000), fill(r, g.K*g.N, 1000))
		}
	}
}

// Matrix product of 512 by 512: the vector kernel beside the scalar loop and the textbook loop.
func BenchmarkGemm512(b *testing.B) { benchGemm(b, Gemm{M: 512, N: 512, K: 512}) }

// The products of a training step of a 64-32-10 network at batch 32.
func BenchmarkGemmSmall(b *testing.B) {
	for _, g := range []Gemm{{M: 32, N: 32, K: 64}, {M: 32, N: 10, K: 32}, {M: 64, N: 32, K: 32, TransA: true},
		{M: 32, N: 32, K: 10, TransB: true}, {M: 1, N: 32, K: 64}} {
		b.Run(fmt.Sprintf("%dx%dx%d/%v%v", g.M, g.N, g.K, g.TransA, g.TransB), func(b *testing.B) { benchGemm(b, g) })
	}
}

func benchGemm(b *testing.B, g Gemm) {
	r := rand.New(rand.NewPCG(1, 1))
	x, y, c, s := fill(r, g.M*g.K, 0), fill(r, g.K*g.N, 0), make([]float32, g.M*g.N),
		make([]float32, max(Best(Rounded).GemmScratch(g), Best(Fused).GemmScratch(g)))
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(2*float64(g.M)*float64(g.N)*float64(g.K)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
	run(Best(Fused).Name+"-fused", func() { Best(Fused).Gemm(g, c, x, y, s) })
	run(Best(Rounded).Name+"-rounded", func() { Best(Rounded).Gemm(g, c, x, y, s) })
	run("scalar-fused", func() { GemmScalar(Fused, g, c, x, y) })
	run("scalar-rounded", func() { GemmScalar(Rounded, g, c, x, y) })
	run("textbook", func() { reference(Rounded, g, x, y) })
}
