package draw

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestStreamsAreNamed(t *testing.T) {
	a := New(1, "order", 2, 3)
	for name, other := range map[string]*Stream{
		"seed": New(2, "order", 2, 3), "purpose": New(1, "orders", 2, 3), "number": New(1, "order", 2, 4),
		"arity": New(1, "order", 2),
	} {
		if New(1, "order", 2, 3).Uint64() == other.Uint64() {
			t.Errorf("another %s gives the same stream", name)
		}
	}
	b := New(1, "order", 2, 3)
	for range 100 {
		if a.Uint64() != b.Uint64() {
			t.Fatal("equal names give different streams")
		}
	}
}

// The streams are part of what a job means: every machine and every release must draw these numbers.
func TestGoldenBits(t *testing.T) {
	s := New(42, "golden", 7)
	var b []byte
	for i := range 200 {
		b = binary.LittleEndian.AppendUint64(b, uint64(s.Below(i+1)))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.Float()))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.Normal()))
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.Gamma(float64(i+1)/16)))
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:8]); got != golden {
		t.Errorf("the drawn numbers changed: %s, want %s", got, golden)
	}
}

const golden = "4bfa7b520f6d8ec7"

func TestBelow(t *testing.T) {
	s := New(3, "below")
	for _, n := range []int{-1, 0, 1} {
		if s.Below(n) != 0 {
			t.Errorf("Below(%d) is not 0", n)
		}
	}
	const n, draws = 7, 70000
	var count [n]int
	for range draws {
		count[s.Below(n)]++
	}
	for i, c := range count {
		if c < draws/n*95/100 || c > draws/n*105/100 {
			t.Errorf("%d was drawn %d times of %d", i, c, draws)
		}
	}
}

func TestPermIsAPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 50).Draw(t, "n")
		p := New(rapid.Uint64().Draw(t, "seed"), "perm").Perm(n)
		slices.Sort(p)
		for i := range p {
			if p[i] != i {
				t.Fatalf("%v", p)
			}
		}
	})
}

func TestMoments(t *testing.T) {
	const n = 50000
	mean := func(f func(*Stream) float64) (m, v float64) {
		s := New(9, "moments")
		for range n {
			x := f(s)
			m += x
			v += x * x
		}
		m /= n
		return m, v/n - m*m
	}
	if m, v := mean((*Stream).Normal); math.Abs(m) > 0.02 || math.Abs(v-1) > 0.03 {
		t.Errorf("normal: mean %v, variance %v", m, v)
	}
	for _, alpha := range []float64{0.1, 0.5, 1, 2.5, 40} {
		m, v := mean(func(s *Stream) float64 { return s.Gamma(alpha) })
		if math.Abs(m-alpha) > 0.05*alpha+0.01 || math.Abs(v-alpha) > 0.1*alpha+0.02 {
			t.Errorf("gamma(%v): mean %v, variance %v; want both %v", alpha, m, v, alpha)
		}
	}
}

func TestDirichlet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "n")
		alpha := rapid.SampledFrom([]float64{1e-6, 0.01, 0.5, 1, 100, 1e6}).Draw(t, "alpha")
		p := New(rapid.Uint64().Draw(t, "seed"), "dirichlet").Dirichlet(n, alpha)
		sum := 0.0
		for _, x := range p {
			if !(x >= 0) {
				t.Fatalf("%v", p)
			}
			sum += x
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("the sum of %v is %v", p, sum)
		}
	})
}
