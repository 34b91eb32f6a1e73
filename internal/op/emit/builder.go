package emit

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Builder makes nodes and knows the type of every value, also of those that it has made. It is not safe for concurrent
// use.
type Builder struct {
	Prefix string                 // of the names of nodes and of their values
	Types  map[string]onnxop.Type // of all values; those that are made are added
	Nodes  []*onnx.NodeProto      // what was made, in order

	// NodesMax bounds Nodes. Fail makes the error that the place and the reason stand for.
	NodesMax int
	Fail     func(where, reason string) error

	// Compound, where it is set, may write a node as others that it emits. It returns the names of their results and
	// whether it did.
	Compound func(n *onnx.NodeProto) (out []string, done bool, err error)

	// Fold, where it is set, computes a node of constants, so that what is made of them is known too. An error, or
	// another number of results, means that it is not computed.
	Fold func(n *onnx.NodeProto, in []*tensor.Tensor) ([]*tensor.Tensor, error)

	constants map[string]string // the constants made so far, by their bytes
}

// Emit adds a node of the standard domain or of onnxop.Own with so many results and returns their names.
func (b *Builder) Emit(op string, in []string, outs int, attrs ...*onnx.AttributeProto) ([]string, error) {
	n := onnx.Node(onnxop.DomainOf(op), op, "", in, make([]string, outs), attrs...)
	if b.Compound != nil {
		if made, done, err := b.Compound(n); done || err != nil {
			return made, err
		}
	}
	return b.Copy(n, in)
}

// Copy adds a node like another on other inputs, with new names for it and for its results, which it returns.
func (b *Builder) Copy(n *onnx.NodeProto, in []string) ([]string, error) {
	name := fmt.Sprintf("%s/%d_%s", b.Prefix, len(b.Nodes), n.GetOpType())
	out := make([]string, len(n.GetOutput()))
	for i := range out {
		if out[i] = name; i > 0 {
			out[i] = fmt.Sprintf("%s_%d", name, i)
		}
		if _, taken := b.Types[out[i]]; taken {
			return nil, b.Fail(out[i], "is a value of the graph already; want another prefix")
		}
	}
	return out, b.Add(onnx.Node(n.GetDomain(), n.GetOpType(), name, in, out, n.GetAttribute()...))
}

// Add adds a node that was made elsewhere, whose outputs get the types that are inferred.
func (b *Builder) Add(n *onnx.NodeProto) error {
	if len(b.Nodes) >= b.NodesMax {
		return b.Fail(b.Prefix, fmt.Sprintf("needs more than %d nodes; want a smaller graph", b.NodesMax))
	}
	types := make([]onnxop.Type, len(n.GetInput()))
	for i, v := range n.GetInput() {
		types[i] = b.Types[v]
	}
	out, err := onnxop.Infer(n, types)
	if err != nil {
		return err
	}
	b.Nodes = append(b.Nodes, n)
	for i, o := range n.GetOutput() {
		if o != "" {
			b.Types[o] = Refined(out[i], b.Types[o])
		}
	}
	b.fold(n, types)
	return nil
}

// foldElements bounds what is computed while a graph is written: it decides shapes, and how often a body runs.
const foldElements = 1 << 12

// fold computes a node, where that is asked for and possible.
func (b *Builder) fold(n *onnx.NodeProto, types []onnxop.Type) {
	if b.Fold == nil || len(types) == 0 {
		return
	}
	for _, o := range n.GetOutput() {
		if t := b.Types[o]; o == "" || t.Value != nil || t.Static() && t.Elements() > foldElements {
			return
		}
	}
	in := make([]*tensor.Tensor, len(types))
	for i, t := range types {
		if in[i] = t.Value; !t.Absent() && (t.Value == nil || t.Value.Len() > foldElements) {
			return
		}
	}
	out, err := b.Fold(n, in)
	if err != nil || len(out) != len(n.GetOutput()) {
		return
	}
	for i, o := range n.GetOutput() {
		if t := b.Types[o]; out[i] != nil && out[i].DType() == t.DType && out[i].Len() <= foldElements {
			b.Types[o] = onnxop.Of(out[i])
		}
	}
}

// Refined is a type with what another says of the shape beyond it.
func Refined(t, more onnxop.Type) onnxop.Type {
	switch {
	case more.DType != t.DType || more.Unranked || t.Value != nil:
		return t
	case t.Unranked:
		t.Shape, t.Unranked = more.Shape, false
		return t
	case len(t.Shape) != len(more.Shape):
		return t
	}
	shape := append([]int{}, t.Shape...)
	for i, d := range shape {
		if d < 0 {
			shape[i] = more.Shape[i]
		}
	}
	t.Shape = shape
	return t
}

// Scalar returns a float tensor without dimensions: of float64 or of 16 bits where that is asked for, and else of
// float32.
func Scalar(d tensor.DType, v float64) (*tensor.Tensor, error) {
	switch d {
	case tensor.Float64:
		return tensor.FromFloat64([]int{}, []float64{v})
	case tensor.Float16:
		return tensor.FromFloat16([]int{}, []tensor.F16{tensor.F16Of(v)})
	case tensor.BFloat16:
		return tensor.FromBFloat16([]int{}, []tensor.BF16{tensor.BF16Of(v)})
	}
	return tensor.FromFloat32([]int{}, []float32{float32(v)})
}
