// Package model holds the parameters of a model that is given as an ONNX graph, as the component kind "onnx" version 1.
//
// A Graph is the forward pass: one input, one output, and initializers, of which the float32 ones are the parameters.
// It is built by MLP or read from any ONNX file by Load. A job splices its nodes into a choreography by Forward, and
// what was trained leaves as a standard ONNX file by Export.
//
// The component keeps the current parameters as state. Their initial values are drawn from the job's seed, so that all
// nodes and all runs of a job begin alike.
//
// Ops of the component:
//
//	Parameters(trigger)     → List of Tensor
//	Personal(trigger)       → List of Tensor   what of it stays with whoever trains it, as it is at first
//	LoadParameters(List)    → trigger          refused whole unless count, types and shapes fit
//	LoadScale(Tensor, Tensor) → trigger        what inputs are shifted and divided by, for the export
//	Export(List)            → Bytes            the ONNX file with these parameters
package model
