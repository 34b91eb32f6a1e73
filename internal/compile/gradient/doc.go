// Package gradient differentiates ONNX graphs: reverse mode, as a transformation of the graph. The result is more nodes
// of standard operators, so a gradient is an ordinary graph that runs wherever the graph itself does.
//
// It gives the operator ai.onnx.preview.training.Gradient its meaning. Derivatives are total: what reaches y through a
// value that is itself asked for counts for both.
//
// There is one rule per operator, in one table per family. A rule is written once for all shapes: where inputs
// broadcast, the gradient is summed over what was stretched. Dimensions need not be known; where the graph leaves open
// whether one was stretched, the run decides. What a rule needs and does not know is an error that names the node, and
// never a wrong gradient.
//
// Integers and booleans carry no gradient. At a kink the gradient is that of the side on which the operator is
// constant: Relu at 0 has none, and LeakyRelu that of the side above. Of equal values Max and Min take the first input,
// ReduceMax and ReduceMin all in equal parts.
//
// Everything here is pure: the same graph and prefix give the same nodes with the same names.
package gradient
