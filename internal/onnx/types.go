package onnx

// Elem is any integer type in which callers hold a TensorProto.DataType
// number: the generated enum, tensor.DType, or a plain integer.
type Elem interface {
	~int | ~int32 | ~uint8
}

// TensorType returns the type of a tensor of element type elem. A negative
// dimension is an unknown one; no dimensions make a scalar.
func TensorType[E Elem](elem E, dims ...int64) *TypeProto {
	shape := &TensorShapeProto{}
	for _, d := range dims {
		shape.Dim = append(shape.Dim, dimension(d))
	}
	return tensorOf(int32(elem), shape)
}

// UnrankedType returns the type of a tensor of element type elem whose shape
// is not known at all.
func UnrankedType[E Elem](elem E) *TypeProto {
	return tensorOf(int32(elem), nil)
}

func tensorOf(elem int32, shape *TensorShapeProto) *TypeProto {
	return &TypeProto{Value: &TypeProto_TensorType{
		TensorType: &TypeProto_Tensor{ElemType: elem, Shape: shape},
	}}
}

func dimension(d int64) *TensorShapeProto_Dimension {
	if d < 0 {
		return &TensorShapeProto_Dimension{}
	}
	return &TensorShapeProto_Dimension{Value: &TensorShapeProto_Dimension_DimValue{DimValue: d}}
}

// SymbolDim returns a dimension known by a name only, such as "batch".
func SymbolDim(name string) *TensorShapeProto_Dimension {
	return &TensorShapeProto_Dimension{Value: &TensorShapeProto_Dimension_DimParam{DimParam: name}}
}

// SequenceType returns the type of a sequence of elem.
func SequenceType(elem *TypeProto) *TypeProto {
	return &TypeProto{Value: &TypeProto_SequenceType{SequenceType: &TypeProto_Sequence{ElemType: elem}}}
}

// OptionalType returns the type of a value that is an elem or absent.
func OptionalType(elem *TypeProto) *TypeProto {
	return &TypeProto{Value: &TypeProto_OptionalType{OptionalType: &TypeProto_Optional{ElemType: elem}}}
}

// ValueInfo returns a named tensor value; dims are as in [TensorType].
func ValueInfo[E Elem](name string, elem E, dims ...int64) *ValueInfoProto {
	return &ValueInfoProto{Name: name, Type: TensorType(elem, dims...)}
}

// Dims returns the shape of a tensor type, -1 for each dimension that is a
// symbol, unknown or negative, and whether t is a tensor type of known rank.
func Dims(t *TypeProto) ([]int64, bool) {
	tt := t.GetTensorType()
	if tt == nil || tt.GetShape() == nil {
		return nil, false
	}
	dims := make([]int64, len(tt.Shape.GetDim()))
	for i, d := range tt.Shape.GetDim() {
		dims[i] = -1
		if v, ok := d.GetValue().(*TensorShapeProto_Dimension_DimValue); ok && v.DimValue >= 0 {
			dims[i] = v.DimValue
		}
	}
	return dims, true
}

// Node returns a node of an operator in a domain, "" being ai.onnx.
func Node(domain, opType, name string, inputs, outputs []string, attrs ...*AttributeProto) *NodeProto {
	return &NodeProto{
		Domain: domain, OpType: opType, Name: name,
		Input: inputs, Output: outputs, Attribute: attrs,
	}
}
