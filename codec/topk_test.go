package codec

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/value"
)

// TestTopK holds what is kept against a sort of all elements: to the bit, and of equal magnitudes those that come
// first.
func TestTopK(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom([]string{"topk", "topk:0.1", "topk:5", "topk:33.3"}).Draw(rt, "codec")
		x := draw(rt, rapid.IntRange(40, 3000).Draw(rt, "n"))
		if rapid.Bool().Draw(rt, "ties") {
			for i := range x {
				x[i] = float32(math.Copysign(float64(i%3), float64(x[i])))
			}
		}
		c := open(t, name)
		got, size := there(t, c, vector(x...))
		share := map[string]float64{"topk": 0.1, "topk:0.1": 0.001, "topk:5": 0.05, "topk:33.3": 0.333}[name]
		k := int(math.Ceil(share * float64(len(x)) * (1 - 1e-12)))
		want := kept(x, k)
		for i, v := range elements(t, got) {
			if v != want[i] {
				rt.Fatalf("element %d of %d: %g became %g, want %g", i, len(x), x[i], v, want[i])
			}
		}
		if size > 6*k+16 {
			rt.Fatalf("%d of %d elements took %d bytes", k, len(x), size)
		}
	})
}

// TestTopKForm pins the bytes: kind, rank, dimension, gaps between the indices, elements.
func TestTopKForm(t *testing.T) {
	enc, err := open(t, "topk:25").Encode(vector(0, 1, -2, 1, 0, -1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{1, 1, 8, 1, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}
	if b := enc.(value.Bytes).Raw(); !slices.Equal(b, want) {
		t.Errorf("bytes %x, want %x", b, want)
	}
}
