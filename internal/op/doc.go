// Package op is the catalogue: what a program can say. One declaration per op names its ports, attributes, type rule,
// place rule and nature; the authoring DSL checks against it, the compiler is driven by it, and OPS.md beside this file
// is generated from it.
//
// The methods of components are not here: whoever brings a component declares them (graph.Component.Methods), and the
// choreography and its artifact name those that are invoked.
//
// The tensor ops of the domain ai.onnx are declared in package internal/op/onnxop; this package holds everything else;
// the types of values are those of package types.
//
// Declarations are immutable after the package is initialized and safe for concurrent use.
package op
