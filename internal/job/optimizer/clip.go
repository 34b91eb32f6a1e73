package optimizer

import (
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/tensor"
)

// ClipNorm records gradients that are scaled down together where their norm, over all elements of all of them, is above
// most: by most/(norm + 1e-6), as PyTorch does.
func ClipNorm(b *graph.Graph, gradients []graph.Value, most float64) []graph.Value {
	if len(gradients) == 0 {
		return nil
	}
	of := func(g graph.Value) graph.Value { // of whatever element type
		sum := squares(b, g)
		if d := g.Type().Tensor.DType; d != tensor.Float32 && d != 0 {
			sum = b.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, sum)
		}
		return sum
	}
	sum := of(gradients[0])
	for _, g := range gradients[1:] {
		sum = b.Add(sum, of(g))
	}
	norm := b.Add(b.Tensor("Sqrt", nil, sum), number(b, 1e-6))
	share := b.Tensor("Min", nil, b.Tensor("Div", nil, number(b, most), norm), number(b, 1))
	out := make([]graph.Value, len(gradients))
	for i, g := range gradients {
		out[i] = b.Mul(g, like(b, share, g))
	}
	return out
}

// ClipValue records gradients whose every element is at most so far from 0.
func ClipValue(b *graph.Graph, gradients []graph.Value, most float64) []graph.Value {
	low, high := number(b, -most), number(b, most)
	out := make([]graph.Value, len(gradients))
	for i, g := range gradients {
		out[i] = b.Tensor("Clip", nil, g, like(b, low, g), like(b, high, g))
	}
	return out
}
