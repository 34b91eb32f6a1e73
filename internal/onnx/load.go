package onnx

import "google.golang.org/protobuf/proto"

// Load decodes a ModelProto from bytes that nobody vouches for. It measures
// the encoding first and allocates only once all of lim holds. The result
// shares no memory with b. Errors are *LimitError or *FormatError.
//
// Load checks the encoding, not the meaning: whether names resolve and tensors
// have the size that they claim is for those who use the model.
func Load(b []byte, lim Limits) (*ModelProto, error) {
	if err := scan(b, lim); err != nil {
		return nil, err
	}
	m := &ModelProto{}
	// The scan has bounded the depth; the decoder is told the same.
	opts := proto.UnmarshalOptions{RecursionLimit: lim.Depth + 1}
	if err := opts.Unmarshal(b, m); err != nil {
		return nil, &FormatError{Offset: -1, Message: "ModelProto", Reason: err.Error()}
	}
	return m, nil
}

// Marshal encodes a model deterministically: equal messages give equal bytes,
// on every machine, for one version of the protobuf module. The schema has no
// map fields; unknown fields follow the known ones in the order in which they
// were read. It fails with a *FormatError when m is nil or a string is not UTF-8.
func Marshal(m *ModelProto) ([]byte, error) {
	if m == nil {
		return nil, &FormatError{Offset: -1, Message: "ModelProto", Reason: "is nil; want a model"}
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, &FormatError{Offset: -1, Message: "ModelProto", Reason: err.Error()}
	}
	return b, nil
}
