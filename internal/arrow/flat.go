package arrow

import (
	"encoding/binary"
	"fmt"
)

// Error says what is wrong with a file.
type Error struct{ Reason string }

// Error says it.
func (e *Error) Error() string { return e.Reason }

func errorf(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// flat reads a FlatBuffer (https://flatbuffers.dev/internals). The first error stays, and everything after it is zero.
type flat struct {
	b     []byte
	texts int // bytes of texts so far: they can be told many times and be there once
	err   error
}

func (f *flat) fail(format string, args ...any) {
	if f.err == nil {
		f.err = errorf("its metadata is broken: "+format, args...)
	}
}

// bytes returns n bytes from a place on, or zeros.
func (f *flat) bytes(at, n int) []byte {
	if f.err != nil || at < 0 || n < 0 || at > len(f.b) || n > len(f.b)-at {
		f.fail("it ends within a value")
		return make([]byte, min(max(n, 0), 8))
	}
	return f.b[at : at+n]
}

func (f *flat) u16(at int) int { return int(binary.LittleEndian.Uint16(f.bytes(at, 2))) }
func (f *flat) i32(at int) int { return int(int32(binary.LittleEndian.Uint32(f.bytes(at, 4)))) }
func (f *flat) i64(at int) int64 {
	return int64(binary.LittleEndian.Uint64(f.bytes(at, 8)))
}

// ref follows an offset, which goes forward.
func (f *flat) ref(at int) int {
	off := binary.LittleEndian.Uint32(f.bytes(at, 4))
	if uint64(off) > uint64(len(f.b)-min(at, len(f.b))) || off == 0 {
		f.fail("a value lies beyond its end")
		return 0
	}
	return at + int(off)
}

// flatTable is a table of a FlatBuffer.
type flatTable struct {
	f          *flat
	at         int
	fields     int // where its fields are told
	fieldsSize int
}

func (f *flat) root() flatTable { return f.table(f.ref(0)) }

func (f *flat) table(at int) flatTable {
	from := at - f.i32(at)
	if from < 0 || from > len(f.b) {
		f.fail("a table has no fields")
		return flatTable{f: f}
	}
	return flatTable{f, at, from, f.u16(from)}
}

// field returns where a field is, or 0.
func (t flatTable) field(i int) int {
	k := 4 + 2*i
	if t.f.err != nil || k+2 > t.fieldsSize {
		return 0
	}
	off := t.f.u16(t.fields + k)
	if off == 0 {
		return 0
	}
	return t.at + off
}

// number returns a whole number of so many bytes, or another one where it is not told.
func (t flatTable) number(i, size int, otherwise int64) int64 {
	at := t.field(i)
	if at == 0 {
		return otherwise
	}
	b := t.f.bytes(at, size)
	switch size {
	case 1:
		return int64(b[0])
	case 2:
		return int64(int16(binary.LittleEndian.Uint16(b)))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(b)))
	}
	return int64(binary.LittleEndian.Uint64(b))
}

// sub returns a table in a table, and whether it is there.
func (t flatTable) sub(i int) (flatTable, bool) {
	at := t.field(i)
	if at == 0 {
		return flatTable{f: t.f}, false
	}
	return t.f.table(t.f.ref(at)), true
}

// vector returns where the elements of a vector are, each of so many bytes, and how many there are.
func (t flatTable) vector(i, size int) (at, n int) {
	if at = t.field(i); at == 0 {
		return 0, 0
	}
	at = t.f.ref(at)
	n = t.f.i32(at)
	if at += 4; n < 0 || n > (len(t.f.b)-min(at, len(t.f.b)))/size {
		t.f.fail("a list of %d elements does not fit", n)
		return 0, 0
	}
	return at, n
}

func (t flatTable) text(i int) string {
	at, n := t.vector(i, 1)
	if t.f.texts += n; t.f.texts > 4*len(t.f.b)+1<<16 {
		t.f.fail("its texts lie in each other")
		return ""
	}
	return string(t.f.bytes(at, n))
}

// pairs reads a list of keys and values.
func (t flatTable) pairs(i int) map[string]string {
	out := map[string]string{}
	at, n := t.vector(i, 4)
	for k := 0; k < min(n, pairsMax) && t.f.err == nil; k++ {
		kv := t.f.table(t.f.ref(at + 4*k))
		out[kv.text(0)] = kv.text(1)
	}
	return out
}
