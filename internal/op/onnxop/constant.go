package onnxop

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// constantOps make values of nothing.
var constantOps = []Op{
	{Name: "Constant", In: Arity{0, 0}, Out: one, Types: all, rule: constant, Attrs: []Attr{
		optional("value", onnx.AttributeProto_TENSOR), optional("value_float", onnx.AttributeProto_FLOAT),
		optional("value_floats", onnx.AttributeProto_FLOATS), optional("value_int", onnx.AttributeProto_INT),
		optional("value_ints", onnx.AttributeProto_INTS)}},
	{Name: "ConstantOfShape", In: one, Out: one, Types: int64s, Decides: []int{0}, rule: constantOfShape,
		Attrs: []Attr{optional("value", onnx.AttributeProto_TENSOR)}},
}

func constant(c *call) error {
	if len(c.node.GetAttribute()) != 1 {
		return c.fail("has %d values; want one", len(c.node.GetAttribute()))
	}
	v, err := literal(c.node.GetAttribute()[0])
	if err != nil {
		return c.fail("%v", err)
	}
	return c.give(Of(v))
}

// literal returns the tensor that an attribute of a Constant stands for.
func literal(a *onnx.AttributeProto) (*tensor.Tensor, error) {
	switch a.GetName() {
	case "value_float":
		return tensor.FromFloat32([]int{}, []float32{a.GetF()})
	case "value_floats":
		return tensor.FromFloat32([]int{len(a.GetFloats())}, slices.Clone(a.GetFloats()))
	case "value_int":
		return tensor.FromInt64([]int{}, []int64{a.GetI()})
	case "value_ints":
		return tensor.FromInt64([]int{len(a.GetInts())}, slices.Clone(a.GetInts()))
	}
	return tensor.FromProto(a.GetT(), tensor.DefaultLimits())
}

// Fill returns the one value that a ConstantOfShape node repeats: by default a float32 zero.
func Fill(n *onnx.NodeProto) (*tensor.Tensor, error) {
	p, ok := onnx.GetTensor(n, "value")
	if !ok {
		return tensor.FromFloat32([]int{1}, []float32{0})
	}
	return tensor.FromProto(p, tensor.DefaultLimits())
}

func constantOfShape(c *call) error {
	if err := c.indices(0); err != nil {
		return err
	}
	v, err := Fill(c.node)
	if err != nil {
		return c.fail("%v", err)
	}
	if v.Len() != 1 {
		return c.fail("value has %d elements; want 1", v.Len())
	}
	out := Type{DType: v.DType()}
	switch in := c.in[0]; {
	case in.Value != nil:
		if out.Shape, err = c.shapeValue(in.Value); err != nil {
			return err
		}
	case in.Rank() == 1 && in.Shape[0] >= 0 && in.Shape[0] <= tensor.MaxRank:
		out.Shape = unknown(in.Shape[0])
	default:
		out.Unranked = true
	}
	return c.give(out)
}
