// Package forward records the forward pass of a model in a choreography, for the kinds of job that run one.
package forward

import (
	"github.com/rhizome-ml/rhizome/graph"
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
	Record(b, nodes, known)
	return known[output]
}
