package tensor

import "strconv"

// DType is an element type; its numbers are those of ONNX TensorProto.DataType.
type DType uint8

// The supported element types.
const (
	Float32 DType = 1
	Uint8   DType = 2
	Int8    DType = 3
	Int32   DType = 6
	Int64   DType = 7
	Bool    DType = 9
	Float64 DType = 11
)

// Size returns the bytes of one element in memory and in raw_data, or 0 for a
// type that is not supported.
func (d DType) Size() int {
	switch d {
	case Uint8, Int8, Bool:
		return 1
	case Float32, Int32:
		return 4
	case Float64, Int64:
		return 8
	}
	return 0
}

// Valid says whether the type is a supported one.
func (d DType) Valid() bool { return d.Size() != 0 }

// String returns the type's name, as in "float32", or "dtype(10)" for a type
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
	}
	return "dtype(" + strconv.Itoa(int(d)) + ")"
}

// ParseDType returns the type of that name, and whether there is one.
func ParseDType(name string) (DType, bool) {
	for _, d := range []DType{Float32, Uint8, Int8, Int32, Int64, Bool, Float64} {
		if d.String() == name {
			return d, true
		}
	}
	return 0, false
}
