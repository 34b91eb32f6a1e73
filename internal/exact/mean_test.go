package exact

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// exact is the slow, obvious form of fixed: big rationals.
func exact(x float32) *big.Int {
	r := new(big.Rat).SetFloat64(float64(x))
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), Fraction)))
	return nearestEven(r)
}

// nearestEven rounds a rational to an integer.
func nearestEven(r *big.Rat) *big.Int {
	twice := new(big.Int).Lsh(r.Num(), 1)
	// floor((2n + d) / 2d) rounds half up; a tie is then taken back to even.
	q, rest := new(big.Int).DivMod(twice.Add(twice, r.Denom()), new(big.Int).Lsh(r.Denom(), 1), new(big.Int))
	if rest.Sign() == 0 && q.Bit(0) == 1 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

// signed reads a two's complement 128-bit number.
func signed(hi, lo uint64) *big.Int {
	v := new(big.Int).SetUint64(hi)
	v.Lsh(v, 64).Or(v, new(big.Int).SetUint64(lo))
	if hi>>63 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	return v
}

// element draws floats of all sizes that are in range, with many ties and edges.
func element() *rapid.Generator[float32] {
	edges := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0x1p-64, 0x1p-65, 0x3p-65, 0x5p-65, 0x1p-66, 0x1.8p-64,
		0x1p-149, 0x1.fffffep-127, -0x1.fffffep-66, 0x1.fffffep19, -0x1.fffffep19, 0x1p-41, 0.1}
	return rapid.OneOf(rapid.SampledFrom(edges), rapid.Custom(func(t *rapid.T) float32 {
		sign := uint32(rapid.IntRange(0, 1).Draw(t, "sign")) << 31
		exponent := uint32(rapid.IntRange(0, 127+19).Draw(t, "exponent")) << 23
		return math.Float32frombits(sign | exponent | rapid.Uint32Range(0, 1<<23-1).Draw(t, "mantissa"))
	}))
}

// add is Add of one number.
func add(hi, lo uint64, x float32, n uint64) (uint64, uint64) {
	h, l := []uint64{hi}, []uint64{lo}
	Add(h, l, []float32{x}, n)
	return h[0], l[0]
}

// mean is means of one number.
func mean(hi, lo, total uint64) float32 {
	var out [1]float32
	d := NewDivisor(total)
	d.Means(out[:], []uint64{hi}, []uint64{lo})
	return out[0]
}

func TestFixedIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := element().Draw(t, "x")
		hi, lo, negative := fixed(x)
		got := signed(hi, lo)
		if negative {
			got.Neg(got)
		}
		if want := exact(x); got.Cmp(want) != 0 {
			t.Fatalf("fixed(%g) = %v, want %v", x, got, want)
		}
	})
}

func TestAddIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var hi, lo uint64
		want := new(big.Int)
		for range rapid.IntRange(1, 20).Draw(t, "terms") {
			x, n := element().Draw(t, "x"), rapid.Uint64Range(1, SamplesMax-1).Draw(t, "n")
			hi, lo = add(hi, lo, x, n)
			want.Add(want, new(big.Int).Mul(exact(x), new(big.Int).SetUint64(n)))
		}
		if got := signed(hi, lo); got.Cmp(want) != 0 {
			t.Fatalf("sum %v, want %v", got, want)
		}
	})
}

// checkMean holds mean against the correctly rounded quotient of big rationals.
func checkMean(t interface{ Fatalf(string, ...any) }, hi, lo, total uint64) {
	d := new(big.Int).Lsh(new(big.Int).SetUint64(total), Fraction)
	want, _ := new(big.Rat).SetFrac(signed(hi, lo), d).Float32()
	if got := mean(hi, lo, total); math.Float32bits(got) != math.Float32bits(want) {
		t.Fatalf("mean(%x, %x, %d) = %g, want %g", hi, lo, total, got, want)
	}
	checkOdd(t, new(big.Rat).SetFrac(signed(hi, lo), d), hi, lo, total)
}

// checkOdd holds what is rounded to odd against the true quotient: the float32 that it is, or else that of the two
// beside it which is odd.
func checkOdd(t interface{ Fatalf(string, ...any) }, want *big.Rat, hi, lo, total uint64) {
	var out [1]float32
	d := NewDivisor(total)
	d.Odd(out[:], []uint64{hi}, []uint64{lo})
	got := new(big.Rat).SetFloat64(float64(out[0]))
	b := math.Float32bits(out[0])
	toZero, fromZero := math.Float32frombits(b-1), math.Float32frombits(b+1)
	inside := func(x float32) bool { // beyond x, seen from out[0]
		return new(big.Rat).Sub(want, new(big.Rat).SetFloat64(float64(x))).Sign() ==
			new(big.Rat).Sub(got, new(big.Rat).SetFloat64(float64(x))).Sign()
	}
	if want.Cmp(got) != 0 && (b&1 == 0 || !inside(toZero) || !inside(fromZero)) {
		t.Fatalf("the mean of (%x, %x, %d) rounded to odd is %g (%x), it is %s", hi, lo, total, out[0], b,
			want.FloatString(40))
	}
}

func TestMeanIsCorrectlyRounded(t *testing.T) {
	const totalMax = SamplesMax * PartsMax
	for _, total := range []uint64{1, 2, 3, 1 << 39, totalMax - 1, totalMax} {
		for _, v := range [][2]uint64{{0, 0}, {0, 1}, {0, 3}, {0, 1 << 63}, {0, math.MaxUint64}, {1, 0},
			{1<<60 - 1, math.MaxUint64},
			{math.MaxUint64, math.MaxUint64}, {math.MaxUint64, 0}, {1<<64 - 1<<60, 1}} {
			checkMean(t, v[0], v[1], total)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		// |sum| ≤ total·2^84, which all real sums obey, with all magnitudes drawn.
		total := rapid.Uint64Range(1, totalMax).Draw(t, "total")
		v := new(big.Int).SetUint64(rapid.Uint64().Draw(t, "top"))
		v.Lsh(v, 64).Or(v, new(big.Int).SetUint64(rapid.Uint64().Draw(t, "bottom")))
		limit := new(big.Int).Lsh(new(big.Int).SetUint64(total), 84)
		v.Mod(v, limit).Rsh(v, uint(rapid.IntRange(0, 100).Draw(t, "down")))
		hi, lo := new(big.Int).Rsh(v, 64).Uint64(), v.Uint64()
		checkMean(t, hi, lo, total)
		if rapid.Bool().Draw(t, "negative") && hi|lo != 0 {
			v.Sub(new(big.Int).Lsh(big.NewInt(1), 128), v)
			mask := new(big.Int).SetUint64(math.MaxUint64)
			checkMean(t, new(big.Int).Rsh(v, 64).Uint64(), new(big.Int).And(v, mask).Uint64(), total)
		}
	})
}

// Ties between two float32 are the cases that a lazy rounding gets wrong.
func TestMeanTies(t *testing.T) {
	for _, m := range []uint64{1<<24 + 1, 1<<24 + 3, 1<<25 - 1, 1<<25 - 3} {
		for _, total := range []uint64{1, 3, 7, 1 << 20} {
			hi, lo := m*total>>20, m*total<<44 // m·2^-20 as the mean: a tie
			checkMean(t, hi, lo, total)
			checkMean(t, hi, lo+1, total)
			checkMean(t, hi-b2u(lo == 0), lo-1, total)
		}
	}
}

// Beside the middle of two float32, a double quotient does not say to which of them it rounds.
func TestMeanBesideTies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Uint64Range(1, SamplesMax*PartsMax).Draw(t, "total")
		middle := new(big.Int).SetUint64(2*rapid.Uint64Range(1<<23, 1<<24-1).Draw(t, "mantissa") + 1)
		v := middle.Mul(middle, new(big.Int).SetUint64(total)).Lsh(middle, uint(rapid.IntRange(0, 59).Draw(t, "up")))
		off := new(big.Int).Rsh(v, uint(rapid.IntRange(46, 60).Draw(t, "off")))
		if rapid.Bool().Draw(t, "below") {
			off.Neg(off)
		}
		v.Add(v, off)
		checkMean(t, new(big.Int).Rsh(v, 64).Uint64(),
			new(big.Int).And(v, new(big.Int).SetUint64(math.MaxUint64)).Uint64(), total)
	})
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// The bounds leave room: the greatest contribution, as often as allowed, does not reach the sign.
func TestTheGreatestSumFits(t *testing.T) {
	x := math.Nextafter32(ValueMax, 0)
	per := new(big.Int).Mul(exact(x), big.NewInt(SamplesMax-1))
	total := per.Mul(per, big.NewInt(PartsMax))
	if total.BitLen() > 126 {
		t.Errorf("the greatest sum has %d bits", total.BitLen())
	}
	for _, x := range []float32{ValueMax, -ValueMax, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())} {
		if InRange(x) {
			t.Errorf("%g is in range", x)
		}
	}
	if !InRange(x) || !InRange(-x) || !InRange(0) {
		t.Error("a number below the bound is refused")
	}
}

// An average of equal updates is that update, whatever they weigh, where 2^-64 steps can hold it.
func TestTheMeanOfEqualsIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float32Range(-1000, 1000).Filter(func(x float32) bool {
			return x == 0 || math.Abs(float64(x)) >= 0x1p-40
		}).Draw(t, "x")
		var hi, lo, total uint64
		for range rapid.IntRange(1, 9).Draw(t, "k") {
			n := rapid.Uint64Range(1, SamplesMax-1).Draw(t, "n")
			hi, lo = add(hi, lo, x, n)
			total += n
		}
		if got := mean(hi, lo, total); got != x {
			t.Fatalf("mean of %g is %g", x, got)
		}
	})
}
