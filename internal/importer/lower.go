package importer

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/lower"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// lowers says whether an operator is a compound one, which is written as primitive nodes.
func lowers(domain, op string) bool { return lower.Has(domain, op) }

// lowered returns a compound node as primitive ones.
func lowered(n *onnx.NodeProto, types map[string]onnxop.Type, prefix string) ([]*onnx.NodeProto, error) {
	return lower.Options{Fold: compute}.Graph([]*onnx.NodeProto{n}, types, prefix)
}
