// Package wire holds what travels between nodes: the envelope, its canonical codec with caps, peer ids and addresses.
//
// An envelope is read in two stages. DecodeHeader reads everything but the fills, under the caps of a Limits and before
// anything is allocated for what it refuses; so a receiver can ask the governor, the stream and the program about the
// sender before a byte of the values is looked at (law admitted-first). Undecoded.Decode then reads the fills. Decode
// does both.
//
// The wire form is protobuf (formats/envelope.proto). What is written is the canonical form, one for each content:
// fields ascend, the fills come last, zero values are left out, varints are shortest. What is read may be any protobuf:
// fields in any order, zeros written out, messages in parts, a field given twice, of which the last counts, and fields
// that this release does not know, which are dropped. UnknownBytesMax bounds what is dropped. Undecoded.Canonical gives
// the canonical form of what was read, which is what a node keeps. Every other input is refused with a typed error:
// *VersionError, *LimitError, or *FormatError with field and offset. Nothing here panics on any input.
//
// A fill whose place is sound and whose payload is not does not take its siblings down: it becomes a fill with a
// *value.Failure of code CodeUndecodable in the place of its value, which the caller counts. Payloads are read as
// leniently as their codecs do: a TensorProto with typed data fields, which other writers make, is accepted here.
//
// The functions of this package are pure and safe for concurrent use.
package wire
