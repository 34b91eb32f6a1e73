// Package forward records the forward pass of a model in a choreography, for the kinds of job that run one.
package forward

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Pass records the forward pass of a network whose input and parameters are values of a choreography, and returns its
// output.
func Pass(b *graph.Graph, net *model.Graph, x graph.Value, params []graph.Value) graph.Value {
	nodes, input, output, named := net.Forward()
	known := map[string]graph.Value{input: x}
	for i, p := range named {
		known[p.Name] = params[i]
	}
	for _, t := range net.Constants() {
		// a model that was loaded holds sound ones
		if c, err := tensor.FromProto(t, tensor.DefaultLimits()); err == nil {
			known[t.GetName()] = b.Constant(value.Tensor{Tensor: c})
		}
	}
	for _, n := range nodes {
		in := make([]graph.Value, len(n.GetInput()))
		for i, name := range n.GetInput() {
			in[i] = known[name]
		}
		for i, v := range b.Tensors(n.GetOpType(), attrsOf(n), len(n.GetOutput()), in...) {
			known[n.GetOutput()[i]] = v
		}
	}
	return known[output]
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
		default:
			out[a.GetName()] = fmt.Errorf("an attribute of type %v", a.GetType()) // refused with the author's line
		}
	}
	return out
}
