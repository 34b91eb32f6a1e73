package forward

import (
	"fmt"
	"math"

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
		given := n.GetInput()
		for len(given) > 0 && given[len(given)-1] == "" {
			given = given[:len(given)-1]
		}
		in := make([]graph.Value, len(given))
		for i, name := range given {
			if in[i] = known[name]; name == "" {
				in[i] = absent(b, n, in[0])
			}
		}
		for i, v := range b.Tensors(n.GetOpType(), attrsOf(n), len(n.GetOutput()), in...) {
			known[n.GetOutput()[i]] = v
		}
	}
}

// absent records a value that stands for an input that is not given and has others behind it: the lower bound of a
// Clip. Others are refused where the choreography is compiled.
func absent(b *graph.Graph, n *onnx.NodeProto, x graph.Value) graph.Value {
	least, err := tensor.FromFloat32([]int{}, []float32{float32(math.Inf(-1))})
	if x.Type().Tensor.DType == tensor.Float64 {
		least, err = tensor.FromFloat64([]int{}, []float64{math.Inf(-1)})
	}
	if n.GetOpType() != "Clip" || err != nil {
		return graph.Value{}
	}
	return b.Constant(value.Tensor{Tensor: least})
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
