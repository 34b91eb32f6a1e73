package fmath_test

import (
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fmath"
	"pgregory.net/rapid"
)

func TestEdges(t *testing.T) {
	inf, nan, tiny := math.Inf(1), math.NaN(), math.SmallestNonzeroFloat64
	cases := []struct {
		name    string
		f       func(float64) float64
		x, want float64
	}{
		{"Exp", fmath.Exp, inf, inf},
		{"Exp", fmath.Exp, -inf, 0},
		{"Exp", fmath.Exp, nan, nan},
		{"Exp", fmath.Exp, 0, 1},
		{"Exp", fmath.Exp, math.Copysign(0, -1), 1},
		{"Exp", fmath.Exp, tiny, 1},
		{"Exp", fmath.Exp, -tiny, 1},
		{"Exp", fmath.Exp, 0x1p-60, 1},
		{"Exp", fmath.Exp, 709.782712893384, 1.7976931348622732e308},
		{"Exp", fmath.Exp, 709.7827128933841, inf},
		{"Exp", fmath.Exp, math.MaxFloat64, inf},
		{"Exp", fmath.Exp, -math.MaxFloat64, 0},
		{"Exp", fmath.Exp, -745.1332191019411, tiny},
		{"Exp", fmath.Exp, -745.1332191019412, 0},
		{"Exp", fmath.Exp, -746, 0},
		{"Log", fmath.Log, inf, inf},
		{"Log", fmath.Log, -inf, nan},
		{"Log", fmath.Log, nan, nan},
		{"Log", fmath.Log, -1, nan},
		{"Log", fmath.Log, -tiny, nan},
		{"Log", fmath.Log, 0, -inf},
		{"Log", fmath.Log, math.Copysign(0, -1), -inf},
		{"Log", fmath.Log, 1, 0},
		{"Log", fmath.Log, tiny, -744.4400719213812},
		{"Log", fmath.Log, math.MaxFloat64, 709.782712893384},
		{"Log", fmath.Log, 0x1p-1022, -708.3964185322641},
		{"Log", fmath.Log, 2, math.Ln2},
		{"Tanh", fmath.Tanh, inf, 1},
		{"Tanh", fmath.Tanh, -inf, -1},
		{"Tanh", fmath.Tanh, nan, nan},
		{"Tanh", fmath.Tanh, tiny, tiny},
		{"Tanh", fmath.Tanh, -tiny, -tiny},
		{"Tanh", fmath.Tanh, 1e300, 1},
		{"Sigmoid", fmath.Sigmoid, inf, 1},
		{"Sigmoid", fmath.Sigmoid, -inf, 0},
		{"Sigmoid", fmath.Sigmoid, nan, nan},
		{"Sigmoid", fmath.Sigmoid, 0, 0.5},
		{"Sigmoid", fmath.Sigmoid, -800, 0},
		{"Sigmoid", fmath.Sigmoid, 800, 1},
	}
	for _, c := range cases {
		if got := c.f(c.x); ulps(got, c.want) != 0 {
			t.Errorf("%s(%v) = %v, want %v", c.name, c.x, got, c.want)
		}
	}
	if z := fmath.Tanh(math.Copysign(0, -1)); !math.Signbit(z) || z != 0 {
		t.Errorf("Tanh(-0) = %v, want -0", z)
	}
}

// Trap fused-product: a NaN, whichever came in and wherever a function has no value, comes out in one form. The bits
// that arithmetic gives to a NaN are another matter on every kind of processor.
func TestNaNHasOneForm(t *testing.T) {
	want := math.Float64bits(math.NaN())
	inputs := []float64{math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.Pi / 2, 1, -1, 0,
		math.Copysign(0, -1), 1 - 0x1p-53, 1 + 0x1p-52, -1 - 0x1p-52, math.SmallestNonzeroFloat64,
		-math.SmallestNonzeroFloat64, 0x1p-1022, 1 << 29, 1 << 40}
	nans := []uint64{want, 0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0000, 0xfff8_0000_dead_beef, 0x7fff_ffff_ffff_ffff,
		0xffff_ffff_ffff_ffff, 0x7ff7_ffff_ffff_ffff, 0x7ff0_0000_0000_0001, 0xfff0_0000_0000_0001,
		0x7ff4_0000_0000_0000}
	for _, c := range functions {
		for _, bits := range nans {
			if got := math.Float64bits(c.f(math.Float64frombits(bits))); got != want {
				t.Errorf("%s: the NaN %#x came out as %#x, want %#x", c.name, bits, got, want)
			}
		}
		for _, x := range inputs {
			if y := c.f(x); y != y && math.Float64bits(y) != want {
				t.Errorf("%s(%v) is the NaN %#x, want %#x", c.name, x, math.Float64bits(y), want)
			}
		}
	}
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64().Draw(t, "x")
		if a, b := fmath.Tanh(x), fmath.Tanh(-x); a != -b {
			t.Fatalf("Tanh is not odd: %v, %v", a, b)
		}
		if e := fmath.Exp(x); e < 0 {
			t.Fatalf("Exp is negative: %v", e)
		}
		if th := fmath.Tanh(x); th < -1 || th > 1 {
			t.Fatalf("Tanh leaves its range: %v", th)
		}
		if s := fmath.Sigmoid(x); s < 0 || s > 1 {
			t.Fatalf("Sigmoid leaves its range: %v", s)
		}
		y := rapid.Float64Range(-700, 700).Draw(t, "y")
		if back := fmath.Log(fmath.Exp(y)); math.Abs(back-y) > 4e-16*max(1, math.Abs(y)) {
			t.Fatalf("Log(Exp(%v)) = %v", y, back)
		}
	})
}
