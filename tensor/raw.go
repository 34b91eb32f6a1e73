package tensor

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
)

// appendRaw appends the elements as raw_data: fixed width, little-endian on
// every host, a bool as 0 or 1.
func (t *Tensor) appendRaw(dst []byte) []byte {
	dst = slices.Grow(dst, t.n*t.dtype.Size())
	le := binary.LittleEndian
	switch v := t.data.(type) {
	case []float32:
		for _, x := range v {
			dst = le.AppendUint32(dst, math.Float32bits(x))
		}
	case []float64:
		for _, x := range v {
			dst = le.AppendUint64(dst, math.Float64bits(x))
		}
	case []int64:
		for _, x := range v {
			dst = le.AppendUint64(dst, uint64(x))
		}
	case []int32:
		for _, x := range v {
			dst = le.AppendUint32(dst, uint32(x))
		}
	case []uint8:
		dst = append(dst, v...)
	case []int8:
		for _, x := range v {
			dst = append(dst, uint8(x))
		}
	case []bool:
		for _, x := range v {
			dst = append(dst, bit(x))
		}
	}
	return dst
}

func bit(x bool) byte {
	if x {
		return 1
	}
	return 0
}

// fromRaw decodes raw_data, whose length fits d and the shape, into new memory.
func fromRaw(d DType, shape []int, raw []byte) (*Tensor, error) {
	n := len(raw) / d.Size()
	le := binary.LittleEndian
	switch d {
	case Float32:
		v := make([]float32, n)
		for i := range v {
			v[i] = math.Float32frombits(le.Uint32(raw[4*i:]))
		}
		return FromFloat32(shape, v)
	case Float64:
		v := make([]float64, n)
		for i := range v {
			v[i] = math.Float64frombits(le.Uint64(raw[8*i:]))
		}
		return FromFloat64(shape, v)
	case Int64:
		v := make([]int64, n)
		for i := range v {
			v[i] = int64(le.Uint64(raw[8*i:]))
		}
		return FromInt64(shape, v)
	case Int32:
		v := make([]int32, n)
		for i := range v {
			v[i] = int32(le.Uint32(raw[4*i:]))
		}
		return FromInt32(shape, v)
	case Uint8:
		return FromUint8(shape, append(make([]uint8, 0, n), raw...))
	case Int8:
		v := make([]int8, n)
		for i := range v {
			v[i] = int8(raw[i])
		}
		return FromInt8(shape, v)
	}
	v := make([]bool, n)
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
