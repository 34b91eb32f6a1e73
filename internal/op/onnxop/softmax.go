package onnxop

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

var lossAttrs = []Attr{stringAttr("reduction", "mean"), optional("ignore_index", onnx.AttributeProto_INT)}

// softmaxOps normalize along an axis, and the losses measure the result against labels.
var softmaxOps = []Op{
	{Name: "LogSoftmax", In: one, Out: one, Types: floats, Attrs: []Attr{intAttr("axis", -1)}, rule: softmax},
	{Name: "NegativeLogLikelihoodLoss", In: Arity{2, 3}, Out: one, Types: floats, Attrs: lossAttrs, rule: loss},
	{Name: "Softmax", In: one, Out: one, Types: floats, Attrs: []Attr{intAttr("axis", -1)}, rule: softmax},
	{Name: "SoftmaxCrossEntropyLoss", In: Arity{2, 3}, Out: Arity{1, 2}, Types: floats, Attrs: lossAttrs, rule: loss},
}

func softmax(c *call) error {
	if in := c.in[0]; !in.Unranked {
		if _, err := Axis(c.int("axis"), len(in.Shape)); err != nil {
			return c.fail("%v", err)
		}
	}
	return same(c)
}

// loss is the rule of both losses: scores [N, C, d…], labels [N, d…], weights [C]; the second output, where there is
// one, is the logarithm of the probabilities.
func loss(c *call) error {
	scores, labels, weights := c.in[0], c.in[1], c.at(2)
	if labels.DType != tensor.Int64 && labels.DType != tensor.Int32 {
		return c.fail("the labels are %v; want int64 or int32", labels)
	}
	if !scores.Unranked {
		if len(scores.Shape) < 2 {
			return c.fail("the scores are %v; want [N, C, …]", scores)
		}
		if !labels.Unranked {
			want := append([]int{scores.Shape[0]}, scores.Shape[2:]...)
			if !fitsShape(labels.Shape, want) {
				return c.fail("the labels are %v; want the shape %v", labels, want)
			}
		}
	}
	if !weights.Absent() && (weights.DType != scores.DType || weights.Rank() > 1 ||
		(weights.Rank() == 1 && !scores.Unranked && !fits(weights.Shape[0], scores.Shape[1])) || weights.Rank() == 0) {
		return c.fail("the weights are %v; want one of %v for each class", weights, scores.DType)
	}
	out := Type{DType: scores.DType, Shape: []int{}}
	switch c.string("reduction") {
	case "none":
		out.Shape, out.Unranked = labels.Shape, labels.Unranked
	case "mean", "sum":
	default:
		return c.fail("reduction is %q; want none, mean or sum", c.string("reduction"))
	}
	return c.give(out, Type{DType: scores.DType, Shape: scores.Shape, Unranked: scores.Unranked})
}

// fitsShape says whether two shapes can be equal.
func fitsShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !fits(a[i], b[i]) {
			return false
		}
	}
	return true
}
