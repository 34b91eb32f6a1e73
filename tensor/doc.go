// Package tensor holds dense, immutable tensors in row-major order and their
// canonical form on the wire, the ONNX TensorProto.
//
// A [Tensor] may be shared by any number of readers; nothing changes it after
// it was made. The slices that it hands out are views for reading only: who
// writes to one breaks every holder of the tensor.
//
// Equal tensors have equal bytes: [Tensor.Append] writes dims, data_type and
// raw_data, little-endian on every host, and nothing else. [Parse] reads any
// spelling that the standard allows for the supported types, under caps that it
// checks before it allocates.
package tensor
