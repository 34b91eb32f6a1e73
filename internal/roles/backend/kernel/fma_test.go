package kernel

import (
	"flag"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

var triples = flag.Int("triples", 1<<20, "how many triples FMA32 is held against the processor's own instruction on")

// halfwayTriple draws factors and a term whose exact sum is so near to the middle of two float32 that a float64 takes
// it for the middle: x·y is half a unit of z's last place, but for a part in 2^46.
func halfwayTriple(r *rand.Rand) (x, y, z float32) {
	k := float32(1 + r.IntN(64))
	const e = 1.0 / (1 << 23)
	z = math.Float32frombits(r.Uint32N(0x60000000) + 0x10000000)
	unit := float64(math.Float32frombits(math.Float32bits(z)+1)) - float64(z)
	shift := int(r.IntN(40)) - 20
	x = float32(math.Ldexp(unit/2*float64(1+k*e), shift))
	y = float32(math.Ldexp(float64(1-k*e), -shift))
	if r.IntN(2) == 0 {
		x = -x
	}
	if r.IntN(2) == 0 {
		z = -z
	}
	return x, y, z
}

func anyFloat(r *rand.Rand) float32 { return math.Float32frombits(r.Uint32()) }

// exact is FMA32 by its definition.
func exact(x, y, z float32) float32 {
	b := func(v float32) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(float64(v)) }
	s := new(big.Float).SetPrec(2000).Add(new(big.Float).SetPrec(2000).Mul(b(x), b(y)), b(z))
	f, _ := s.Float32()
	return f
}

// A fused operation of float32 is not one of float64 that is rounded again. FMA32 rounds once, for any values, and also
// where float64 sees a halfway point that there is none.
func TestFMA32(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 13))
	twice := 0
	for i := range 200_000 {
		x, y, z := halfwayTriple(r)
		if i%4 == 0 {
			x, y, z = anyFloat(r), anyFloat(r), anyFloat(r)
		}
		if i%16 == 1 { // the sum is subnormal, or nothing
			x, y, z = x*1e-25, y*1e-20, math.Float32frombits(r.Uint32()&0x80ffffff)
		}
		if p := float64(x)*float64(y) + float64(z); math.IsInf(p, 0) || p != p {
			if got := FMA32(x, y, z); float64(got) != p && got == got {
				t.Fatalf("%g * %g + %g is %g; want %g", x, y, z, got, p)
			}
			continue
		}
		want := exact(x, y, z)
		got := FMA32(x, y, z)
		if got != want || got != 0 && math.Signbit(float64(got)) != math.Signbit(float64(want)) {
			t.Fatalf("%x * %x + %x is %x; want %x", x, y, z, got, want)
		}
		if float32(math.FMA(float64(x), float64(y), float64(z))) != want {
			twice++
		}
	}
	if twice < 1000 {
		t.Errorf("rounding twice is wrong for %d of the triples: too few to show a fault", twice)
	}
	for _, c := range [][4]float32{{0, -1, 0, 0}, {float32(math.Copysign(0, -1)), 1, float32(math.Copysign(0, -1)),
		float32(math.Copysign(0, -1))}, {1, 1, -1, 0}} {
		if got := FMA32(c[0], c[1], c[2]); math.Float32bits(got) != math.Float32bits(c[3]) {
			t.Errorf("%g * %g + %g is %g; want %g", c[0], c[1], c[2], got, c[3])
		}
	}
}

// TestFMA32OfProcessor holds FMA32 against what the vector kernel computes, with -triples of them: a product of two
// terms of which the first is z itself.
func TestFMA32OfProcessor(t *testing.T) {
	if Best(Fused).Name == "scalar" {
		t.Skip("this machine has no vector kernel that fuses: there is nothing to compare")
	}
	g := Gemm{M: 4, N: 16, K: 2}
	r := rand.New(rand.NewPCG(5, 17))
	a, b, c := make([]float32, 8), make([]float32, 32), make([]float32, 64)
	scratch := make([]float32, Best(Fused).GemmScratch(g))
	for done := 0; done < *triples; done += len(c) {
		for j := range 16 {
			x, y, z := halfwayTriple(r)
			if j%4 == 0 {
				x, y, z = anyFloat(r), anyFloat(r), anyFloat(r)
			}
			a[2*(j%4)], a[2*(j%4)+1] = 1, x // the last that is drawn for a row stays
			b[j], b[16+j] = z, y
		}
		Best(Fused).Gemm(g, c, a, b, scratch)
		for i, got := range c {
			x, y, z := a[2*(i/16)+1], b[16+i%16], b[i%16]
			want := FMA32(x, y, FMA32(1, z, 0))
			if math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
				t.Fatalf("%x * %x + %x: the processor says %x, FMA32 %x", x, y, z, got, want)
			}
		}
	}
}

// BenchmarkFMA32 measures the scalar form beside a product and a sum.
func BenchmarkFMA32(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	x, y := fill(r, 1024, 0), fill(r, 1024, 0)
	b.Run("fused", func(b *testing.B) {
		for b.Loop() {
			var s float32
			for i, v := range x {
				s = FMA32(v, y[i], s)
			}
			x[0] = s
		}
	})
	b.Run("rounded", func(b *testing.B) {
		for b.Loop() {
			var s float32
			for i, v := range x {
				s += float32(v * y[i])
			}
			x[0] = s
		}
	})
}
