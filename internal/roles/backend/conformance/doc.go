// Package conformance runs the backend node tests of the ONNX project, 1,884 models of one operator or a few with
// inputs and expected outputs, as make.py made them with the wheel of onnx 1.23.2. It has tests only.
package conformance
