package kernel

import "github.com/rhizome-ml/rhizome/tensor"

// Float is an element type of floating-point tensors.
type Float interface{ float32 | float64 }

// Int is an element type of integer tensors.
type Int interface {
	int64 | int32 | uint8 | int8 | int16 | uint16 | uint32 | uint64
}

// Number is an element type that can be added and ordered.
type Number interface{ Float | Int }

// Elem is any element type.
type Elem interface {
	Number | bool | tensor.F16 | tensor.BF16
}
