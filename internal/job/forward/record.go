package forward

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Record records nodes of the standard domain, in topological order, in a choreography. known has the values that they
// read and no node of them gives; it gets those that they give. What cannot be recorded is refused where the
// choreography is compiled.
func Record(b *graph.Graph, nodes []*onnx.NodeProto, known map[string]graph.Value) {
	for _, n := range nodes {
		if c := constant(n); c != nil {
			known[n.GetOutput()[0]] = b.Constant(value.Tensor{Tensor: c})
			continue
		}
		in := make([]graph.Value, len(n.GetInput()))
		for i, name := range n.GetInput() {
			in[i] = known[name]
		}
		for i, v := range b.Tensors(n.GetOpType(), attrsOf(n), len(n.GetOutput()), in...) {
			known[n.GetOutput()[i]] = v
		}
	}
}

// constant returns the tensor that a node is, where it is one.
func constant(n *onnx.NodeProto) *tensor.Tensor {
	p, ok := onnx.GetTensor(n, "value")
	if n.GetOpType() != "Constant" || !ok {
		return nil
	}
	t, err := tensor.FromProto(p, tensor.DefaultLimits())
	if err != nil {
		return nil
	}
	return t
}

// attrsOf returns the attributes of a node as the language takes them.
func attrsOf(n *onnx.NodeProto) graph.Attrs {
	out := graph.Attrs{}
	for _, a := range n.GetAttribute() {
		switch a.GetType() {
		case onnx.AttributeProto_INT:
			out[a.GetName()] = a.GetI()
		case onnx.AttributeProto_FLOAT:
			out[a.GetName()] = a.GetF()
		case onnx.AttributeProto_STRING:
			out[a.GetName()] = string(a.GetS())
		case onnx.AttributeProto_INTS:
			out[a.GetName()] = a.GetInts()
		case onnx.AttributeProto_FLOATS:
			out[a.GetName()] = a.GetFloats()
		case onnx.AttributeProto_TENSOR:
			if t, err := tensor.FromProto(a.GetT(), tensor.DefaultLimits()); err == nil {
				out[a.GetName()] = t
				continue
			}
			fallthrough
		default:
			out[a.GetName()] = fmt.Errorf("an attribute of type %v", a.GetType()) // refused with the author's line
		}
	}
	return out
}
