package codec

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/value"
)

// TestInt8 holds the error of each element against its bound, and the size against a quarter.
func TestInt8(t *testing.T) {
	c := open(t, "int8")
	rapid.Check(t, func(rt *rapid.T) {
		x := draw(rt, rapid.SampledFrom([]int{16, 100, 4096}).Draw(rt, "n"))
		got, size := there(t, c, vector(x...))
		most := 0.0
		for _, v := range x {
			most = max(most, math.Abs(float64(v)))
		}
		bound := most/254*(1+0x1p-16) + math.SmallestNonzeroFloat32/2 // what comes is rounded to float32 as well
		for i, v := range elements(t, got) {
			if d := math.Abs(float64(v) - float64(x[i])); d > bound {
				rt.Fatalf("element %d: %g became %g; off by %g, at most %g", i, x[i], v, d, bound)
			}
		}
		if size > len(x)+16 {
			rt.Fatalf("%d elements took %d bytes", len(x), size)
		}
		if again, _ := there(t, c, got); len(elements(t, again)) != len(x) {
			rt.Fatal("another number of elements")
		}
	})
}

// TestInt8HalfToEven: what stands between two steps goes to the even one, on either side of zero, on every machine.
func TestInt8HalfToEven(t *testing.T) {
	x := []float32{127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49, -127, 126.5, 3, 0, -0.25, 64.5, 65.5, -126.5}
	want := []float32{127, 0, 2, 2, 0, -2, -2, 0, -127, 126, 3, 0, 0, 64, 66, -126}
	if got, _ := there(t, open(t, "int8"), vector(x...)); !slices.Equal(elements(t, got), want) {
		t.Errorf("got %v, want %v", elements(t, got), want)
	}
}

// TestInt8Form pins the bytes: kind, rank, dimension, scale, one byte for an element.
func TestInt8Form(t *testing.T) {
	enc, err := open(t, "int8").Encode(vector(254, -254, 2, 0, 0, 0, 0, -4))
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{1, 1, 8, 0, 0, 0, 0x40, 127, 0x81, 1, 0, 0, 0, 0, 0xfe}
	if b := enc.(value.Bytes).Raw(); !slices.Equal(b, want) {
		t.Errorf("bytes %x, want %x", b, want)
	}
}
