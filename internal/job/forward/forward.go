// Package forward records the forward pass of a model in a choreography, for the kinds of job that run one.
package forward

import (
	"maps"
	"slices"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Pass records the forward pass of a network whose input and parameters are values of a choreography, and returns its
// output.
func Pass(b *graph.Graph, net *model.Graph, x graph.Value, params []graph.Value) graph.Value {
	p := net.Inference()
	return Of(b, p, map[string]graph.Value{p.Input: x}, params)
}

// Of records a pass whose inputs are given by name, and returns its output.
func Of(b *graph.Graph, p model.Pass, x map[string]graph.Value, values []graph.Value) graph.Value {
	return record(b, p, x, values, nil)[p.Output]
}

// Scores is Of, but where the output is a softmax it returns what that is of: a loss takes the softmax itself, which
// is exact where that of a softmax is not.
func Scores(b *graph.Graph, p model.Pass, x map[string]graph.Value, values []graph.Value) graph.Value {
	return record(b, p, x, values, nil)[scores(p)]
}

// Train is Scores of a pass for training, which also returns what the running statistics become. It asks chance for
// what the pass is given of that.
func Train(b *graph.Graph, p model.Pass, x map[string]graph.Value, values []graph.Value,
	chance func(place int, shape []int) graph.Value) (out graph.Value, renewed []graph.Value) {
	known := map[string]graph.Value{}
	for _, m := range p.Masks {
		known[m.Name] = chance(m.Place, m.Shape)
	}
	known = record(b, p, x, values, known)
	for _, r := range p.Renewed {
		renewed = append(renewed, known[r])
	}
	return known[scores(p)], renewed
}

// scores names the output, or what it is the softmax of.
func scores(p model.Pass) string {
	for _, n := range p.Nodes {
		if n.GetOpType() == "Softmax" && slices.Contains(n.GetOutput(), p.Output) {
			return n.GetInput()[0]
		}
	}
	return p.Output
}

// record records the nodes, and returns all values by name.
func record(b *graph.Graph, p model.Pass, x map[string]graph.Value, values []graph.Value,
	chance map[string]graph.Value) map[string]graph.Value {
	known := maps.Clone(x)
	for name, v := range chance {
		known[name] = v
	}
	for i, name := range p.Values {
		known[name] = values[i]
	}
	for _, t := range p.Constants {
		// a model that was loaded holds sound ones
		if c, err := tensor.FromProto(t, tensor.DefaultLimits()); err == nil {
			known[t.GetName()] = b.Constant(value.Tensor{Tensor: c})
		}
	}
	Record(b, p.Nodes, known)
	return known
}
