// Package snapshot holds the schema of a node's state, as data only, and its canonical codec.
//
// The messages here are the public form of a snapshot: plain structs whose tags give protobuf field numbers. The
// packages above fill them and read them back; this package knows how they become bytes and that equal messages give
// equal bytes. The wire form is protobuf (formats/snapshot.proto is written from the types by a test), so that other
// languages read it with stock tools. Messages are plain data, not safe for concurrent change.
//
// Times are nanoseconds of the node's engine clock, which starts at zero when the node first starts and never goes
// back; they are stored as they are, because the clock's own reading is stored beside them and the host goes on from
// it.
//
// # The codec
//
// Marshal and Unmarshal work on any struct all of whose fields carry a tag: `snap:"7"` is field 7, `snap:"7,fixed"`
// stores the integers of the field in 4 or 8 bytes each, and `snap:"-"` says that the field is derived: it is not
// stored, and Unmarshal leaves it alone. A field without a tag, an unexported field, a map, or an interface other than
// value.Value is an error that names the field (a new field is refused until its author decides); CheckTags
// tells it for a whole type, without a value.
//
//	bool, unsigned integers       varint
//	signed integers               zigzag varint (sint32, sint64)
//	float32, float64              the bits, so that -0.0 and every NaN come back
//	string, []byte, [N]byte       bytes; strings must be UTF-8
//	struct, *struct               message; a pointer keeps presence, also of an empty struct
//	value.Value                   message {1: type id, 2: payload}; nil is absent, and in a list an empty message
//	slices of numbers, bools      packed
//	other slices                  one field per item
//
// There is one encoding per content: fields ascend by number, zero values are left out, varints are shortest. An empty
// slice and a nil one are the same content; Unmarshal gives nil. Unmarshal refuses all else, unknown fields included,
// so for every input b that it accepts, encoding the result gives b again.
package snapshot
