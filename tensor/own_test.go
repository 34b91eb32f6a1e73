package tensor_test

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/rhizome-ml/rhizome/tensor"
	"pgregory.net/rapid"
)

// TestParseOwn: wherever an input begins in memory, what is read in it is what
// is read from it; whatever is no canonical tensor is refused alike.
func TestParseOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := draw(t)
		b := want.Append(nil)
		if rapid.Bool().Draw(t, "damaged") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		before := rapid.IntRange(0, 15).Draw(t, "before")
		room := append(make([]byte, before), b...)
		room = append(room, 1, 2, 3)
		mine := room[before : before+len(b)]
		x, err := tensor.ParseCanonical(b, tensor.DefaultLimits())
		y, err2 := tensor.ParseOwn(mine, tensor.DefaultLimits(), rapid.IntRange(0, 20).Draw(t, "least"))
		if (err == nil) != (err2 == nil) || err == nil && !y.Equal(x) {
			t.Fatalf("%x: %v, %v", b, err, err2)
		}
		if !bytes.Equal(room[:before], make([]byte, before)) || !bytes.Equal(room[before+len(b):], []byte{1, 2, 3}) {
			t.Fatal("memory around the input was changed")
		}
	})
}

// TestParseOwnSharesMemory: a large tensor stays where it is, aligned, and a
// small one does not keep the input alive.
func TestParseOwnSharesMemory(t *testing.T) {
	x, err := tensor.FromFloat64([]int{2, 50}, make([]float64, 100))
	b := must(t, x, err).Append(nil)
	for before := range 16 {
		for _, least := range []int{800, 801} {
			room := append(make([]byte, before), b...)
			y, err := tensor.ParseOwn(room[before:], tensor.DefaultLimits(), least)
			at := uintptr(unsafe.Pointer(&must(t, y, err).Float64()[0]))
			lo := uintptr(unsafe.Pointer(&room[0]))
			if inside := at >= lo && at < lo+uintptr(len(room)); inside != (least == 800) || at%8 != 0 {
				t.Errorf("%d bytes before it, least %d: inside is %v, at %x", before, least, inside, at)
			}
		}
	}
}
