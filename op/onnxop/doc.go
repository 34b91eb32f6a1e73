// Package onnxop holds what is known of the standard operators without running them: which ones the project supports,
// their attributes with defaults, and their type and shape rules.
//
// It is the one place of these facts. The compiler infers types with it, the backend plans with it, and the gradient pass
// reads the types of what it differentiates from it. There is one table per family of operators; an operator is one entry.
//
// Everything here is pure and safe for concurrent use.
package onnxop

// Opset is the version of the standard operator set that the compiler emits. 17 is the newest version whose operators
// all have published test vectors that are packaged (ONNX 1.12), that keeps the axes of ReduceMean in an attribute, so
// that common tools read it, and that needs no file format newer than version 8.
const Opset = 17

// OpsetMin and OpsetMax are the versions of the standard operator set that are read. Between them no supported operator
// changes its meaning: axes moved from attributes to inputs, which both are read, and types were added.
const (
	OpsetMin = 13
	OpsetMax = 21
)

// Training is the domain of the operators that optimizers are made of, and TrainingVersion its only version.
const (
	Training        = "ai.onnx.preview.training"
	TrainingVersion = 1
)
