package snapshot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/internal/canon"
	"github.com/rhizome-ml/rhizome/value"
)

// decoder reads messages from b. It is used by one goroutine. Positions are offsets in b.
type decoder struct {
	b     []byte
	reg   *value.Registry
	lim   Limits
	items int // of lists, so far
	own   int // bytes of a tensor that stays in b, which was given away; 0 is none
}

func bad(pos int, format string, args ...any) error {
	return &FormatError{Offset: pos, Reason: fmt.Sprintf(format, args...)}
}

// message reads the fields in b[pos:end] into v, which is zero.
func (d *decoder) message(p *plan, v reflect.Value, pos, end, depth int) error {
	if depth <= 0 {
		return bad(pos, "nested deeper than %d messages", d.lim.Depth)
	}
	next := 0 // fields before this one are over: numbers ascend
	for pos < end {
		at := pos
		tag, pos1, err := d.varint(pos, end)
		if err != nil {
			return err
		}
		num, wt := protowire.DecodeTag(tag)
		for next < len(p.fields) && p.fields[next].num < num {
			next++
		}
		if next == len(p.fields) || p.fields[next].num != num {
			return p.refuse(num, at)
		}
		f := &p.fields[next]
		if tag != f.tag {
			_, want := protowire.DecodeTag(f.tag)
			return within(bad(at, "wire type %d, want %d", wt, want), f.name)
		}
		next++
		if pos, err = d.field(f, v.Field(f.index), pos1, end, depth); err != nil {
			return within(err, f.name)
		}
	}
	return nil
}

// refuse says why a field with this number cannot stand here.
func (p *plan) refuse(num protowire.Number, at int) error {
	i := slices.IndexFunc(p.fields, func(f field) bool { return f.num == num })
	if i >= 0 {
		return within(bad(at, "field %d comes again or after a higher number; each comes once, ascending", num),
			p.fields[i].name)
	}
	if !num.IsValid() {
		return bad(at, "field number %d, want 1 to %d", num, protowire.MaxValidNumber)
	}
	return &UnknownFieldError{Number: int(num), Offset: at}
}

// field reads one field whose tag ended at pos, with all its items, and returns where it ends.
func (d *decoder) field(f *field, v reflect.Value, pos, end, depth int) (int, error) {
	switch {
	case f.packed:
		lo, hi, err := d.part(pos, end)
		if err == nil && lo == hi {
			err = bad(pos, "an empty list must be left out")
		}
		if err == nil {
			err = d.packed(f, v, lo, hi)
		}
		return hi, err
	case f.repeated:
		return d.list(f, v, pos, end, depth)
	case f.kind == kindWords:
		lo, hi, err := d.part(pos, end)
		if err == nil && lo == hi {
			err = bad(pos, "an empty list must be left out")
		}
		if err == nil {
			err = d.words(v, lo, hi)
		}
		return hi, err
	}
	at := pos
	pos, err := d.item(f, v, pos, end, depth)
	// What was left out at encoding must not be there; a pointer or value that is present is never zero.
	if err == nil && f.kind != kindStruct && (f.kind == kindBytes && v.Len() == 0 || isZero(f, v)) {
		err = bad(at, "a zero value must be left out")
	}
	if err == nil && f.kind == kindStruct && pos == at+1 {
		err = bad(at, "an empty message must be left out")
	}
	return pos, err
}

// isZero says whether encoding would leave the field out.
func isZero(f *field, v reflect.Value) bool {
	if f.kind == kindFixed {
		return loadFixed(v.Addr().UnsafePointer(), f.size) == 0
	}
	return v.IsZero()
}

// list reads the items of a repeated field: each has its own tag. They are counted first, so that the list is allocated
// once, for items that are really there (trap hostile-length).
func (d *decoder) list(f *field, v reflect.Value, pos, end, depth int) (int, error) {
	n, err := d.count(f.tag, pos, end)
	if err == nil {
		err = d.charge(n, pos)
	}
	if err != nil {
		return pos, err
	}
	s := reflect.MakeSlice(f.typ, n, n)
	for i := range n {
		if i > 0 {
			_, pos, _ = d.varint(pos, end) // the tag, which count has seen
		}
		if pos, err = d.item(f, s.Index(i), pos, end, depth); err != nil {
			return pos, within(err, fmt.Sprintf("[%d]", i))
		}
	}
	v.Set(s)
	return pos, nil
}

// count returns how many items with the tag follow each other; the first one's tag ended at pos.
func (d *decoder) count(tag uint64, pos, end int) (int, error) {
	for n := 1; ; n++ {
		_, hi, err := d.part(pos, end)
		if err != nil {
			return 0, err
		}
		if hi == end {
			return n, nil
		}
		next, after, err := d.varint(hi, end)
		if err != nil {
			return 0, err
		}
		if next != tag {
			return n, nil
		}
		pos = after
	}
}

// charge counts n list items against the limit.
func (d *decoder) charge(n, pos int) error {
	if n > d.lim.Items-d.items {
		return bad(pos, "more than %d list items", d.lim.Items)
	}
	d.items += n
	return nil
}

// item reads one item into v and returns where it ends.
func (d *decoder) item(f *field, v reflect.Value, pos, end, depth int) (int, error) {
	switch f.kind {
	case kindBool, kindInt, kindUint:
		x, after, err := d.varint(pos, end)
		if err == nil {
			err = setVarint(f.kind, v, x, pos)
		}
		return after, err
	case kindFixed:
		if end-pos < f.size {
			return pos, bad(pos, "%d bytes where %d are wanted", end-pos, f.size)
		}
		storeFixed(v.Addr().UnsafePointer(), f.size, d.fixed(pos, f.size))
		return pos + f.size, nil
	}
	lo, hi, err := d.part(pos, end)
	if err != nil {
		return pos, err
	}
	switch f.kind {
	case kindString:
		if !utf8.Valid(d.b[lo:hi]) {
			return hi, bad(lo, "want UTF-8 text")
		}
		v.SetString(string(d.b[lo:hi]))
	case kindBytes:
		if hi > lo {
			v.SetBytes(bytes.Clone(d.b[lo:hi]))
		}
	case kindEmbedded:
		if hi > lo {
			m := Embedded{raw: d.b[lo:hi:hi], own: d.own}
			if d.own == 0 || hi-lo < d.own {
				m = Raw(bytes.Clone(m.raw))
			}
			*(*Embedded)(v.Addr().UnsafePointer()) = m
		}
	case kindArray:
		if hi-lo != f.size {
			return hi, bad(lo, "%d bytes, want %d", hi-lo, f.size)
		}
		copy(v.Bytes(), d.b[lo:hi])
	case kindStruct:
		err = d.message(f.elem, v, lo, hi, depth-1)
	case kindPtr:
		v.Set(reflect.New(f.elem.typ))
		err = d.message(f.elem, v.Elem(), lo, hi, depth-1)
	case kindValue:
		var x value.Value
		if x, err = d.value(lo, hi, f.repeated); err == nil && x != nil {
			v.Set(reflect.ValueOf(x))
		}
	}
	return hi, err
}

// value reads the message of a value in b[lo:hi]; the empty one stands for nil, in lists only.
func (d *decoder) value(lo, hi int, list bool) (value.Value, error) {
	if lo == hi {
		if !list {
			return nil, bad(lo, "an absent value must be left out")
		}
		return nil, nil
	}
	const typeTag, payloadTag = 1<<3 | 2, 2<<3 | 2
	tag, pos, err := d.varint(lo, hi)
	if err != nil {
		return nil, err
	}
	if tag != typeTag {
		return nil, bad(lo, "a value starts with its type id, field 1")
	}
	tlo, thi, err := d.part(pos, hi)
	if err != nil {
		return nil, err
	}
	if tlo == thi || !utf8.Valid(d.b[tlo:thi]) {
		return nil, bad(tlo, "a type id is UTF-8 text and not empty")
	}
	plo, phi := thi, thi
	if thi < hi {
		if tag, pos, err = d.varint(thi, hi); err != nil {
			return nil, err
		}
		if tag != payloadTag {
			return nil, bad(thi, "after the type id of a value comes its payload, field 2")
		}
		if plo, phi, err = d.part(pos, hi); err != nil {
			return nil, err
		}
		if plo == phi || phi != hi {
			return nil, bad(thi, "an empty payload must be left out, and nothing follows a payload")
		}
	}
	v, err := d.reg.DecodeOwn(value.TypeID(d.b[tlo:thi]), d.b[plo:phi], d.lim.Values, d.own)
	if err != nil {
		return nil, bad(plo, "%v", err)
	}
	return v, nil
}

// packed reads a run of numbers in b[lo:hi].
func (d *decoder) packed(f *field, v reflect.Value, lo, hi int) error {
	n := 0
	if f.kind == kindFixed {
		if n = (hi - lo) / f.size; n*f.size != hi-lo {
			return bad(lo, "%d bytes, want a multiple of %d", hi-lo, f.size)
		}
	} else {
		for _, c := range d.b[lo:hi] {
			n += int(^c >> 7) // one byte of each varint has the top bit clear
		}
	}
	if err := d.charge(n, lo); err != nil {
		return err
	}
	s := reflect.MakeSlice(f.typ, n, n)
	if f.kind == kindFixed {
		for i := range n {
			storeFixed(unsafe.Add(s.UnsafePointer(), i*f.size), f.size, d.fixed(lo+i*f.size, f.size))
		}
		v.Set(s)
		return nil
	}
	for i := 0; lo < hi; i++ {
		x, after, err := d.varint(lo, hi)
		if err == nil {
			err = setVarint(f.kind, s.Index(i), x, lo)
		}
		if err != nil {
			return within(err, fmt.Sprintf("[%d]", i))
		}
		lo = after
	}
	v.Set(s)
	return nil
}

// words reads a run of 64-bit numbers in b[lo:hi].
func (d *decoder) words(v reflect.Value, lo, hi int) error {
	if (hi-lo)%8 != 0 {
		return bad(lo, "%d bytes, want a multiple of 8", hi-lo)
	}
	w := NewWords((hi - lo) / 8)
	for c := range w.Chunks() {
		chunk := w.Write(c)
		for i := range chunk {
			chunk[i] = binary.LittleEndian.Uint64(d.b[lo+8*i:])
		}
		lo += 8 * len(chunk)
	}
	*(*Words)(v.Addr().UnsafePointer()) = w
	return nil
}

func setVarint(k kind, v reflect.Value, x uint64, pos int) error {
	switch k {
	case kindBool:
		if x > 1 {
			return bad(pos, "truth value %d, want 0 or 1", x)
		}
		v.SetBool(x == 1)
	case kindInt:
		n := protowire.DecodeZigZag(x)
		if v.OverflowInt(n) {
			return bad(pos, "%d does not fit into %s", n, v.Type())
		}
		v.SetInt(n)
	default:
		if v.OverflowUint(x) {
			return bad(pos, "%d does not fit into %s", x, v.Type())
		}
		v.SetUint(x)
	}
	return nil
}

func (d *decoder) fixed(pos, size int) uint64 {
	if size == 4 {
		return uint64(binary.LittleEndian.Uint32(d.b[pos:]))
	}
	return binary.LittleEndian.Uint64(d.b[pos:])
}

const wantVarint = "want a shortest varint of at most 64 bits"

// varint reads one shortest varint at pos and returns where it ends.
func (d *decoder) varint(pos, end int) (uint64, int, error) {
	x, next, form := canon.Varint(d.b, pos, end)
	if form != canon.Shortest {
		return 0, pos, bad(pos, wantVarint)
	}
	return x, next, nil
}

// part reads a length at pos and returns the bounds of what it measures, which lie within end.
func (d *decoder) part(pos, end int) (lo, hi int, err error) {
	lo, hi, claim, form := canon.Part(d.b, pos, end)
	switch form {
	case canon.Shortest:
		return lo, hi, nil
	case canon.Beyond:
		return pos, pos, bad(pos, "a part of %d bytes where %d are left", claim, end-lo)
	}
	return pos, pos, bad(pos, wantVarint)
}
