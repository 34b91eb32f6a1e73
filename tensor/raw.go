package tensor

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unsafe"
)

// little says that the elements lie in this host's memory as raw_data has
// them, so that they can be copied as they are.
var little = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// memory returns the bytes of a slice of elements.
func memory[E element](v []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(E))))
}

// RawBytes returns the length of the elements as raw_data.
func (t *Tensor) RawBytes() int { return t.n * t.dtype.Size() }

// AppendRaw appends the bytes from lo to hi of the elements as raw_data: fixed
// width, little-endian on every host, a bool as 0 or 1. Both bounds must be
// multiples of the width.
func (t *Tensor) AppendRaw(dst []byte, lo, hi int) []byte {
	dst = slices.Grow(dst, hi-lo)
	lo, hi = lo/t.dtype.Size(), hi/t.dtype.Size()
	le := binary.LittleEndian
	switch v := t.data.(type) {
	case *[]float32:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint32(dst, math.Float32bits(x))
		}
	case *[]float64:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint64(dst, math.Float64bits(x))
		}
	case *[]int64:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint64(dst, uint64(x))
		}
	case *[]int32:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint32(dst, uint32(x))
		}
	case *[]uint8:
		dst = append(dst, (*v)[lo:hi]...)
	case *[]int8:
		dst = append(dst, memory((*v)[lo:hi])...)
	case *[]F16:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint16(dst, uint16(x))
		}
	case *[]BF16:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint16(dst, uint16(x))
		}
	case *[]int16:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint16(dst, uint16(x))
		}
	case *[]uint16:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint16(dst, uint16(x))
		}
	case *[]uint32:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint32(dst, uint32(x))
		}
	case *[]uint64:
		if little {
			return append(dst, memory((*v)[lo:hi])...)
		}
		for _, x := range (*v)[lo:hi] {
			dst = le.AppendUint64(dst, uint64(x))
		}
	case *[]bool:
		for _, x := range (*v)[lo:hi] {
			dst = append(dst, bit(x))
		}
	}
	return dst
}

func (t *Tensor) appendRaw(dst []byte) []byte { return t.AppendRaw(dst, 0, t.RawBytes()) }

func bit(x bool) byte {
	if x {
		return 1
	}
	return 0
}

// elements decodes raw_data into new memory; one turns the bytes of one
// element around where the host has another order.
func elements[E element](raw []byte, one func([]byte) E) []E {
	v := make([]E, len(raw)/int(unsafe.Sizeof(*new(E))))
	decode(v, raw, one)
	return v
}

// decode is elements into memory that is there.
func decode[E element](v []E, raw []byte, one func([]byte) E) {
	if little {
		copy(memory(v), raw)
		return
	}
	for i := range v {
		v[i] = one(raw[int(unsafe.Sizeof(*new(E)))*i:])
	}
}

// within returns the elements of raw, which lies in this host's memory as they
// do and at their alignment, without copying them.
func within[E element](raw []byte) []E {
	return unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(raw))), len(raw)/int(unsafe.Sizeof(*new(E))))
}

// align moves the last n bytes of b down to the alignment of elements of that
// size and returns them, or nil where nothing stands before them to move over.
func align(b []byte, n, size int) []byte {
	at := len(b) - n
	off := int(uintptr(unsafe.Pointer(unsafe.SliceData(b[at:]))) % uintptr(size))
	if off > at {
		return nil
	}
	to := b[at-off : len(b)-off : len(b)-off]
	if off > 0 {
		copy(to, b[at:])
	}
	return to
}

// fromOwn makes a tensor of raw_data that ends b, in the memory of b.
func fromOwn(h head, b []byte) (*Tensor, error) {
	if !little {
		return fromRaw(h.dtype, h.shape, h.raw)
	}
	raw := align(b, len(h.raw), h.dtype.Size())
	if raw == nil {
		return fromRaw(h.dtype, h.shape, h.raw)
	}
	switch h.dtype {
	case Float32:
		return FromFloat32(h.shape, within[float32](raw))
	case Float64:
		return FromFloat64(h.shape, within[float64](raw))
	case Int64:
		return FromInt64(h.shape, within[int64](raw))
	case Int32:
		return FromInt32(h.shape, within[int32](raw))
	case Uint8:
		return FromUint8(h.shape, raw)
	case Int8:
		return FromInt8(h.shape, within[int8](raw))
	case Float16:
		return FromFloat16(h.shape, within[F16](raw))
	case BFloat16:
		return FromBFloat16(h.shape, within[BF16](raw))
	case Int16:
		return FromInt16(h.shape, within[int16](raw))
	case Uint16:
		return FromUint16(h.shape, within[uint16](raw))
	case Uint32:
		return FromUint32(h.shape, within[uint32](raw))
	case Uint64:
		return FromUint64(h.shape, within[uint64](raw))
	}
	return fromRaw(h.dtype, h.shape, raw) // the bytes of a bool are looked at one by one
}

// fromRaw decodes raw_data, whose length fits d and the shape, into new memory.
func fromRaw(d DType, shape []int, raw []byte) (*Tensor, error) {
	le := binary.LittleEndian
	switch d {
	case Float32:
		t, v, err := NewFloat32(shape)
		decode(v, raw, func(b []byte) float32 { return math.Float32frombits(le.Uint32(b)) })
		return t, err
	case Float64:
		return FromFloat64(shape, elements(raw, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) }))
	case Int64:
		return FromInt64(shape, elements(raw, func(b []byte) int64 { return int64(le.Uint64(b)) }))
	case Int32:
		return FromInt32(shape, elements(raw, func(b []byte) int32 { return int32(le.Uint32(b)) }))
	case Uint8:
		return FromUint8(shape, append(make([]uint8, 0, len(raw)), raw...))
	case Int8:
		return FromInt8(shape, elements(raw, func(b []byte) int8 { return int8(b[0]) }))
	case Float16:
		return FromFloat16(shape, elements(raw, func(b []byte) F16 { return F16(le.Uint16(b)) }))
	case BFloat16:
		return FromBFloat16(shape, elements(raw, func(b []byte) BF16 { return BF16(le.Uint16(b)) }))
	case Int16:
		return FromInt16(shape, elements(raw, func(b []byte) int16 { return int16(le.Uint16(b)) }))
	case Uint16:
		return FromUint16(shape, elements(raw, func(b []byte) uint16 { return le.Uint16(b) }))
	case Uint32:
		return FromUint32(shape, elements(raw, func(b []byte) uint32 { return le.Uint32(b) }))
	case Uint64:
		return FromUint64(shape, elements(raw, func(b []byte) uint64 { return le.Uint64(b) }))
	}
	v := make([]bool, len(raw))
	for i := range v {
		// Any other byte would make two spellings of one tensor.
		if raw[i] > 1 {
			return nil, &FormatError{Offset: -1, Field: "raw_data",
				Reason: "bool element " + strconv.Itoa(i) + " is " + strconv.Itoa(int(raw[i])) + "; want 0 or 1"}
		}
		v[i] = raw[i] == 1
	}
	return FromBool(shape, v)
}
