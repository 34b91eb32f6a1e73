package codec

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/canon"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The codec topk keeps the share of the elements that have the largest magnitudes, of equal ones those that come first,
// and puts zeros in the place of the others. The argument is the share in percent, from 0.1 to 100; without one it is
// 10. An element that is kept is kept to the bit. What a receiver makes of a byte is bounded by the share, which the
// program says, not the sender.
var _ = register(entry{"topk", 1, openTopK})

func openTopK(arg string) (Codec, error) {
	ppm := int64(100_000)
	if arg != "" {
		percent, err := strconv.ParseFloat(arg, 64)
		if err != nil || !(percent >= 0.1 && percent <= 100) || strconv.FormatFloat(percent, 'f', -1, 64) != arg ||
			len(arg) > 6 {
			return nil, errors.New("a share in percent from 0.1 to 100, with up to 6 digits, such as topk:5")
		}
		ppm = int64(math.RoundToEven(percent * 10_000))
	}
	k := topk(ppm)
	return &floats{name: "topk", pack: k.pack, unpack: k.unpack}, nil
}

// topk is the share in millionths.
type topk int64

// kept returns how many of n elements are kept: at least one.
func (k topk) kept(n int) int { return int((int64(n)*int64(k) + 999_999) / 1_000_000) }

func (k topk) pack(b []byte, t *tensor.Tensor) ([]byte, bool) {
	x := t.Float32()
	left := k.kept(len(x))
	least, equal := largest(x, left)
	values := make([]byte, 0, 4*left)
	last := -1
	for i, v := range x {
		m := magnitude(v)
		if m < least || m == least && equal == 0 {
			continue
		}
		if m == least {
			equal--
		}
		b = binary.AppendUvarint(b, uint64(i-last-1))
		values = binary.LittleEndian.AppendUint32(values, math.Float32bits(v))
		last = i
	}
	return append(b, values...), true
}

func (k topk) unpack(b []byte, n int) ([]float32, string) {
	kept := k.kept(n)
	if len(b)/5 < kept {
		return nil, "has too few bytes for the elements of its shape that are kept"
	}
	values := b[len(b)-4*kept:]
	b = b[:len(b)-4*kept]
	x := make([]float32, n)
	at := -1
	for i := range kept {
		gap, next, form := canon.Varint(b, 0, len(b))
		if form != canon.Shortest || gap >= uint64(n-at-1) {
			return nil, "has an index that is not sound; want as many as are kept, ascending and within the shape"
		}
		at, b = at+1+int(gap), b[next:]
		x[at] = math.Float32frombits(binary.LittleEndian.Uint32(values[4*i:]))
	}
	if len(b) > 0 {
		return nil, "has more indices than are kept"
	}
	if !finite(x) {
		return nil, "has an element that is no finite number"
	}
	return x, ""
}

// magnitude returns the bits of the magnitude of a finite number, which are in its order.
func magnitude(v float32) uint32 { return math.Float32bits(v) &^ (1 << 31) }

// largest returns the least magnitude among the k largest, and how many of that magnitude are among them. It counts by
// halves of the bits, and compares no two elements.
func largest(x []float32, k int) (least uint32, equal int) {
	var count [1 << 16]int32
	for _, v := range x {
		count[magnitude(v)>>16]++
	}
	high, left := highest(&count, k)
	clear(count[:])
	for _, v := range x {
		if m := magnitude(v); m>>16 == high {
			count[m&0xffff]++
		}
	}
	low, left := highest(&count, left)
	return high<<16 | low, left
}

// highest returns the bucket in which the k-th from above is, and which one in it that is.
func highest(count *[1 << 16]int32, k int) (bucket uint32, left int) {
	for i := len(count) - 1; i > 0; i-- {
		if k <= int(count[i]) {
			return uint32(i), k
		}
		k -= int(count[i])
	}
	return 0, k
}
