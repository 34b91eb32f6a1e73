package arrow

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Values are some rows of a column, one behind the other, in the slice of their kind; where a row has lists, all that
// is in them.
type Values struct {
	Ints    []int64   // Int, Decimal, Duration, and the bits of Half
	Singles []float32 // Single
	Floats  []float64 // Double
	Bytes   [][]byte  // Text, Binary
	None    []bool    // nothing is there; nil: all are there
}

func (v *Values) len() int {
	return max(len(v.Ints), len(v.Singles), len(v.Floats), len(v.Bytes), len(v.None))
}

// windowMax bounds the values that are read at a time.
const windowMax = 1 << 24

// Width returns how many values a row of a column has, as far as the first list of the file says where its type does
// not.
func (f *File) Width(column int) (int, error) {
	c := &f.Columns[column]
	n := 1
	for i, size := range c.Shape {
		if size == 0 {
			var err error
			if size, err = f.firstList(c, i); err != nil {
				return 0, err
			}
			if c.Shape[i] = size; size == 0 {
				return 0, nil // no list, or an empty one
			}
		}
		if size > windowMax/n {
			return 0, errorf("column %q has more than %d values in a row", c.Name(), windowMax)
		}
		n *= size
	}
	return n, nil
}

// firstList returns the length of the first list of a list in a chain.
func (f *File) firstList(c *Column, list int) (int, error) {
	for b := range f.Batches {
		if f.Batches[b].Rows == 0 {
			continue
		}
		p, err := f.partsOf(f.Batches[b].message, false)
		if err != nil {
			return 0, err
		}
		for _, a := range c.chain {
			if !a.list() {
				continue
			}
			if list > 0 {
				list--
				continue
			}
			if a.typ == fFixedList {
				return a.size, nil
			}
			n, err := p.values(a)
			if err != nil || n == 0 {
				return 0, err
			}
			o, err := f.offsets(p, a, 0, 1)
			if err != nil {
				return 0, err
			}
			if o[1]-o[0] > windowMax {
				return 0, errorf("column %q has more than %d values in a row", c.Name(), windowMax)
			}
			return int(o[1] - o[0]), nil
		}
	}
	return 0, nil
}

// Read returns rows of a column of a batch.
func (f *File) Read(batch, column int, from, rows int) (*Values, error) {
	b, c := &f.Batches[batch], &f.Columns[column]
	if from < 0 || rows < 0 || int64(from)+int64(rows) > b.Rows {
		return nil, errorf("a batch has %d rows, and %d from %d on are wanted", b.Rows, rows, from)
	}
	p, err := f.partsOf(b.message, false)
	if err != nil {
		return nil, err
	}
	at, n := int64(from), int64(rows)
	var none []bool
	list := 0
	for i, a := range c.chain {
		have, err := p.values(a)
		if err != nil {
			return nil, err
		}
		if at+n > have {
			return nil, errorf("column %q has %d values in a batch of %d rows", c.Name(), have, b.Rows)
		}
		if none, err = f.valid(p, a, at, n, none); err != nil {
			return nil, err
		}
		if i == len(c.chain)-1 {
			v, err := f.leaf(p, a, at, n, none, b.dicts)
			if err != nil {
				return nil, err
			}
			v.without(none)
			return v, nil
		}
		if !a.list() {
			continue
		}
		size := int64(c.Shape[list])
		list++
		if size < 1 || n > windowMax/size {
			return nil, errorf("column %q has more than %d values in the rows that are read", c.Name(), windowMax)
		}
		next := at * size
		if a.typ != fFixedList {
			o, err := f.offsets(p, a, at, n)
			if err != nil {
				return nil, err
			}
			for k := range n {
				if o[k+1]-o[k] != size {
					return nil, errorf("column %q holds lists of different lengths, or rows without one; want %d in each",
						c.Name(), size)
				}
			}
			next = o[0]
		}
		at, n, none = next, n*size, spread(none, int(size))
	}
	return nil, errorf("column %q has no values", c.Name())
}

// spread says of each value in a list what is said of the list.
func spread(none []bool, size int) []bool {
	if none == nil {
		return nil
	}
	out := make([]bool, 0, len(none)*size)
	for _, x := range none {
		for range size {
			out = append(out, x)
		}
	}
	return out
}

// without takes out what is not there.
func (v *Values) without(none []bool) {
	switch {
	case none == nil:
	case v.None == nil:
		v.None = none
	default:
		for i, x := range none {
			v.None[i] = v.None[i] || x
		}
	}
}

// valid adds what a field says is not there.
func (f *File) valid(p *parts, a *field, at, n int64, none []bool) ([]bool, error) {
	switch a.typ {
	case fNull:
		if none == nil {
			none = make([]bool, n)
		}
		for i := range none {
			none[i] = true
		}
		return none, nil
	case fUnion, fRunEnd:
		return none, nil
	}
	k, err := p.buffer(a, 0)
	if err != nil || p.buffers[k][1] == 0 || n == 0 {
		return none, err // all is there
	}
	bits, err := f.part(p, k, at/8, (at+n+7)/8-at/8)
	if err != nil {
		return nil, err
	}
	for i := range n {
		bit := at%8 + i
		if bits[bit/8]>>(bit%8)&1 == 0 {
			if none == nil {
				none = make([]bool, n)
			}
			none[i] = true
		}
	}
	return none, nil
}

// offsets returns where lists or texts begin, and where the last one ends.
func (f *File) offsets(p *parts, a *field, at, n int64) ([]int64, error) {
	size := int64(4)
	if a.typ == fLargeList || a.typ == fLargeBinary || a.typ == fLargeUtf8 {
		size = 8
	}
	k, err := p.buffer(a, 1)
	if err != nil {
		return nil, err
	}
	b, err := f.part(p, k, at*size, (n+1)*size)
	if err != nil {
		return nil, err
	}
	out := make([]int64, n+1)
	for i := range out {
		if size == 8 {
			out[i] = int64(binary.LittleEndian.Uint64(b[8*i:]))
		} else {
			out[i] = int64(int32(binary.LittleEndian.Uint32(b[4*i:])))
		}
		if out[i] < 0 || i > 0 && out[i] < out[i-1] || out[i] > 1<<48 {
			return nil, errorf("column %q has places that do not ascend", a.name)
		}
	}
	return out, nil
}

// leaf reads values of a leaf. What stands where nothing is may be anything.
func (f *File) leaf(p *parts, a *field, at, n int64, none []bool, dicts int) (*Values, error) {
	v := &Values{}
	switch a.typ {
	case fNull:
		v.Ints = make([]int64, n)
		return v, nil
	case fUtf8, fLargeUtf8, fBinary, fLargeBinary:
		return v, f.texts(p, a, at, n, none, v)
	case fUtf8View, fBinaryView:
		return v, f.viewed(p, a, at, n, none, v)
	case fBool, fInt, fFloat, fDecimal, fDuration, fFixedBinary:
	default:
		return nil, errorf("column %q is of a type that is not read", a.name)
	}
	k, err := p.buffer(a, 1)
	if err != nil {
		return nil, err
	}
	if a.typ == fBool {
		b, err := f.part(p, k, at/8, (at+n+7)/8-at/8)
		if err != nil {
			return nil, err
		}
		v.Ints = make([]int64, n)
		for i := range n {
			bit := at%8 + i
			v.Ints[i] = int64(b[bit/8] >> (bit % 8) & 1)
		}
		return v, nil
	}
	size := int64(a.bits / 8)
	if a.typ == fFixedBinary {
		size = int64(a.size)
	}
	b, err := f.part(p, k, at*size, n*size)
	if err != nil {
		return nil, err
	}
	v.numbers(a, b, int(n), int(size))
	if a.dict {
		return f.pick(a, v.Ints, none, dicts)
	}
	return v, nil
}

// numbers reads n values of one size.
func (v *Values) numbers(a *field, b []byte, n, size int) {
	order := binary.LittleEndian
	switch {
	case a.typ == fFixedBinary:
		v.Bytes = make([][]byte, n)
		for i := range v.Bytes {
			v.Bytes[i] = b[i*size : (i+1)*size : (i+1)*size]
		}
	case a.typ == fFloat && size == 4:
		v.Singles = make([]float32, n)
		for i := range v.Singles {
			v.Singles[i] = math.Float32frombits(order.Uint32(b[4*i:]))
		}
	case a.typ == fFloat && size == 8:
		v.Floats = make([]float64, n)
		for i := range v.Floats {
			v.Floats[i] = math.Float64frombits(order.Uint64(b[8*i:]))
		}
	default:
		v.Ints = make([]int64, n)
		signed := a.signed || a.typ == fDecimal || a.typ == fDuration
		for i := range v.Ints {
			switch x := b[i*size:]; {
			case size == 1 && signed:
				v.Ints[i] = int64(int8(x[0]))
			case size == 1:
				v.Ints[i] = int64(x[0])
			case size == 2 && signed:
				v.Ints[i] = int64(int16(order.Uint16(x)))
			case size == 2:
				v.Ints[i] = int64(order.Uint16(x))
			case size == 4 && signed:
				v.Ints[i] = int64(int32(order.Uint32(x)))
			case size == 4:
				v.Ints[i] = int64(order.Uint32(x))
			default: // of decimals, which have 18 digits at the most, the lower half
				v.Ints[i] = int64(order.Uint64(x))
			}
		}
	}
}

// texts reads texts or bytes that stand one behind the other.
func (f *File) texts(p *parts, a *field, at, n int64, none []bool, v *Values) error {
	o, err := f.offsets(p, a, at, n)
	if err != nil {
		return err
	}
	k, err := p.buffer(a, 2)
	if err != nil {
		return err
	}
	b, err := f.part(p, k, o[0], o[n]-o[0])
	if err != nil {
		return err
	}
	v.Bytes = make([][]byte, n)
	for i := range v.Bytes {
		v.Bytes[i] = b[o[i]-o[0] : o[i+1]-o[0] : o[i+1]-o[0]]
	}
	return v.utf8(a, none)
}

// utf8 holds texts against their encoding.
func (v *Values) utf8(a *field, none []bool) error {
	if a.typ == fBinary || a.typ == fLargeBinary || a.typ == fBinaryView {
		return nil
	}
	for i, b := range v.Bytes {
		if (none == nil || !none[i]) && !utf8.Valid(b) {
			return errorf("column %q has a text that is not UTF-8", a.name)
		}
	}
	return nil
}

// viewed reads texts or bytes that are told by views.
func (f *File) viewed(p *parts, a *field, at, n int64, none []bool, v *Values) error {
	k, err := p.buffer(a, 1)
	if err != nil {
		return err
	}
	b, err := f.part(p, k, at*16, n*16)
	if err != nil {
		return err
	}
	more := int64(0)
	if a.views < len(p.views) {
		more = p.views[a.views]
	}
	v.Bytes = make([][]byte, n)
	total := int64(0)
	for i := range v.Bytes {
		view := b[16*i : 16*i+16]
		size := int64(int32(binary.LittleEndian.Uint32(view)))
		if none != nil && none[i] {
			continue
		}
		if size >= 0 && size <= 12 {
			v.Bytes[i] = view[4 : 4+size : 4+size]
			continue
		}
		which, from := int64(int32(binary.LittleEndian.Uint32(view[8:]))), int64(int32(binary.LittleEndian.Uint32(
			view[12:])))
		if total += size; size < 0 || which < 0 || which >= more || from < 0 || total > unpackMax {
			return errorf("column %q has a text that lies beyond its buffers", a.name)
		}
		if k+1+int(which) >= len(p.buffers) {
			return errorf("column %q has fewer buffers than it says", a.name)
		}
		if v.Bytes[i], err = f.part(p, k+1+int(which), from, size); err != nil {
			return err
		}
	}
	return v.utf8(a, none)
}
