package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Trap fused-product: the vector loops and the scalar loops agree in every bit, for every length and value, also when
// the output is an operand.
func TestSetBits(t *testing.T) {
	if !haveVector {
		t.Skip("this machine has no vector loops: there is nothing to compare")
	}
	r := rand.New(rand.NewPCG(3, 3))
	s, v := Scalar(Fused), Best(Fused)
	for n := range 70 {
		for range 20 {
			a, b := fill(r, n, 2), fill(r, n, 2)
			c := fill(r, 1, 2)[0]
			for _, op := range []struct {
				name string
				s, v *Rows[float32, float32]
			}{{"add", &s.Add, &v.Add}, {"sub", &s.Sub, &v.Sub}, {"mul", &s.Mul, &v.Mul}, {"div", &s.Div, &v.Div}} {
				same(t, op.name+" vv", n, func(r *Rows[float32, float32], dst, a, b []float32) { r.VV(dst, a, b) },
					op.s, op.v, a, b)
				same(t, op.name+" vs", n, func(r *Rows[float32, float32], dst, a, _ []float32) { r.VS(dst, a, c) },
					op.s, op.v, a, b)
				same(t, op.name+" sv", n, func(r *Rows[float32, float32], dst, _, b []float32) { r.SV(dst, c, b) },
					op.s, op.v, a, b)
			}
			same(t, "relu", n, func(s *Set, dst, a, _ []float32) { s.Relu(dst, a) }, s, v, a, b)
			same(t, "relu gradient", n, func(s *Set, dst, a, b []float32) { s.ReluGrad(dst, a, b) }, s, v, a, b)
			same(t, "canonical", n, func(s *Set, dst, a, _ []float32) { copy(dst, a); s.CanonicalNaN(dst) }, s, v, a, b)
		}
	}
}

// same compares two forms of a loop on outputs of their own, and with the first operand and then the second as output.
func same[F any](t *testing.T, name string, n int, run func(f F, dst, a, b []float32), f, g F, a, b []float32) {
	t.Helper()
	want, got := make([]float32, n), make([]float32, n)
	run(f, want, a, b)
	run(g, got, a, b)
	if err := sameBits(want, got); err != nil {
		t.Fatalf("%s of %d: %v", name, n, err)
	}
	x, y := slices.Clone(a), slices.Clone(b)
	run(g, x, x, b)
	run(g, y, a, y)
	if err := sameBits(want, x); err != nil {
		t.Fatalf("%s of %d into its first operand: %v", name, n, err)
	}
	if err := sameBits(want, y); err != nil {
		t.Fatalf("%s of %d into its second operand: %v", name, n, err)
	}
}

// What the loops say of the values at which machines and libraries differ.
func TestEdges(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	odd := math.Float32frombits(0xffc12345)
	x := []float32{nan, odd, -inf, -0.5, float32(math.Copysign(0, -1)), 0, 2}
	for _, s := range []*Set{Scalar(Fused), Best(Fused)} {
		y := slices.Clone(x)
		s.CanonicalNaN(y)
		for i := range 2 {
			if math.Float32bits(y[i]) != nan32 {
				t.Errorf("%s: NaN %08x became %08x; want %08x", s.Name, math.Float32bits(x[i]), math.Float32bits(y[i]),
					nan32)
			}
		}
		s.Relu(y, x)
		if y[0] == y[0] || y[1] == y[1] || y[2] != 0 || y[3] != 0 || y[6] != 2 || math.Signbit(float64(y[2])) {
			t.Errorf("%s: relu of %v is %v", s.Name, x, y)
		}
		s.ReluGrad(y, x, []float32{1, 1, 1, 1, nan, nan, 3})
		if !slices.Equal(y, []float32{0, 0, 0, 0, 0, 0, 3}) {
			t.Errorf("%s: gradient of relu is %v", s.Name, y)
		}
	}
	i8 := make([]int8, 7)
	Convert(i8, []float32{nan, 1e30, -1e30, 127.9, -128.9, -0.9, 5.5})
	if !slices.Equal(i8, []int8{0, 127, -128, 127, -128, 0, 5}) {
		t.Errorf("floats as int8: %v", i8)
	}
	i64 := make([]int64, 4)
	Convert(i64, []float64{math.Inf(1), math.Inf(-1), 1 << 62, math.NaN()})
	if !slices.Equal(i64, []int64{math.MaxInt64, math.MinInt64, 1 << 62, 0}) {
		t.Errorf("floats as int64: %v", i64)
	}
}
