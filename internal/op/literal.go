package op

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// registry knows the types of value that a literal may have: the built-in ones.
var registry = value.NewRegistry()

// LiteralAttrs returns the attributes that hold a literal: a tensor as itself, any other value as the name of its type
// and its canonical payload.
func LiteralAttrs(v value.Value) ([]*onnx.AttributeProto, error) {
	if v == nil {
		return nil, fmt.Errorf("a constant needs a value")
	}
	if t, ok := v.(value.Tensor); ok {
		return []*onnx.AttributeProto{onnx.AttrTensor("value", t.Proto(""))}, nil
	}
	payload, err := registry.Append(nil, v)
	if err != nil {
		return nil, err
	}
	data, err := tensor.FromUint8([]int{len(payload)}, payload)
	if err != nil {
		return nil, err
	}
	return []*onnx.AttributeProto{
		onnx.AttrString("type", string(v.Type())),
		onnx.AttrTensor("data", data.Proto("")),
	}, nil
}

// Literal returns the value that a node's attributes hold, as LiteralAttrs wrote them.
func Literal(n *onnx.NodeProto, lim value.Limits) (value.Value, error) {
	if p, ok := onnx.GetTensor(n, "value"); ok {
		t, err := tensor.FromProto(p, lim.Tensor)
		if err != nil {
			return nil, err
		}
		return value.Tensor{Tensor: t}, nil
	}
	id, ok := onnx.GetString(n, "type")
	p, ok2 := onnx.GetTensor(n, "data")
	if !ok || !ok2 {
		return nil, fmt.Errorf("a constant has no value; want the attribute value, or type and data")
	}
	data, err := tensor.FromProto(p, lim.Tensor)
	if err != nil {
		return nil, err
	}
	if data.DType() != tensor.Uint8 || data.Rank() != 1 {
		return nil, fmt.Errorf("data is a %v of rank %d; want a list of bytes", data.DType(), data.Rank())
	}
	return registry.Decode(value.TypeID(id), data.Uint8(), lim)
}
