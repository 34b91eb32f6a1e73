package half

import (
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
)

// all is the environment variable with which every float32 is converted: some minutes.
const all = "RHIZOME_ALL_FLOATS"

// hold converts numbers to both types by the vector loops and by the scalar ones, and holds them against the slow form
// of package tensor, which rounds a float64.
func hold(t *testing.T, src []float32) {
	t.Helper()
	b, f := make([]tensor.BF16, len(src)), make([]tensor.F16, len(src))
	b2, f2 := make([]tensor.BF16, len(src)), make([]tensor.F16, len(src))
	NarrowBF16(b, src)
	narrowBF16(b2, src)
	NarrowF16(f, src)
	narrowF16(f2, src)
	for i, x := range src {
		if want := tensor.BF16Of(float64(x)); b[i] != want || b2[i] != want {
			t.Fatalf("%x to bfloat16: %x, and one by one %x; want %x", math.Float32bits(x), b[i], b2[i], want)
		}
		if want := tensor.F16Of(float64(x)); f[i] != want || f2[i] != want {
			t.Fatalf("%x to float16: %x, and one by one %x; want %x", math.Float32bits(x), f[i], f2[i], want)
		}
	}
}

// stratified are float32 of every sign and exponent, beside every place at which either type rounds.
func stratified() []float32 {
	var out []float32
	for top := range uint32(1 << 9) { // sign and exponent
		for shift := range 24 {
			for _, m := range []uint32{0, 1, 2, 3, 5, 7} {
				for _, d := range []uint32{0, 1, math.MaxUint32} {
					out = append(out, math.Float32frombits(top<<23|(m<<shift+d)&(1<<23-1)))
				}
			}
		}
	}
	return out
}

func TestNarrow(t *testing.T) {
	hold(t, stratified())
	for n := range 70 { // tails of all lengths, at all places
		hold(t, stratified()[n:2*n])
	}
	if testing.Short() {
		return
	}
	src := make([]float32, 0, 1<<16)
	for b := uint64(0); b < 1<<32; b += 4099 {
		if src = append(src, math.Float32frombits(uint32(b))); len(src) == cap(src) {
			hold(t, src)
			src = src[:0]
		}
	}
	hold(t, src)
}

// TestNarrowAll takes every float32 there is, where the environment asks for it.
func TestNarrowAll(t *testing.T) {
	if os.Getenv(all) == "" {
		t.Skip("takes minutes: " + all + "=1 converts each of the 2^32 float32")
	}
	src := make([]float32, 1<<16)
	for high := range uint32(1 << 16) {
		for i := range src {
			src[i] = math.Float32frombits(high<<16 | uint32(i))
		}
		hold(t, src)
	}
}

// TestWiden takes every float of 16 bits there is.
func TestWiden(t *testing.T) {
	b, f := make([]tensor.BF16, 1<<16), make([]tensor.F16, 1<<16)
	for i := range b {
		b[i], f[i] = tensor.BF16(i), tensor.F16(i)
	}
	for _, n := range []int{0, 1, 15, 16, 17, 1 << 16} {
		for _, at := range []int{0, 1<<16 - n} {
			x, y := make([]float32, n), make([]float32, n)
			x2, y2 := make([]float32, n), make([]float32, n)
			WidenBF16(x, b[at:at+n])
			widenBF16(x2, b[at:at+n])
			WidenF16(y, f[at:at+n])
			widenF16(y2, f[at:at+n])
			for i := range n {
				same(t, "bfloat16 "+strconv.FormatInt(int64(b[at+i]), 16), b[at+i].Float32(), x[i], x2[i])
				same(t, "float16 "+strconv.FormatInt(int64(f[at+i]), 16), f[at+i].Float32(), y[i], y2[i])
			}
		}
	}
	back, back2 := make([]tensor.BF16, 1<<16), make([]tensor.F16, 1<<16)
	x := make([]float32, 1<<16)
	WidenBF16(x, b)
	NarrowBF16(back, x)
	WidenF16(x, f)
	NarrowF16(back2, x)
	for i := range b {
		if n := b[i]&0x7fff > 0x7f80; !n && back[i] != b[i] || n && back[i] != nanBF16 {
			t.Fatalf("bfloat16 %x comes back as %x", b[i], back[i])
		}
		if n := f[i]&0x7fff > 0x7c00; !n && back2[i] != f[i] || n && back2[i] != nanF16 {
			t.Fatalf("float16 %x comes back as %x", f[i], back2[i])
		}
	}
}

// same says that both ways of widening give a number, or the one NaN.
func same(t *testing.T, of string, want float32, got ...float32) {
	t.Helper()
	bits := math.Float32bits(want)
	if want != want {
		bits = nanF32
	}
	for _, x := range got {
		if math.Float32bits(x) != bits {
			t.Fatalf("%s widens to %x; want %x", of, math.Float32bits(x), bits)
		}
	}
}

func TestTensors(t *testing.T) {
	x := []float32{1, -2.5, 0, 3e-8, 65519.996, 65520, 1e20, float32(math.NaN())}
	of, err := tensor.FromFloat32([]int{2, 4}, x)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to        tensor.DType
		tooLarge  int
		infinite  int
		roundTrip []float32
	}{
		{tensor.Float16, 5, 5, []float32{1, -2.5, 0, 0x1p-24, 65504}},
		{tensor.BFloat16, -1, 7, []float32{1, -2.5, 0, 0x1.02p-25, 65536, 65536, 0x1.5ap66}},
		{tensor.Float32, -1, -1, x[:7]},
	} {
		n, err := Narrow(of, c.to)
		if err != nil || n.DType() != c.to || !slices.Equal(n.Shape(), []int{2, 4}) {
			t.Fatalf("to %v: %v, %v", c.to, n, err)
		}
		if got := TooLarge(of, c.to); got != c.tooLarge {
			t.Errorf("%v cannot hold element %d, want %d", c.to, got, c.tooLarge)
		}
		if got := Infinite(n); got != c.infinite {
			t.Errorf("element %d of %v is infinite, want %d", got, n, c.infinite)
		}
		w, err := Widen(n)
		if err != nil || w.DType() != tensor.Float32 {
			t.Fatalf("widened: %v, %v", w, err)
		}
		if got := w.Float32()[:len(c.roundTrip)]; !slices.Equal(got, c.roundTrip) {
			t.Errorf("%v: %v comes back as %v, want %v", c.to, x, got, c.roundTrip)
		}
	}
	whole, err := tensor.FromInt64([]int{1}, []int64{1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Narrow(whole, tensor.BFloat16); err == nil {
		t.Error("a tensor of int64 is narrowed")
	}
	if w, err := Widen(whole); err != nil || w != whole {
		t.Error("a tensor of int64 does not stay as it is")
	}
}

func BenchmarkConvert(b *testing.B) {
	const n = 1 << 20
	x, h, f := make([]float32, n), make([]tensor.BF16, n), make([]tensor.F16, n)
	for i := range x {
		x[i] = float32(i%2003-1000) * 1.0037e-3
	}
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"NarrowBF16", func() { NarrowBF16(h, x) }}, {"NarrowBF16/scalar", func() { narrowBF16(h, x) }},
		{"NarrowF16", func() { NarrowF16(f, x) }}, {"NarrowF16/scalar", func() { narrowF16(f, x) }},
		{"WidenBF16", func() { WidenBF16(x, h) }}, {"WidenBF16/scalar", func() { widenBF16(x, h) }},
		{"WidenF16", func() { WidenF16(x, f) }}, {"WidenF16/scalar", func() { widenF16(x, f) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				c.run()
			}
		})
	}
}
