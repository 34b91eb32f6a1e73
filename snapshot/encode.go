package snapshot

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/value"
)

// encoder appends messages to b. It is used by one goroutine.
type encoder struct {
	b     []byte
	reg   *value.Registry
	holes *holes // where large runs are left out, or nil: then b is the whole encoding
}

func (e *encoder) message(p *plan, v reflect.Value, depth int) error {
	if depth <= 0 {
		return &EncodeError{Reason: fmt.Sprintf("nested deeper than %d: is there a cycle of pointers?", depthMax)}
	}
	for i := range p.fields {
		f := &p.fields[i]
		if err := e.field(f, v.Field(f.index), depth); err != nil {
			return within(err, f.name)
		}
	}
	return nil
}

// field appends one field, or nothing when it has the zero value.
func (e *encoder) field(f *field, v reflect.Value, depth int) error {
	switch {
	case f.packed:
		if v.Len() > 0 {
			e.tag(f)
			start := e.begin()
			e.packed(f, v)
			e.end(start)
		}
		return nil
	case f.kind == kindWords:
		e.words(f, (*Words)(v.Addr().UnsafePointer()))
		return nil
	case f.repeated:
		for i := range v.Len() {
			if err := e.item(f, v.Index(i), depth); err != nil {
				return within(err, fmt.Sprintf("[%d]", i))
			}
		}
		return nil
	case f.kind == kindFixed:
		// The zero of a float is +0.0 alone, so the bits are asked and not the number.
		if x := loadFixed(v.Addr().UnsafePointer(), f.size); x != 0 {
			e.tag(f)
			e.fixed(x, f.size)
		}
		return nil
	case f.kind == kindStruct || f.kind == kindEmbedded:
		mark := len(e.b)
		e.tag(f)
		start := e.begin()
		var err error
		if f.kind == kindStruct {
			err = e.message(f.elem, v, depth-1)
		} else {
			err = e.embedded((*Embedded)(v.Addr().UnsafePointer()), depth-1)
		}
		if err != nil {
			return err
		}
		if e.since(start) == 0 {
			e.b = e.b[:mark]
			return nil
		}
		e.end(start)
		return nil
	case f.kind == kindBytes && v.Len() == 0 || v.IsZero():
		return nil
	}
	return e.item(f, v, depth)
}

// item appends the tag and one item, whatever it holds.
func (e *encoder) item(f *field, v reflect.Value, depth int) error {
	e.tag(f)
	switch f.kind {
	case kindBool:
		e.b = append(e.b, 1)
	case kindInt:
		e.b = protowire.AppendVarint(e.b, protowire.EncodeZigZag(v.Int()))
	case kindUint:
		e.b = protowire.AppendVarint(e.b, v.Uint())
	case kindString:
		s := v.String()
		if !utf8.ValidString(s) {
			return &EncodeError{Reason: "want UTF-8 text"}
		}
		e.b = protowire.AppendString(e.b, s)
	case kindBytes, kindArray:
		start := e.begin()
		e.bytes(v.Bytes())
		e.end(start)
	case kindEmbedded:
		start := e.begin()
		err := e.embedded((*Embedded)(v.Addr().UnsafePointer()), depth-1)
		e.end(start)
		return err
	case kindStruct:
		return e.nested(f.elem, v, depth)
	case kindPtr:
		return e.nested(f.elem, v.Elem(), depth)
	case kindValue:
		x, _ := v.Interface().(value.Value)
		return e.value(x)
	}
	return nil
}

func (e *encoder) nested(p *plan, v reflect.Value, depth int) error {
	start := e.begin()
	err := e.message(p, v, depth-1)
	e.end(start)
	return err
}

// value appends the message of a value; nil is the empty message.
func (e *encoder) value(v value.Value) error {
	start := e.begin()
	if v != nil {
		if v.Type() == "" {
			return &EncodeError{Reason: fmt.Sprintf("a %T has no type id", v)}
		}
		e.b = protowire.AppendTag(e.b, 1, protowire.BytesType)
		e.b = protowire.AppendString(e.b, string(v.Type()))
		mark := len(e.b)
		e.b = protowire.AppendTag(e.b, 2, protowire.BytesType)
		payload := e.begin()
		if err := e.payload(v); err != nil {
			return &EncodeError{Reason: err.Error()}
		}
		if e.since(payload) == 0 {
			e.b = e.b[:mark]
		} else {
			e.end(payload)
		}
	}
	e.end(start)
	return nil
}

func (e *encoder) packed(f *field, v reflect.Value) {
	n := v.Len()
	switch f.kind {
	case kindFixed:
		e.b = slices.Grow(e.b, n*f.size)
		base := v.UnsafePointer()
		for i := range n {
			e.fixed(loadFixed(unsafe.Add(base, i*f.size), f.size), f.size)
		}
	case kindBool:
		for i := range n {
			e.b = protowire.AppendVarint(e.b, protowire.EncodeBool(v.Index(i).Bool()))
		}
	case kindInt:
		for i := range n {
			e.b = protowire.AppendVarint(e.b, protowire.EncodeZigZag(v.Index(i).Int()))
		}
	case kindUint:
		for i := range n {
			e.b = protowire.AppendVarint(e.b, v.Index(i).Uint())
		}
	}
}

func (e *encoder) tag(f *field) { e.b = protowire.AppendVarint(e.b, f.tag) }

func (e *encoder) fixed(x uint64, size int) {
	if size == 4 {
		e.b = binary.LittleEndian.AppendUint32(e.b, uint32(x))
	} else {
		e.b = binary.LittleEndian.AppendUint64(e.b, x)
	}
}

// words appends the field, or nothing when it is empty.
func (e *encoder) words(f *field, w *Words) {
	if w.Len() == 0 {
		return
	}
	e.tag(f)
	e.b = protowire.AppendVarint(e.b, uint64(w.Len()*8))
	for c := range w.Chunks() {
		run := wordsRun(w.Read(c))
		if !e.leave(run) {
			e.b = run.AppendRange(e.b, 0, run.Len())
		}
	}
}

// begin opens a length-prefixed part and returns where its content starts: one byte is kept for the length, which is
// enough for most messages.
func (e *encoder) begin() mark {
	e.b = append(e.b, 0)
	return mark{len(e.b), e.holes.bytes()}
}

// mark is a place in an encoding: the bytes before it, and those of the holes before it.
type mark struct{ at, left int }

// since returns how long the encoding is from a place on.
func (e *encoder) since(m mark) int { return len(e.b) - m.at + e.holes.bytes() - m.left }

// end writes the length of the part, and moves its content up when the length needs more than the one byte.
func (e *encoder) end(m mark) {
	start := m.at
	n := e.since(m)
	more := protowire.SizeVarint(uint64(n)) - 1
	if more > 0 {
		var room [binary.MaxVarintLen64]byte
		here := len(e.b) - start
		e.b = append(e.b, room[:more]...)
		copy(e.b[start+more:], e.b[start:start+here])
		e.holes.move(start, more)
	}
	binary.PutUvarint(e.b[start-1:], uint64(n))
}

// loadFixed reads the bits of a number of 4 or 8 bytes. It goes by the memory and not by reflect's Float, which turns
// a float32 into a float64 and so changes the bits of a signalling NaN.
func loadFixed(p unsafe.Pointer, size int) uint64 {
	if size == 4 {
		return uint64(*(*uint32)(p))
	}
	return *(*uint64)(p)
}

// storeFixed is the inverse of loadFixed.
func storeFixed(p unsafe.Pointer, size int, x uint64) {
	if size == 4 {
		*(*uint32)(p) = uint32(x & math.MaxUint32)
	} else {
		*(*uint64)(p) = x
	}
}
