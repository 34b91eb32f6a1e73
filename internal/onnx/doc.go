// Package onnx holds the generated types of the ONNX messages, a loader that
// decodes a model from untrusted bytes under caps, a deterministic encoder, and
// the small constructors and getters that the compiler's passes share.
//
// The schema in onnx.proto is our own, with the standard's message names and
// field numbers: the wire form is that of any ONNX file. Its protobuf package
// and its registered file name are our own too, so that a program may link
// another module which registers "onnx".
//
// Bytes from outside enter through [Load], never through proto.Unmarshal: Load
// first walks the bytes without allocating and refuses what is too deep, too many
// or too large. Fields that the schema does not know are kept and written
// back. Tensor payloads are not checked here; package tensor does that.
//
// The generated messages are mutable and not safe for concurrent use while
// anyone writes to them. The functions of this package never keep a message.
package onnx

//go:generate protoc -Irhizome/onnx/v1=. --go_out=. --go_opt=module=github.com/rhizome-ml/rhizome/internal/onnx rhizome/onnx/v1/onnx.proto
