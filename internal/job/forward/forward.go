// Package forward records the forward pass of a model in a choreography, for the kinds of job that run one.
package forward

import (
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Pass records the forward pass of a network whose input and parameters are values of a choreography, and returns its
// output.
func Pass(b *graph.Graph, net *model.Graph, x graph.Value, params []graph.Value) graph.Value {
	_, _, output, _ := net.Forward()
	return pass(b, net, x, params, output)
}

// Scores is Pass, but where the output is a softmax it returns what that is of: a loss takes the softmax itself, which
// is exact where that of a softmax is not.
func Scores(b *graph.Graph, net *model.Graph, x graph.Value, params []graph.Value) graph.Value {
	nodes, _, output, _ := net.Forward()
	for _, n := range nodes {
		if n.GetOpType() == "Softmax" && slices.Contains(n.GetOutput(), output) {
			output = n.GetInput()[0]
		}
	}
	return pass(b, net, x, params, output)
}

// pass records the nodes, and returns one of the values that they make.
func pass(b *graph.Graph, net *model.Graph, x graph.Value, params []graph.Value, output string) graph.Value {
	nodes, input, _, named := net.Forward()
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
