package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// elementary names the functions of a Set of one number.
func elementary(s *Set) map[string]func(dst, x []float32) {
	return map[string]func(dst, x []float32){"exp": s.Exp, "log": s.Log, "tanh": s.Tanh, "sigmoid": s.Sigmoid,
		"erf": s.Erf, "sqrt": s.Sqrt}
}

// strata returns float32 values of every sign and exponent: the ends and some of the middle of each binade, and what
// stands around the bounds of the functions.
func strata(r *rand.Rand, each int) []float32 {
	var x []float32
	for high := range uint32(512) {
		first := high << 23
		for i := range uint32(3) {
			x = append(x, math.Float32frombits(first+i), math.Float32frombits(first+1<<23-1-i))
		}
		for range each {
			x = append(x, math.Float32frombits(first|r.Uint32()>>9))
		}
	}
	for _, at := range []float64{0x1p-28, 0.75, 0.84375, 1, 1.25, 1 / 0.35, 6, 10, 20, math.Sqrt2, math.Sqrt2 / 2,
		88.72283, 87.33654, 103.97208, 200, 709.78271, 745.1332} {
		for d := range uint32(9) {
			near := math.Float32frombits(math.Float32bits(float32(at)) + d - 4)
			x = append(x, near, -near)
		}
	}
	return x
}

// The vector form of each function has the bits of the scalar one, NaN included, on every stratum of float32.
func TestElementaryBits(t *testing.T) {
	if !haveVector {
		t.Skip("this machine has no vector loops: there is nothing to compare")
	}
	r := rand.New(rand.NewPCG(13, 1))
	x := strata(r, 200)
	r.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] })
	scalar, vector := elementary(Scalar(Rounded)), elementary(Best(Rounded))
	want, got := make([]float32, len(x)), make([]float32, len(x))
	for name, f := range scalar {
		f(want, x)
		vector[name](got, x)
		if err := equalBits(x, want, got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// equalBits says where two results differ in a bit: of a NaN too, since what these functions give is the NaN.
func equalBits(x, want, got []float32) error {
	for i := range x {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) {
			return fmt.Errorf("of %g (%08x): %g (%08x) and %g (%08x)", x[i], math.Float32bits(x[i]), want[i],
				math.Float32bits(want[i]), got[i], math.Float32bits(got[i]))
		}
	}
	return nil
}

// Every length works, into another slice and in place, and nothing beside the output is written.
func TestElementaryLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 2))
	scalar, vector := elementary(Scalar(Rounded)), elementary(Best(Rounded))
	for n := range 40 {
		x := fill(r, n, 3)
		for name, f := range scalar {
			want := make([]float32, n)
			f(want, x)
			got, intact := guarded(n)
			vector[name](got, x)
			if err := sameBits(want, got); err != nil || !intact() {
				t.Fatalf("%s of %d: %v, intact %v", name, n, err, intact())
			}
			copy(got, x)
			vector[name](got, got)
			if err := sameBits(want, got); err != nil || !intact() {
				t.Fatalf("%s of %d in place: %v, intact %v", name, n, err, intact())
			}
		}
	}
}

// What a softmax is made of has the bits of the scalar loops: e^(x-m) over the whole range of float64, subnormal
// results and overflow too.
func TestSoftBits(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 3))
	scalar, vector := Scalar(Rounded).Soft, Best(Rounded).Soft
	wide := strata(r, 20)
	for n := range 40 {
		for _, m := range []float64{0, 1.5, -700.25, 708.3, 1e-3, float64(wide[r.IntN(len(wide))]), math.Inf(1),
			math.Inf(-1), math.NaN()} {
			x := make([]float32, n)
			for i := range x {
				switch x[i] = wide[r.IntN(len(wide))]; i % 3 {
				case 0:
					x[i] = float32(r.NormFloat64())
				case 1:
					x[i] = float32(r.Float64()*1500 - 750)
				}
			}
			soft(t, scalar, vector, x, m)
		}
	}
}

func soft(t *testing.T, scalar, vector Soft[float32], x []float32, m float64) {
	t.Helper()
	n := len(x)
	want, got := make([]float64, n), make([]float64, n+1)
	got[n] = 12345
	sum, same := scalar.Exp(want, x, m, 0.7), vector.Exp(got[:n], x, m, 0.7)
	if math.Float64bits(sum) != math.Float64bits(same) && (sum == sum || same == same) {
		t.Fatalf("sum of %d e^(x - %g): %g and %g", n, m, sum, same)
	}
	if a, b := scalar.Top(x, float32(m)), vector.Top(x, float32(m)); a != b && (a == a || b == b) {
		t.Fatalf("greatest of %d and %g: %g and %g", n, m, a, b)
	}
	for i := range want {
		if math.Float64bits(want[i]) != math.Float64bits(got[i]) {
			t.Fatalf("e^(%g - %g) of %d: %g (%016x) and %g (%016x)", x[i], m, n, want[i], math.Float64bits(want[i]),
				got[i], math.Float64bits(got[i]))
		}
	}
	if got[n] != 12345 {
		t.Fatalf("e^(x - %g) of %d wrote more", m, n)
	}
	a, b := make([]float32, n), slices.Clone(x)
	scalar.Less(a, x, m, 0.7)
	vector.Less(b, b, m, 0.7)
	if err := sameBits(a, b); err != nil {
		t.Fatalf("x - %g - 0.7 of %d: %v", m, n, err)
	}
	scalar.Over(a, want, 3.3)
	vector.Over(b, want, 3.3)
	if err := sameBits(a, b); err != nil {
		t.Fatalf("e^(x - %g) / 3.3 of %d: %v", m, n, err)
	}
}

// BenchmarkElementary is each function of 4,096 values on the vector loops, with how often faster that is than the
// scalar loop in the same process.
func BenchmarkElementary(b *testing.B) {
	r := rand.New(rand.NewPCG(13, 4))
	x, y := make([]float32, 4096), make([]float32, 4096)
	for name, f := range elementary(Best(Rounded)) {
		for i := range x {
			x[i] = float32(2 * r.NormFloat64())
			if name == "log" || name == "sqrt" {
				x[i] = float32(math.Abs(float64(x[i])))
			}
		}
		b.Run(name, func(b *testing.B) {
			ratio(b, len(x), func() { elementary(Scalar(Rounded))[name](y, x) }, func() { f(y, x) })
		})
	}
}

// BenchmarkSoftmax is the softmax of rows, likewise.
func BenchmarkSoftmax(b *testing.B) {
	r := rand.New(rand.NewPCG(13, 7))
	scalar, vector := Scalar(Rounded).Soft, Best(Rounded).Soft
	for _, n := range []int{10, 32, 128, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := Lanes{Outer: 4096 / n, N: n, Inner: 1}
			x, y, e := fill(r, l.Outer*n, 0), make([]float32, l.Outer*n), make([]float64, n)
			ratio(b, len(x), func() { Softmax(&scalar, l, y, x, e) }, func() { Softmax(&vector, l, y, x, e) })
		})
	}
}

// ratio times what in the benchmark's loop and reports how often it goes into the time of base, which runs as often,
// and how long it takes for each of n values: of the medians, which a busy machine moves least.
func ratio(b *testing.B, n int, base, what func()) {
	var slow, fast []time.Duration
	for b.Loop() {
		t0 := time.Now()
		base()
		t1 := time.Now()
		what()
		slow, fast = append(slow, t1.Sub(t0)), append(fast, time.Since(t1))
	}
	slices.Sort(slow)
	slices.Sort(fast)
	s, f := float64(slow[len(slow)/2]), float64(fast[len(fast)/2])
	b.ReportMetric(s/f, "times")
	b.ReportMetric(f/float64(n), "ns/value")
}

// Softmax, its logarithm and the loss have the same bits on both sets of loops, along lanes that lie together and lanes
// that do not, in place too.
func TestSoftmaxBits(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 5))
	scalar, vector := Scalar(Rounded).Soft, Best(Rounded).Soft
	for n := range 36 {
		for _, inner := range []int{1, 3} {
			l := Lanes{Outer: 4, N: n, Inner: inner}
			x := fill(r, 4*n*inner, 40)
			e := make([]float64, n)
			for name, f := range map[string]func(s *Soft[float32], l Lanes, dst, x []float32, scratch []float64){
				"softmax": Softmax[float32], "its logarithm": LogSoftmax[float32]} {
				want, got := make([]float32, len(x)), slices.Clone(x)
				f(&scalar, l, want, x, e)
				f(&vector, l, got, got, e)
				if err := sameBits(want, got); err != nil {
					t.Fatalf("%s of %v: %v", name, l, err)
				}
			}
			if n > 0 {
				sameLoss(t, &scalar, &vector, l, x, e)
			}
			sameLogSumExp(t, &scalar, &vector, l, x)
		}
	}
}

// sameLogSumExp reduces the middle dimension.
func sameLogSumExp(t *testing.T, scalar, vector *Soft[float32], l Lanes, x []float32) {
	t.Helper()
	w := NewWalk([]int{l.Outer, l.N, l.Inner}, []int{l.Inner, 0, 1})
	n := l.Outer * l.Inner
	want, got, top, sum, e := make([]float32, n), make([]float32, n), make([]float64, n), make([]float64, n),
		make([]float64, w.N)
	LogSumExp(scalar, &w, want, x, top, sum, e)
	LogSumExp(vector, &w, got, x, top, sum, e)
	if err := sameBits(want, got); err != nil {
		t.Fatalf("log of the sum of e^x of %v: %v", l, err)
	}
}

func sameLoss(t *testing.T, scalar, vector *Soft[float32], l Lanes, x []float32, e []float64) {
	t.Helper()
	labels := make([]int64, l.Outer*l.Inner)
	for i := range labels {
		labels[i] = int64(i % l.N)
	}
	var out [2][3][]float32
	for i, s := range []*Soft[float32]{scalar, vector} {
		out[i] = [3][]float32{make([]float32, 1), make([]float32, len(x)), make([]float32, len(x))}
		if err := FromScores(s, &Loss[float32]{Lanes: l}, out[i][0], out[i][1], out[i][2], x, labels, e); err != nil {
			t.Fatal(err)
		}
	}
	for i := range out[0] {
		if err := sameBits(out[0][i], out[1][i]); err != nil {
			t.Fatalf("output %d of the loss of %v: %v", i, l, err)
		}
	}
}
