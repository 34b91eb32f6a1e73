package tensor

// MaxRank is the greatest rank that any tensor has; ONNX models stay well
// below it.
const MaxRank = 16

// Limits bounds what [Parse] and [FromProto] accept, inclusively; a zero bound
// admits nothing above zero of its kind.
type Limits struct {
	Elements int // in the tensor
	Bytes    int // of its payload in memory
	Rank     int // dimensions; MaxRank holds too
}

// DefaultLimits returns bounds that fit any parameter of a model on one
// machine: 2^27 elements, 512 MiB. A door to the network wants less.
func DefaultLimits() Limits {
	return Limits{Elements: 1 << 27, Bytes: 512 << 20, Rank: MaxRank}
}

// admit checks a tensor of n elements of type d against the limits.
func (l Limits) admit(n int, d DType) error {
	if n > l.Elements {
		return &LimitError{What: "Elements", Got: n, Max: l.Elements}
	}
	// n is at most maxElements, so the product does not overflow.
	if b := n * d.Size(); b > l.Bytes {
		return &LimitError{What: "Bytes", Got: b, Max: l.Bytes}
	}
	return nil
}
