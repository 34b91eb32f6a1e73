package onnx

import "fmt"

// Limits bounds what [Load] accepts, inclusively; a zero bound admits nothing
// of its kind. A message costs up to about 250 bytes in memory whatever its
// length on the wire, hence the counts beside the byte bound. Packed numbers
// grow at most eightfold.
type Limits struct {
	Bytes      int // of the whole encoding
	Depth      int // messages inside each other, ModelProto being 1; a sub-graph adds 3
	Nodes      int // NodeProto, in all graphs and functions together
	Tensors    int // TensorProto: initializers, and tensors in attributes
	Attributes int // AttributeProto, of nodes and of functions
	Messages   int // of any kind, those above included
	Strings    int // entries of repeated string and bytes fields
	// External bounds what [Read] takes from the files beside a model, in bytes; [Load] takes none.
	External int64
}

// DefaultLimits returns bounds that fit models of up to 256 MiB, and 8 GiB of
// tensors in files beside them; a hostile file within them costs at most about
// 256 MiB in overhead.
func DefaultLimits() Limits {
	return Limits{
		Bytes:      256 << 20,
		Depth:      64,
		Nodes:      1 << 17,
		Tensors:    1 << 16,
		Attributes: 1 << 18,
		Messages:   1 << 20,
		Strings:    1 << 20,
		External:   8 << 30,
	}
}

// LimitError says that an encoded model exceeds a bound of [Limits].
type LimitError struct {
	What   string // the field of Limits
	Max    int    // its value
	Offset int    // of the byte at which the bound was passed
}

// Error names the bound, its value and the position.
func (e *LimitError) Error() string {
	return fmt.Sprintf("onnx: %s exceeds the limit of %d at byte %d", e.What, e.Max, e.Offset)
}

// FormatError says that bytes are not a well-formed ModelProto, or that a
// message cannot be written as one.
type FormatError struct {
	Offset  int    // of the field at fault; -1 where it is not known
	Message string // the message that the field is in
	Reason  string // what is wrong and what would be right
}

// Error names the message, the position and the reason.
func (e *FormatError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("onnx: %s: %s", e.Message, e.Reason)
	}
	return fmt.Sprintf("onnx: %s at byte %d: %s", e.Message, e.Offset, e.Reason)
}
