package parquet

import (
	"encoding/binary"
	"fmt"
)

// Error says what is wrong with a file.
type Error struct{ Reason string }

// Error says it.
func (e *Error) Error() string { return e.Reason }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// The types of Thrift's compact protocol.
const (
	tTrue   = 1
	tFalse  = 2
	tByte   = 3
	tI16    = 4
	tI32    = 5
	tI64    = 6
	tDouble = 7
	tBinary = 8
	tList   = 9
	tSet    = 10
	tMap    = 11
	tStruct = 12

	depthMax = 24 // of structs in each other
)

// thrift reads the compact protocol. The first error stays, and everything after it is zero.
type thrift struct {
	b     []byte
	at    int
	depth int
	err   error
}

func (t *thrift) fail(format string, args ...any) {
	if t.err == nil {
		t.err = errorf("its metadata is broken: "+format, args...)
		t.at = len(t.b)
	}
}

func (t *thrift) byte() byte {
	if t.at >= len(t.b) {
		t.fail("it ends early")
		return 0
	}
	t.at++
	return t.b[t.at-1]
}

func (t *thrift) uvarint() uint64 {
	v, n := binary.Uvarint(t.b[t.at:])
	if n <= 0 {
		t.fail("it ends in a number")
		return 0
	}
	t.at += n
	return v
}

func (t *thrift) int() int64 {
	v := t.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (t *thrift) bytes() []byte {
	n := t.uvarint()
	if n > uint64(len(t.b)-t.at) {
		t.fail("a text of %d bytes does not fit", n)
		return nil
	}
	t.at += int(n)
	return t.b[t.at-int(n) : t.at]
}

// fields calls f with each field of a struct; f reads the value, or leaves it, and then returns false.
func (t *thrift) fields(f func(id int, typ byte) bool) {
	if t.depth++; t.depth > depthMax {
		t.fail("it is nested too deep")
	}
	defer func() { t.depth-- }()
	id := 0
	for t.err == nil {
		head := t.byte()
		if head == 0 || t.err != nil {
			return
		}
		if delta := int(head >> 4); delta > 0 {
			id += delta
		} else {
			id = int(int16(t.int()))
		}
		if typ := head & 15; !f(id, typ) {
			t.skip(typ)
		}
	}
}

// list calls f for each element of a list; an element takes a byte at least.
func (t *thrift) list(f func(typ byte)) {
	head := t.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = t.uvarint()
	}
	if n > uint64(len(t.b)-t.at) {
		t.fail("a list of %d elements does not fit", n)
		return
	}
	for ; n > 0 && t.err == nil; n-- {
		f(head & 15)
	}
}

func (t *thrift) skip(typ byte) {
	if t.depth++; t.depth > depthMax {
		t.fail("it is nested too deep")
	}
	defer func() { t.depth-- }()
	switch typ {
	case tTrue, tFalse:
	case tByte:
		t.byte()
	case tI16, tI32, tI64:
		t.uvarint()
	case tDouble:
		for range 8 {
			t.byte()
		}
	case tBinary:
		t.bytes()
	case tList, tSet:
		t.list(func(e byte) {
			if e == tTrue || e == tFalse { // an element of a list takes a byte
				e = tByte
			}
			t.skip(e)
		})
	case tMap:
		n := t.uvarint()
		if n == 0 {
			return
		}
		types := t.byte()
		if n > uint64(len(t.b)-t.at) {
			t.fail("a map of %d elements does not fit", n)
		}
		for ; n > 0 && t.err == nil; n-- {
			t.skip(types >> 4)
			t.skip(types & 15)
		}
	case tStruct:
		t.fields(func(int, byte) bool { return false })
	default:
		t.fail("there is no type %d", typ)
	}
}
