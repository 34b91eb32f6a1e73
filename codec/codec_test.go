package codec

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

func open(t testing.TB, name string) Codec {
	t.Helper()
	c, r, err := Open(Ref{Name: name})
	if err != nil || r.Name != name || r.Version != 1 {
		t.Fatal(r, err)
	}
	return c
}

func vector(x ...float32) value.Value {
	t, err := tensor.FromFloat32([]int{len(x)}, x)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

func elements(t testing.TB, v value.Value) []float32 {
	t.Helper()
	x, ok := v.(value.Tensor)
	if !ok {
		t.Fatalf("%T is no tensor", v)
	}
	return x.Float32()
}

// there returns what a value is behind its way, and how many bytes it was on it.
func there(t testing.TB, c Codec, v value.Value) (value.Value, int) {
	t.Helper()
	enc, err := c.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := value.NewRegistry().Append(nil, enc)
	if err != nil {
		t.Fatal(err)
	}
	read, err := value.NewRegistry().Decode(enc.Type(), b, value.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Decode(read, value.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return got, len(b)
}

// draw draws elements of one magnitude or another, subnormal and largest ones among them.
func draw(t *rapid.T, n int) []float32 {
	scale := rapid.SampledFrom([]float32{1, 1e-3, 1e30, math.SmallestNonzeroFloat32 * 300, math.MaxFloat32}).Draw(t,
		"scale")
	x := make([]float32, n)
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	for i := range x {
		x[i] = (2*r.Float32() - 1) * scale
		if r.IntN(8) == 0 {
			x[i] = []float32{0, scale, -scale, scale / 2}[r.IntN(4)]
		}
	}
	return x
}

// same says whether values are the same to the bit.
func same(t testing.TB, a, b value.Value) bool {
	t.Helper()
	x, err := value.NewRegistry().Append(nil, a)
	y, err2 := value.NewRegistry().Append(nil, b)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return a.Type() == b.Type() && bytes.Equal(x, y)
}

// TestUnchanged: what a codec has nothing to do with comes out as it went in, whatever it looks like, and lists keep
// their form.
func TestUnchanged(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	ints, err := tensor.FromInt64([]int{4}, []int64{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := open(t, "int8").Encode(vector(make([]float32, 100)...))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"int8", "topk", "topk:0.1", "topk:100"} {
		c := open(t, name)
		for _, v := range []value.Value{
			value.Trigger{}, value.Int(-3), value.String("\x01"), value.Peer("node"), value.NewBytes(nil),
			value.NewBytes([]byte{1, 0}), encoded,
			value.Tensor{Tensor: ints}, vector(), vector(0.5), vector(slices.Repeat([]float32{1, nan}, 40)...),
			vector(slices.Repeat([]float32{1, -inf}, 40)...),
			value.NewList(), value.NewList(value.NewList(value.Int(1), encoded), vector(2)),
		} {
			if got, _ := there(t, c, v); !same(t, got, v) {
				t.Errorf("%s: %v became %v", name, v, got)
			}
		}
	}
}

// TestUnknown: a name, version or argument that is not known is a typed error, which says what is.
func TestUnknown(t *testing.T) {
	for _, r := range []Ref{{Name: "zip"}, {}, {Name: "int8", Version: 2}, {Name: "int8", Version: -1},
		{Name: string(make([]byte, 5000))}} {
		var e *UnknownError
		if _, _, err := Open(r); !errors.As(err, &e) || !slices.Contains(e.Known, "int8@1") || len(err.Error()) > 400 {
			t.Errorf("%.20q@%d: %v", r.Name, r.Version, err)
		}
	}
	for _, name := range []string{"int8:4", "int8:", "topk:0", "topk:101", "topk:5.0", "topk:05", "topk:1e1",
		"topk:NaN", "topk:x", "topk:0.05", "topk:1.23456"} {
		var e *ArgumentError
		if _, _, err := Open(Ref{Name: name}); !errors.As(err, &e) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if k := Known(); !slices.Equal(k, []string{"int8@1", "topk@1"}) {
		t.Errorf("known are %q", k)
	}
}

// TestBounded: what a stranger sends in place of an encoded value is refused before memory is taken for what it claims.
func TestBounded(t *testing.T) {
	head := func(dims ...byte) []byte { return append([]byte{packedBytes, byte(len(dims))}, dims...) }
	huge := []byte{packedBytes, 2, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f}
	for _, name := range []string{"int8", "topk:0.1"} {
		c := open(t, name)
		for what, b := range map[string][]byte{
			"nothing": {}, "another kind": {2}, "no rank": {packedBytes}, "a rank of 200": {packedBytes, 200, 1, 1},
			"no dimension":     {packedBytes, 1},
			"a dimension of 0": head(0), "a long form": {packedBytes, 1, 0x84, 0x00}, "many elements": huge,
			"2^27 elements": {packedBytes, 1, 0x80, 0x80, 0x80, 0x40},
			"no data":       head(100), "little": append(head(100), 0, 0, 0),
			"much":                         append(head(4), make([]byte, 40)...),
			"an infinite scale or element": append(head(1), 0, 0, 0x80, 0x7f, 0, 0),
		} {
			var e *FormatError
			allocated := testing.AllocsPerRun(1, func() {
				if _, err := c.Decode(value.NewBytes(b), value.DefaultLimits()); !errors.As(err, &e) {
					t.Errorf("%s: %s: %v", name, what, err)
				}
			})
			if allocated > 40 {
				t.Errorf("%s: %s: %v allocations", name, what, allocated)
			}
		}
		lim := value.DefaultLimits()
		lim.Tensor.Elements = 99
		enc, err := c.Encode(vector(make([]float32, 100)...))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Decode(enc, lim); err == nil {
			t.Errorf("%s: 100 elements where 99 are allowed", name)
		}
		deep := enc
		for range 20 {
			deep = value.NewList(deep)
		}
		if _, err := c.Decode(deep, value.DefaultLimits()); err == nil {
			t.Errorf("%s: lists 20 deep were taken", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"int8", "topk", "topk:0.1"} {
		enc, err := open(f, name).Encode(vector(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, -20))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, enc.(value.Bytes).Raw())
	}
	fuzzing.Run(f, func(t *testing.T, name string, b []byte) {
		c, _, err := Open(Ref{Name: name})
		if err != nil {
			return
		}
		lim := value.DefaultLimits()
		lim.Tensor.Elements = 1 << 16
		v, err := c.Decode(value.NewBytes(b), lim)
		var e *FormatError
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if x, ok := v.(value.Tensor); ok && (x.Len() > 1000*len(b) || !finite(x.Float32())) {
			t.Fatalf("%d bytes became %d elements", len(b), x.Len())
		}
		enc, err := c.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.Decode(enc, lim)
		if err != nil {
			t.Fatalf("what was decoded cannot be decoded again: %v", err)
		}
		if x, ok := v.(value.Tensor); ok && again.(value.Tensor).Len() != x.Len() {
			t.Fatal("another number of elements")
		}
	})
}

// kept is the slow second way to choose what topk keeps.
func kept(x []float32, k int) []float32 {
	at := make([]int, len(x))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at,
		func(a, b int) int { return cmp.Compare(math.Abs(float64(x[b])), math.Abs(float64(x[a]))) })
	out := make([]float32, len(x))
	for _, i := range at[:k] {
		out[i] = x[i]
	}
	return out
}
