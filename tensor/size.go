package tensor

import "google.golang.org/protobuf/encoding/protowire"

// Size returns how many bytes [Tensor.Append] appends, so that a message that
// holds the tensor can be made in one buffer.
func (t *Tensor) Size() int {
	size := protowire.SizeTag(numDataType) + protowire.SizeVarint(uint64(t.dtype))
	if len(t.shape) > 0 {
		dims := 0
		for _, d := range t.shape {
			dims += protowire.SizeVarint(uint64(d))
		}
		size += protowire.SizeTag(numDims) + protowire.SizeBytes(dims)
	}
	if t.n > 0 {
		size += protowire.SizeTag(numRawData) + protowire.SizeBytes(t.n*t.dtype.Size())
	}
	return size
}
