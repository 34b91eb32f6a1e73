package wire

import (
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Limits bounds what DecodeHeader and Undecoded.Decode accept, inclusively. A zero field allows nothing of its kind.
type Limits struct {
	EnvelopeBytes int          // of the whole envelope
	Fills         int          // of one envelope
	FillBytes     int          // payload of one fill; larger tensors travel in chunks
	SuffixBytes   int          // address of one fill
	Addresses     int          // claimed addresses of the sender
	AddressBytes  int          // of one claimed address
	TraceBytes    int          // trace context
	Values        value.Limits // of each value
}

// PeerIDBytesMax bounds the text of a peer id, whatever its kind of key.
const PeerIDBytesMax = 128

// DefaultLimits returns the limits of a server or a desktop: 16 MiB for an envelope, 4 MiB for a fill.
func DefaultLimits() Limits {
	return Limits{
		EnvelopeBytes: 16 << 20, Fills: 256, FillBytes: 4 << 20, SuffixBytes: 4 << 10,
		Addresses: 8, AddressBytes: 256, TraceBytes: 1 << 10,
		Values: value.Limits{Bytes: 4 << 20, Items: 1 << 16, Depth: 8,
			Tensor: tensor.Limits{Elements: 4 << 20, Bytes: 4 << 20, Rank: tensor.MaxRank}},
	}
}

// EdgeLimits returns the limits of a small device: 256 KiB for an envelope, 64 KiB for a fill.
func EdgeLimits() Limits {
	return Limits{
		EnvelopeBytes: 256 << 10, Fills: 16, FillBytes: 64 << 10, SuffixBytes: 512,
		Addresses: 4, AddressBytes: 256, TraceBytes: 256,
		Values: value.Limits{Bytes: 64 << 10, Items: 1 << 10, Depth: 4,
			Tensor: tensor.Limits{Elements: 64 << 10, Bytes: 64 << 10, Rank: 8}},
	}
}
