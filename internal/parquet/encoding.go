package parquet

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// The encodings.
const (
	ePlain           = 0
	ePlainDictionary = 2
	eRLE             = 3
	eBitPacked       = 4
	eDeltaBinary     = 5
	eDeltaLength     = 6
	eDeltaBytes      = 7
	eRLEDictionary   = 8
	eByteStreamSplit = 9
)

// hybrid reads n numbers of so many bits, in runs and packed by eights, as levels and dictionary indices are.
func hybrid(b []byte, width, n int, out []int32) ([]int32, error) {
	if width < 0 || width > 32 {
		return nil, errorf("a page has numbers of %d bits", width)
	}
	bytes := (width + 7) / 8
	for at := 0; len(out) < n; {
		head, k := binary.Uvarint(b[at:])
		if k <= 0 {
			return nil, errorf("a page ends within its levels or indices")
		}
		at += k
		if head&1 == 0 { // a run
			if head == 0 || at+bytes > len(b) {
				return nil, errorf("a page ends within a run")
			}
			v := uint32(0)
			for i := range bytes {
				v |= uint32(b[at+i]) << (8 * i)
			}
			at += bytes
			for range min(head>>1, uint64(n-len(out))) {
				out = append(out, int32(v))
			}
			continue
		}
		groups := head >> 1
		if groups > uint64(n) {
			groups = uint64(n+7) / 8 // the last may be longer than what is left
		}
		var acc uint64
		have, end := 0, min(len(b), at+int(groups)*width)
		mask := uint64(1)<<width - 1
		for range min(int(groups)*8, n-len(out)) {
			for have < width {
				if at >= end {
					return nil, errorf("a page ends within packed numbers")
				}
				acc |= uint64(b[at]) << have
				at, have = at+1, have+8
			}
			out = append(out, int32(acc&mask))
			acc, have = acc>>width, have-width
		}
		at = end
	}
	return out, nil
}

// Values are those of a page or a dictionary, those that are there, one behind the other, in the slice of their type.
type Values struct {
	Ints    []int64   // Boolean, Int32, Int64
	Singles []float32 // Float
	Floats  []float64 // Double
	Bytes   [][]byte  // the others
}

func (v *Values) len() int { return max(len(v.Ints), len(v.Singles), len(v.Floats), len(v.Bytes)) }

// plain reads n values as they are.
func plain(c *Column, b []byte, n int) (v Values, err error) {
	size := map[Type]int{Int32: 4, Int64: 8, Int96: 12, Float: 4, Double: 8, FixedLenByteArray: c.Length}[c.Type]
	if size > 0 && n > len(b)/size || c.Type == Boolean && n > 8*len(b) || c.Type == ByteArray && n > len(b)/4 {
		return v, errorf("a page of column %q has %d bytes, and should have %d values", c.Name(), len(b), n)
	}
	switch c.Type {
	case Boolean:
		v.Ints = make([]int64, n)
		for i := range v.Ints {
			v.Ints[i] = int64(b[i/8] >> (i % 8) & 1)
		}
	case Int32:
		v.Ints = make([]int64, n)
		for i := range v.Ints {
			v.Ints[i] = int64(int32(binary.LittleEndian.Uint32(b[4*i:])))
		}
	case Int64:
		v.Ints = make([]int64, n)
		for i := range v.Ints {
			v.Ints[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
		}
	case Float:
		v.Singles = make([]float32, n)
		for i := range v.Singles {
			v.Singles[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case Double:
		v.Floats = make([]float64, n)
		for i := range v.Floats {
			v.Floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	case ByteArray:
		v.Bytes = make([][]byte, n)
		for i := range v.Bytes {
			if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
				return v, errorf("a page of column %q ends within a text", c.Name())
			}
			k := int(binary.LittleEndian.Uint32(b))
			v.Bytes[i], b = b[4:4+k:4+k], b[4+k:]
		}
	default:
		v.Bytes = make([][]byte, n)
		for i := range v.Bytes {
			v.Bytes[i] = b[i*size : (i+1)*size : (i+1)*size]
		}
	}
	return v, nil
}

// pick takes values of a dictionary.
func (v *Values) pick(index []int32) (out Values, err error) {
	n := v.len()
	for _, i := range index {
		if i < 0 || int(i) >= n {
			return out, errorf("a page has the number %d of a dictionary of %d", uint32(i), n)
		}
	}
	switch {
	case v.Ints != nil:
		out.Ints = make([]int64, len(index))
		for k, i := range index {
			out.Ints[k] = v.Ints[i]
		}
	case v.Singles != nil:
		out.Singles = make([]float32, len(index))
		for k, i := range index {
			out.Singles[k] = v.Singles[i]
		}
	case v.Floats != nil:
		out.Floats = make([]float64, len(index))
		for k, i := range index {
			out.Floats[k] = v.Floats[i]
		}
	default:
		out.Bytes = make([][]byte, len(index))
		for k, i := range index {
			out.Bytes[k] = v.Bytes[i]
		}
	}
	return out, nil
}

// delta reads whole numbers that are differences, at most n of them, and what follows them.
func delta(b []byte, n int) (out []int64, rest []byte, err error) {
	bad := func() ([]int64, []byte, error) { return nil, nil, errorf("a page ends within its differences") }
	var head [3]uint64 // size of a block, parts of it, values
	for i := range head {
		v, k := binary.Uvarint(b)
		if k <= 0 {
			return bad()
		}
		head[i], b = v, b[k:]
	}
	first, k := binary.Varint(b)
	if k <= 0 {
		return bad()
	}
	b = b[k:]
	if head[0] == 0 || head[0] > 1<<20 || head[1] == 0 || head[1] > 1024 || head[0]%head[1] != 0 ||
		head[0]/head[1]%32 != 0 || head[2] > uint64(n) {
		return nil, nil, errorf("a page has %d differences in blocks of %d in %d; want at most %d", head[2], head[0],
			head[1], n)
	}
	total, per := int(head[2]), int(head[0]/head[1])
	if total == 0 {
		return nil, b, nil
	}
	out = append(make([]int64, 0, total), first)
	last := first
	for len(out) < total {
		least, k := binary.Varint(b)
		if k <= 0 || len(b)-k < int(head[1]) {
			return bad()
		}
		widths := b[k : k+int(head[1])]
		b = b[k+int(head[1]):]
		for _, w := range widths {
			if len(out) == total {
				break
			}
			if w > 64 || per*int(w)/8 > len(b) {
				return bad()
			}
			for i := 0; i < per && len(out) < total; i++ {
				last += least + int64(packedAt(b, i*int(w), int(w)))
				out = append(out, last)
			}
			b = b[per*int(w)/8:]
		}
	}
	return out, b, nil
}

// packedAt returns width bits from bit on.
func packedAt(b []byte, bit, width int) uint64 {
	v, got := uint64(0), 0
	for got < width {
		at := bit + got
		take := min(8-at%8, width-got)
		v |= uint64(b[at/8]>>(at%8)) & (1<<take - 1) << got
		got += take
	}
	return v
}

// deltaLength reads texts whose lengths are differences.
func deltaLength(b []byte, n int) ([][]byte, []byte, error) {
	lengths, rest, err := delta(b, n)
	if err != nil {
		return nil, nil, err
	}
	out := make([][]byte, len(lengths))
	for i, l := range lengths {
		if l < 0 || l > int64(len(rest)) {
			return nil, nil, errorf("a page ends within a text")
		}
		out[i], rest = rest[:l:l], rest[l:]
	}
	return out, rest, nil
}

// deltaBytes reads texts of which each begins as the one before.
func deltaBytes(b []byte, n int) ([][]byte, error) {
	prefixes, rest, err := delta(b, n)
	if err != nil {
		return nil, err
	}
	suffixes, _, err := deltaLength(rest, n)
	if err != nil {
		return nil, err
	}
	if len(suffixes) != len(prefixes) {
		return nil, errorf("a page has %d beginnings of texts and %d ends", len(prefixes), len(suffixes))
	}
	out, last, total := make([][]byte, len(prefixes)), []byte(nil), 0
	for i, p := range prefixes {
		if p < 0 || p > int64(len(last)) {
			return nil, errorf("a page has a text that begins as one that is shorter")
		}
		if total += int(p) + len(suffixes[i]); total > pageMax {
			return nil, errorf("a page has more than %d bytes of texts", pageMax)
		}
		last = append(append(make([]byte, 0, int(p)+len(suffixes[i])), last[:p]...), suffixes[i]...)
		out[i] = last
	}
	return out, nil
}

// split puts bytes together that stand in streams, the first of each value before the second.
func split(b []byte, size, n int) ([]byte, error) {
	if size < 1 || n > len(b)/size {
		return nil, errorf("a page of %d bytes should have %d values of %d", len(b), n, size)
	}
	out := make([]byte, n*size)
	for s := range size {
		for i := range n {
			out[i*size+s] = b[s*n+i]
		}
	}
	return out, nil
}

// widthOf returns how many bits a level of at most that needs.
func widthOf(most int) int { return bits.Len(uint(most)) }
