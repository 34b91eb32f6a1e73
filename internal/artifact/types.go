package artifact

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/types"
)

// opaqueDomain is the domain of the opaque types that stand for values which are no tensors.
const opaqueDomain = "rhizome"

// ValueInfo returns a named value with its type: a tensor's as the standard says, any other as an opaque type whose
// name is the type's text. Nothing is said of a value of unknown type.
func ValueInfo(name string, t types.Type) *onnx.ValueInfoProto {
	v := &onnx.ValueInfoProto{Name: name}
	switch {
	case t.IsTensor() && t.Tensor.DType != 0:
		v.Type = tensorType(t.Tensor)
	case t.ID != "":
		v.Type = &onnx.TypeProto{Value: &onnx.TypeProto_OpaqueType{
			OpaqueType: &onnx.TypeProto_Opaque{Domain: opaqueDomain, Name: t.String()},
		}}
	}
	return v
}

func tensorType(t onnxop.Type) *onnx.TypeProto {
	if t.Unranked {
		return onnx.UnrankedType(t.DType)
	}
	dims := make([]int64, len(t.Shape))
	for i, d := range t.Shape {
		dims[i] = int64(d)
	}
	return onnx.TensorType(t.DType, dims...)
}

// TypeOf reads what ValueInfo wrote. The type of a value of which nothing is said is types.Any.
func TypeOf(v *onnx.ValueInfoProto) (types.Type, error) {
	if o := v.GetType().GetOpaqueType(); o != nil && o.GetDomain() == opaqueDomain {
		return types.Parse(o.GetName())
	}
	if t, ok := onnxop.FromProto(v.GetType()); ok {
		return types.OfTensor(t), nil
	}
	return types.Any(), nil
}
