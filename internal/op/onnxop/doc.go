// Package onnxop holds what is known of the standard operators without running them: which ones the project supports,
// their attributes with defaults, and their type and shape rules.
//
// It is the one place of these facts. The compiler infers types with it, the backend plans with it, and the gradient
// pass reads the types of what it differentiates from it. There is one table per family of operators; an operator is
// one entry.
//
// Everything here is pure and safe for concurrent use.
package onnxop

// Opset is the version of the standard operator set that the compiler emits. 17 is the newest version whose operators
// all have published test vectors that are packaged (ONNX 1.12), that keeps the axes of ReduceMean in an attribute, so
// that common tools read it, and that needs no file format newer than version 8.
const Opset = 17

// OpsetMin and OpsetMax are the versions of the standard operator set that are read. Between them no supported operator
// changes its meaning, as a comparison of all their schemas in ONNX 1.23 says: the axes of reductions moved from
// attributes to inputs at 18, which both are read; allowzero of Reshape (14), start and end of Shape (15),
// noop_with_empty_axes of reductions (13 and 18) and saturate of Cast (19) were added, and default to what was before;
// and types were added. So a graph may be written at one of these versions and run at another.
const (
	OpsetMin = 13
	OpsetMax = 21
)

// Training is the domain of the operators that optimizers are made of, and TrainingVersion its only version.
const (
	Training        = "ai.onnx.preview.training"
	TrainingVersion = 1
)

// Own is the domain of the operators that no standard has: what derivatives of standard operators are written with,
// which no author names, and Uniform. OwnVersion is its only version.
const (
	Own        = "rhizome.op"
	OwnVersion = 1
)
