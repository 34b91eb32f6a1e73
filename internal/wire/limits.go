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

// The parts of Budget, in bytes.
const (
	budgetEnvelope = 4 << 10 // header, peer ids, claimed addresses, and the text of an error
	budgetByte     = 16      // per byte of input: the smallest values, such as scalars, take most for each
	budgetFill     = 1 << 10 // per fill: its place, and the failure that stands for it where it cannot be decoded
	fillBytesLeast = 12      // of a fill in the envelope, with its tag
)

// Budget returns how many bytes of memory decoding an envelope of n bytes may take in all, header and fills, whatever
// they claim: in proportion to n, and with room for as many failures as fills can stand in it. An envelope of
// EnvelopeBytes or less is decoded for no more, and a larger one is refused for the price of an error.
func (l Limits) Budget(n int) int {
	if n > l.EnvelopeBytes {
		return budgetEnvelope
	}
	return budgetEnvelope + budgetByte*n + budgetFill*min(l.Fills, n/fillBytesLeast)
}

// PeerIDBytesMax bounds the text of a peer id, whatever its kind of key.
const PeerIDBytesMax = value.PeerBytesMax

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
