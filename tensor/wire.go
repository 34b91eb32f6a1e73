package tensor

import "google.golang.org/protobuf/encoding/protowire"

// The field numbers of TensorProto that are read or refused here.
const (
	numDims         = 1
	numDataType     = 2
	numSegment      = 3
	numFloatData    = 4
	numInt32Data    = 5
	numStringData   = 6
	numInt64Data    = 7
	numRawData      = 9
	numDoubleData   = 10
	numUint64Data   = 11
	numExternalData = 13
	numDataLocation = 14
)

// Append appends the tensor's canonical TensorProto bytes to dst: dims packed,
// data_type, and raw_data unless it is empty. They are the bytes that the
// generated type writes for Proto("").
func (t *Tensor) Append(dst []byte) []byte { return t.appendRaw(t.AppendHead(dst)) }

// AppendHead appends what of [Tensor.Append] stands before the elements.
func (t *Tensor) AppendHead(dst []byte) []byte {
	if len(t.shape) > 0 {
		size := 0
		for _, d := range t.shape {
			size += protowire.SizeVarint(uint64(d))
		}
		dst = protowire.AppendTag(dst, numDims, protowire.BytesType)
		dst = protowire.AppendVarint(dst, uint64(size))
		for _, d := range t.shape {
			dst = protowire.AppendVarint(dst, uint64(d))
		}
	}
	dst = protowire.AppendTag(dst, numDataType, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(t.dtype))
	if t.n == 0 {
		return dst
	}
	dst = protowire.AppendTag(dst, numRawData, protowire.BytesType)
	return protowire.AppendVarint(dst, uint64(t.RawBytes()))
}
