package kernel

import (
	"math"
	"testing"
)

// TestPhilox holds the generator against known answers: those of the authors' own tests (Random123, kat_vectors,
// philox4x32 10), which a second program of the definition gives as well, of which the form of 64 bits gives what
// numpy.random.Philox of numpy 2.4.6 does.
func TestPhilox(t *testing.T) {
	const all = 0xffffffff
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{all, all, all, all}, [2]uint32{all, all}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox(c.counter, c.key); got != c.want {
			t.Errorf("of %x and %x: %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

// TestUniform: a number follows from key, place and index alone, is below 1, and they are spread evenly.
func TestUniform(t *testing.T) {
	const n = 1 << 16
	x, part := make([]float32, n), make([]float32, 7)
	Uniform(x, 42, 3)
	Uniform(part, 42, 3)
	sum, squares := 0.0, 0.0
	for i, v := range x {
		if !(v >= 0 && v < 1) || i < len(part) && v != part[i] {
			t.Fatalf("number %d is %v, and %v of a shorter list", i, v, part)
		}
		sum, squares = sum+float64(v), squares+float64(v)*float64(v)
	}
	// Five standard deviations of the mean of so many.
	if mean := sum / n; math.Abs(mean-0.5) > 5*math.Sqrt(1.0/12/n) || math.Abs(squares/n-1.0/3) > 0.01 {
		t.Errorf("the mean is %v, that of the squares %v", mean, squares/n)
	}
	for _, other := range []struct {
		key   uint64
		place uint32
	}{{43, 3}, {42, 4}, {42 + 1<<40, 3}} {
		Uniform(part, other.key, other.place)
		if part[0] == x[0] {
			t.Errorf("key %d and place %d give the number of key 42 and place 3", other.key, other.place)
		}
	}
}
