package tensor

import "strconv"

// DType is an element type; its numbers are those of ONNX TensorProto.DataType.
type DType uint8

// The supported element types.
const (
	Float32  DType = 1
	Uint8    DType = 2
	Int8     DType = 3
	Uint16   DType = 4
	Int16    DType = 5
	Int32    DType = 6
	Int64    DType = 7
	Bool     DType = 9
	Float16  DType = 10
	Float64  DType = 11
	Uint32   DType = 12
	Uint64   DType = 13
	BFloat16 DType = 16
)

// dtypes are the supported element types.
var dtypes = []DType{Float32, Uint8, Int8, Uint16, Int16, Int32, Int64, Bool, Float16, Float64, Uint32, Uint64,
	BFloat16}

// Size returns the bytes of one element in memory and in raw_data, or 0 for a
// type that is not supported.
func (d DType) Size() int {
	switch d {
	case Uint8, Int8, Bool:
		return 1
	case Float16, BFloat16, Int16, Uint16:
		return 2
	case Float32, Int32, Uint32:
		return 4
	case Float64, Int64, Uint64:
		return 8
	}
	return 0
}

// Valid says whether the type is a supported one.
func (d DType) Valid() bool { return d.Size() != 0 }

// String returns the type's name, as in "float32", or "dtype(8)" for a type
// that is not supported.
func (d DType) String() string {
	switch d {
	case Float32:
		return "float32"
	case Uint8:
		return "uint8"
	case Int8:
		return "int8"
	case Int32:
		return "int32"
	case Int64:
		return "int64"
	case Bool:
		return "bool"
	case Float64:
		return "float64"
	case Float16:
		return "float16"
	case BFloat16:
		return "bfloat16"
	case Int16:
		return "int16"
	case Uint16:
		return "uint16"
	case Uint32:
		return "uint32"
	case Uint64:
		return "uint64"
	}
	return "dtype(" + strconv.Itoa(int(d)) + ")"
}

// ParseDType returns the type of that name, and whether there is one.
func ParseDType(name string) (DType, bool) {
	for _, d := range dtypes {
		if d.String() == name {
			return d, true
		}
	}
	return 0, false
}
