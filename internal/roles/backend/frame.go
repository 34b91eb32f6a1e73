package backend

import (
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// frame is the memory of one run: for each element type a table of the storages and the slab that most of them lie in.
// One goroutine has it at a time.
type frame struct {
	f32       table[float32]
	f64       table[float64]
	i64       table[int64]
	i32       table[int32]
	u8        table[uint8]
	i8        table[int8]
	b         table[bool]
	f16       table[tensor.F16]
	bf16      table[tensor.BF16]
	i16       table[int16]
	u16       table[uint16]
	u32       table[uint32]
	u64       table[uint64]
	scratch32 []float32
	scratch64 []float64
	crew      crew
}

type table[T kernel.Elem] struct {
	slots [][]T // by the storage's slot
	slab  []T
}

// of returns the frame's table for an element type.
func of[T kernel.Elem](f *frame) *table[T] {
	var z T
	var t any
	switch any(z).(type) {
	case float32:
		t = &f.f32
	case float64:
		t = &f.f64
	case int64:
		t = &f.i64
	case int32:
		t = &f.i32
	case uint8:
		t = &f.u8
	case int8:
		t = &f.i8
	case tensor.F16:
		t = &f.f16
	case tensor.BF16:
		t = &f.bf16
	case int16:
		t = &f.i16
	case uint16:
		t = &f.u16
	case uint32:
		t = &f.u32
	case uint64:
		t = &f.u64
	default:
		t = &f.b
	}
	return t.(*table[T])
}

// data returns the elements of a storage.
func data[T kernel.Elem](f *frame, slot int) []T { return of[T](f).slots[slot] }

// view returns the elements of a tensor, which has that element type.
func view[T kernel.Elem](t *tensor.Tensor) []T {
	var z T
	var v any
	switch any(z).(type) {
	case float32:
		v = t.Float32()
	case float64:
		v = t.Float64()
	case int64:
		v = t.Int64()
	case int32:
		v = t.Int32()
	case uint8:
		v = t.Uint8()
	case int8:
		v = t.Int8()
	case tensor.F16:
		v = t.Float16()
	case tensor.BF16:
		v = t.BFloat16()
	case int16:
		v = t.Int16()
	case uint16:
		v = t.Uint16()
	case uint32:
		v = t.Uint32()
	case uint64:
		v = t.Uint64()
	default:
		v = t.Bool()
	}
	return v.([]T)
}

// storageKind says where the elements of a storage lie.
type storageKind uint8

const (
	inArena  storageKind = iota // in the frame's slab
	inOutput                    // in memory of its own, which leaves with the result
	inInput                     // in an input
	inConst                     // in a constant
	inWindow                    // in rows of another storage, which ones a chain says
)

// storage is the memory of one value, or of several that share it.
type storage struct {
	kind        storageKind
	dtype       tensor.DType
	n           int // elements
	slot        int // in the table of its element type
	offset      int // in the slab, for inArena
	first, last int // the steps between which it is in use
	constant    *tensor.Tensor
	canonical   bool // who writes it makes every NaN the same
}

// attach makes the storage's slot in the frame's table.
func attach[T kernel.Elem](f *frame, s *storage) {
	t := of[T](f)
	var v []T
	switch s.kind {
	case inArena:
		v = t.slab[s.offset : s.offset+s.n : s.offset+s.n]
	case inConst:
		v = view[T](s.constant)
	}
	t.slots = append(t.slots, v)
}

// provide points the storage's slot at a tensor, or at new memory for an output where there is none.
func provide[T kernel.Elem](f *frame, s *storage, in *tensor.Tensor) {
	if in == nil {
		of[T](f).slots[s.slot] = make([]T, s.n)
		return
	}
	of[T](f).slots[s.slot] = view[T](in)
}

// window points a slot at the elements from lo to hi of another one.
func window[T kernel.Elem](f *frame, from, to, lo, hi int) {
	t := of[T](f)
	t.slots[to] = t.slots[from][lo:hi]
}

// lend lets another frame have what a slot points at.
func lend[T kernel.Elem](f, to *frame, slot int) { of[T](to).slots[slot] = of[T](f).slots[slot] }

// own points a slot at memory of the frame's slab.
func own[T kernel.Elem](f *frame, slot, at, n int) {
	t := of[T](f)
	t.slots[slot] = t.slab[at : at+n : at+n]
}

// widen gives a frame as many slots as another has.
func widen[T kernel.Elem](f, like *frame) {
	if t := of[T](f); t.slots == nil {
		t.slots = make([][]T, len(of[T](like).slots))
	}
}

// forget takes what a slot points at out of the frame.
func forget[T kernel.Elem](f *frame, slot int) { of[T](f).slots[slot] = nil }

// release takes the storage's memory out of the frame.
func release[T kernel.Elem](f *frame, s *storage) { forget[T](f, s.slot) }

// reserve makes the slab of one element type.
func reserve[T kernel.Elem](f *frame, n int) { of[T](f).slab = make([]T, n) }
