package parquet

import (
	"encoding/binary"
)

// page is where a page stands.
type page struct {
	at       int64 // of its bytes
	packed   int
	size     int // unpacked
	values   int // with those that are not there
	rows     int // -1: not told
	encoding int64
	dict     bool
	version2 bool
	levels   [2]int // bytes of the repetition and the definition levels, of version 2
	plain    bool   // of version 2: it is not packed
	from     int64  // its first value in the chunk
}

// The bounds of a chunk.
const (
	headerMax = 16 << 20 // with statistics, which may have long texts
	headerTry = 512
	pagesMax  = 1 << 20
	valuesMax = 1 << 22 // of a page
)

// Page is what a page has: values of levels, and the values that are there.
type Page struct {
	First int64 // its first value, in the chunk
	N     int   // values, with those that are not there
	Def   []int32
	Rep   []int32
	Values
}

// pagesOf lists the pages of a chunk, by their headers alone.
func (f *File) pagesOf(group, column int) ([]page, error) {
	k := &f.Groups[group].Chunks[column]
	if k.encrypted {
		return nil, errorf("column %q is encrypted; write it without encryption", f.Columns[column].Name())
	}
	if k.pages != nil {
		return k.pages, nil
	}
	var out []page
	values := int64(0)
	for at := k.from; at < k.from+k.bytes && values < k.Values; {
		p, n, err := f.header(at, k.from+k.bytes)
		if err != nil {
			return nil, err
		}
		p.at, p.from = at+int64(n), values
		if p.packed < 0 || int64(p.packed) > k.from+k.bytes-p.at || p.size < 0 || p.values < 0 || p.values > valuesMax {
			return nil,
				errorf("a page of column %q says that it has %d bytes and %d values; at most %d values are read",
					f.Columns[column].Name(), p.packed, p.values, valuesMax)
		}
		if !p.dict {
			values += int64(p.values)
		}
		at = p.at + int64(p.packed)
		if out = append(out, p); len(out) > pagesMax {
			return nil, errorf("column %q has more than %d pages in a row group", f.Columns[column].Name(), pagesMax)
		}
	}
	if values != k.Values {
		return nil, errorf("column %q has %d values in the pages of a row group, and should have %d",
			f.Columns[column].Name(), values, k.Values)
	}
	k.pages = out
	return out, nil
}

// header reads a page header, and returns its length.
func (f *File) header(at, end int64) (page, int, error) {
	for try := int64(headerTry); ; try *= 16 {
		n := min(try, end-at)
		b, err := read(f.at, at, int(n))
		if err != nil {
			return page{}, 0, err
		}
		t := &thrift{b: b}
		p := page{rows: -1}
		known := false
		t.fields(func(id int, typ byte) bool {
			switch {
			case id == 1 && typ == tI32:
				k := t.int()
				p.dict, p.version2, known = k == 2, k == 3, k == 0 || k == 2 || k == 3
			case id == 2 && typ == tI32:
				p.size = int(int32(t.int()))
			case id == 3 && typ == tI32:
				p.packed = int(int32(t.int()))
			case (id == 5 || id == 7) && typ == tStruct: // data or dictionary
				t.fields(func(id int, typ byte) bool {
					switch {
					case id == 1 && typ == tI32:
						p.values = int(int32(t.int()))
					case id == 2 && typ == tI32:
						p.encoding = t.int()
					default:
						return false
					}
					return true
				})
			case id == 8 && typ == tStruct:
				p.second(t)
			default:
				return false
			}
			return true
		})
		switch {
		case t.err == nil && known:
			return p, t.at, nil
		case t.err == nil:
			p.dict, p.values = true, 0 // an index page: it is passed over, as no dictionary has no values
			return p, t.at, nil
		case n == end-at || try >= headerMax:
			return page{}, 0, t.err
		}
	}
}

// second reads the header of a page of version 2.
func (p *page) second(t *thrift) {
	t.fields(func(id int, typ byte) bool {
		switch {
		case id == 1 && typ == tI32:
			p.values = int(int32(t.int()))
		case id == 3 && typ == tI32:
			p.rows = int(int32(t.int()))
		case id == 4 && typ == tI32:
			p.encoding = t.int()
		case id == 5 && typ == tI32:
			p.levels[1] = int(int32(t.int()))
		case id == 6 && typ == tI32:
			p.levels[0] = int(int32(t.int()))
		case id == 7:
			p.plain = typ == tFalse
			return false // it has no bytes
		default:
			return false
		}
		return true
	})
}

// Reader reads the pages of one column of one row group.
type Reader struct {
	f     *File
	c     *Column
	k     *Chunk
	pages []page
	dict  *Values
}

// Reader returns what reads a column of a row group.
func (f *File) Reader(group, column int) (*Reader, error) {
	pages, err := f.pagesOf(group, column)
	if err != nil {
		return nil, err
	}
	r := &Reader{f: f, c: &f.Columns[column], k: &f.Groups[group].Chunks[column]}
	for i := range pages {
		p := &pages[i]
		if !p.dict {
			r.pages = append(r.pages, *p)
			continue
		}
		if p.values == 0 {
			continue
		}
		if r.dict != nil {
			return nil, errorf("column %q has two dictionaries in a row group", r.c.Name())
		}
		b, err := r.bytes(p)
		if err != nil {
			return nil, err
		}
		v, err := plain(r.c, b, p.values)
		if err != nil {
			return nil, err
		}
		r.dict = &v
	}
	return r, nil
}

// Pages returns how many pages there are.
func (r *Reader) Pages() int { return len(r.pages) }

// At returns the page that has a value by its number in the chunk, and its last value.
func (r *Reader) At(value int64) int {
	low, high := 0, len(r.pages)
	for high-low > 1 {
		if mid := (low + high) / 2; r.pages[mid].from <= value {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

// bytes returns a page unpacked; of version 2, its levels in front as they are.
func (r *Reader) bytes(p *page) ([]byte, error) {
	if p.packed > pageMax || p.size > pageMax {
		return nil, errorf("a page of column %q has %d bytes, unpacked %d; at most %d are read", r.c.Name(), p.packed,
			p.size, pageMax)
	}
	b, err := read(r.f.at, p.at, p.packed)
	if err != nil || !p.version2 {
		if err == nil {
			b, err = unpack(r.k.Codec, b, p.size)
		}
		return b, err
	}
	l := p.levels[0] + p.levels[1]
	if p.levels[0] < 0 || p.levels[1] < 0 || l < 0 || l > len(b) || l > p.size {
		return nil, errorf("a page of column %q has levels of %d and %d bytes, and %d bytes", r.c.Name(), p.levels[0],
			p.levels[1], len(b))
	}
	if p.plain || r.k.Codec == Uncompressed || len(b) == l {
		return b, nil
	}
	data, err := unpack(r.k.Codec, b[l:], p.size-l)
	if err != nil {
		return nil, err
	}
	return append(b[:l:l], data...), nil
}

// Page reads a page.
func (r *Reader) Page(i int) (*Page, error) {
	p := &r.pages[i]
	b, err := r.bytes(p)
	if err != nil {
		return nil, err
	}
	out := &Page{First: p.from, N: p.values}
	if p.version2 {
		rep, def := b[:p.levels[0]], b[p.levels[0]:p.levels[0]+p.levels[1]]
		b = b[p.levels[0]+p.levels[1]:]
		if out.Rep, err = levels(rep, r.c.MaxRep, p.values); err == nil {
			out.Def, err = levels(def, r.c.MaxDef, p.values)
		}
	} else {
		if out.Rep, b, err = levelsIn(b, r.c.MaxRep, p.values); err == nil {
			out.Def, b, err = levelsIn(b, r.c.MaxDef, p.values)
		}
	}
	if err != nil {
		return nil, err
	}
	there := p.values
	if out.Def != nil {
		there = 0
		for _, d := range out.Def {
			if int(d) == r.c.MaxDef {
				there++
			}
		}
	}
	out.Values, err = r.values(p, b, there)
	if err == nil && out.Values.len() != there {
		err = errorf("a page of column %q has %d values, and should have %d", r.c.Name(), out.Values.len(), there)
	}
	return out, err
}

// levels reads levels, or nil where there can be none.
func levels(b []byte, most, n int) ([]int32, error) {
	if most == 0 {
		return nil, nil
	}
	out, err := hybrid(b, widthOf(most), n, make([]int32, 0, n))
	if err != nil {
		return nil, err
	}
	for _, l := range out {
		if int(l) > most || l < 0 {
			return nil, errorf("a page has a level of %d; want at most %d", l, most)
		}
	}
	return out, nil
}

// levelsIn reads levels with their length before them, as version 1 has them, and returns what follows.
func levelsIn(b []byte, most, n int) ([]int32, []byte, error) {
	if most == 0 {
		return nil, b, nil
	}
	if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
		return nil, nil, errorf("a page ends within its levels")
	}
	k := 4 + int(binary.LittleEndian.Uint32(b))
	out, err := levels(b[4:k], most, n)
	return out, b[k:], err
}

// values reads n values by their encoding.
func (r *Reader) values(p *page, b []byte, n int) (v Values, err error) {
	if n == 0 {
		return v, nil
	}
	whole := r.c.Type == Int32 || r.c.Type == Int64
	switch e := p.encoding; {
	case e == ePlain:
		return plain(r.c, b, n)
	case e == ePlainDictionary || e == eRLEDictionary:
		if r.dict == nil || len(b) == 0 {
			return v, errorf("a page of column %q wants a dictionary, and there is none", r.c.Name())
		}
		index, err := hybrid(b[1:], int(b[0]), n, make([]int32, 0, n))
		if err != nil {
			return v, err
		}
		return r.dict.pick(index)
	case e == eRLE && r.c.Type == Boolean:
		var bits []int32
		bits, _, err = levelsIn(b, 1, n)
		v.Ints = make([]int64, len(bits))
		for i, x := range bits {
			v.Ints[i] = int64(x)
		}
	case e == eDeltaBinary && whole:
		v.Ints, _, err = delta(b, n)
		if r.c.Type == Int32 {
			for i, x := range v.Ints {
				v.Ints[i] = int64(int32(x)) // differences go round
			}
		}
	case e == eDeltaLength && r.c.Type == ByteArray:
		v.Bytes, _, err = deltaLength(b, n)
	case e == eDeltaBytes && r.c.Type >= ByteArray:
		if v.Bytes, err = deltaBytes(b, n); err == nil && r.c.Type == FixedLenByteArray {
			for _, x := range v.Bytes {
				if len(x) != r.c.Length {
					return v, errorf("column %q has a value of %d bytes; want %d", r.c.Name(), len(x), r.c.Length)
				}
			}
		}
	case e == eByteStreamSplit && r.c.Type != Boolean && r.c.Type != ByteArray && r.c.Type != Int96:
		size := map[Type]int{Int32: 4, Int64: 8, Float: 4, Double: 8, FixedLenByteArray: r.c.Length}[r.c.Type]
		if b, err = split(b, size, n); err == nil {
			return plain(r.c, b, n)
		}
	default:
		err = errorf("column %q is encoded by %d, which is not known for its type", r.c.Name(), e)
	}
	return v, err
}
