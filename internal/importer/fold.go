package importer

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// foldElements bounds results that are computed here when they are larger than what they are made from.
const foldElements = 1 << 16

// fold computes a node whose inputs are known and says whether it did.
func (w *walker) fold(n *onnx.NodeProto, in []onnxop.Type, elements int) bool {
	given := 0
	for _, t := range in {
		given += max(t.Elements(), 0)
	}
	if elements > max(given, foldElements) {
		return false
	}
	if n.OpType == "Constant" && n.Domain == "" {
		return false // its value is in its type; where it is not, the backend would not know it either
	}
	if (n.OpType == "Shape" || n.OpType == "Size") && in[0].Value == nil {
		return false // inference gives these where they can be given
	}
	values := make([]*tensor.Tensor, len(in))
	for i, t := range in {
		values[i] = t.Value
	}
	out, err := compute(n, values)
	if err != nil {
		return false
	}
	for i, name := range n.Output {
		if name != "" {
			w.define(name, out[i])
		}
	}
	return true
}

// compute runs a node on values and returns what it gives, nil for an output that is not asked for.
func compute(n *onnx.NodeProto, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	g := &onnx.GraphProto{Name: "fold", Node: []*onnx.NodeProto{n}}
	listed := map[string]bool{"": true}
	for i, name := range n.Input {
		if listed[name] || in[i] == nil {
			continue
		}
		listed[name] = true
		g.Initializer = append(g.Initializer, in[i].Proto(name))
	}
	var at []int
	for i, o := range n.Output {
		if o != "" {
			at = append(at, i)
			g.Output = append(g.Output, &onnx.ValueInfoProto{Name: o})
		}
	}
	p, err := backend.Compile(g, backend.Options{BytesMax: 1 << 28})
	if err != nil {
		return nil, err
	}
	got, err := p.Run([]*tensor.Tensor{})
	if err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(n.Output))
	for i, t := range got {
		out[at[i]] = t
	}
	return out, nil
}
