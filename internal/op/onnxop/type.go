package onnxop

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// ElementsMax bounds the number of elements of any one tensor that a rule may infer, so that a hostile model cannot
// make a plan ask for more memory than there is.
const ElementsMax = 1 << 27

// Type is what is known of a tensor before it exists. The zero Type stands for an optional input that is not given.
// It is immutable by convention: rules share the slices of their inputs.
type Type struct {
	DType    tensor.DType
	Shape    []int          // -1 is a dimension that is not known
	Unranked bool           // not even the number of dimensions is known; Shape is nil
	Value    *tensor.Tensor // the value itself where it is known, as of a constant or a shape; nil otherwise
}

// Of returns the type of a value that is known, with the value.
func Of(t *tensor.Tensor) Type { return Type{DType: t.DType(), Shape: t.Shape(), Value: t} }

// FromProto returns the type that a model declares, and whether it declares a tensor type at all. A dimension that is
// symbolic or absent is not known.
func FromProto(p *onnx.TypeProto) (Type, bool) {
	tt := p.GetTensorType()
	if tt == nil || tt.GetElemType() <= 0 || tt.GetElemType() > 255 {
		return Type{}, false
	}
	t := Type{DType: tensor.DType(tt.GetElemType())}
	dims, ranked := onnx.Dims(p)
	if !ranked {
		t.Unranked = true
		return t, true
	}
	t.Shape = make([]int, len(dims))
	for i, d := range dims {
		t.Shape[i] = int(min(d, ElementsMax+1)) // beyond it no tensor can be, and an int of 32 bits might not hold it
	}
	return t, true
}

// Absent says whether t stands for an input that is not given.
func (t Type) Absent() bool { return t.DType == 0 }

// Rank is the number of dimensions, or -1 where it is not known.
func (t Type) Rank() int {
	if t.Unranked {
		return -1
	}
	return len(t.Shape)
}

// Static says whether every dimension is known.
func (t Type) Static() bool {
	return !t.Absent() && !t.Unranked && !slices.Contains(t.Shape, -1)
}

// Elements is the number of elements of a static type, and -1 of any other.
func (t Type) Elements() int {
	if !t.Static() {
		return -1
	}
	return product(t.Shape)
}

// Equal says whether both types have the same element type and the same knowledge of the shape; values are not
// compared.
func (t Type) Equal(u Type) bool {
	return t.DType == u.DType && t.Unranked == u.Unranked && slices.Equal(t.Shape, u.Shape)
}

// String writes a type as float32[2,?].
func (t Type) String() string {
	if t.Absent() {
		return "absent"
	}
	var b strings.Builder
	b.WriteString(t.DType.String())
	if t.Unranked {
		return b.String() + "[…]"
	}
	b.WriteByte('[')
	for i, d := range t.Shape {
		if i > 0 {
			b.WriteByte(',')
		}
		if d < 0 {
			b.WriteByte('?')
		} else {
			b.WriteString(strconv.Itoa(d))
		}
	}
	b.WriteByte(']')
	return b.String()
}

// product multiplies known dimensions; it gives ElementsMax+1 for everything above ElementsMax.
func product(shape []int) int {
	if slices.Contains(shape, 0) {
		return 0
	}
	return extent(shape)
}

// extent is the product of the dimensions that are known and not 0, and ElementsMax+1 for everything above ElementsMax.
// It bounds the loops over a tensor, of which an empty one can have many as well.
func extent(shape []int) int {
	n := 1
	for _, d := range shape {
		if d <= 0 {
			continue
		}
		if d > ElementsMax/n {
			return ElementsMax + 1
		}
		n *= d
	}
	return n
}
