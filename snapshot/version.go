package snapshot

import "encoding/binary"

// SpecVersionOf reads the version of the schema from the encoding of a NodeSnapshot without decoding the rest, which
// another version may have written in a form that this one does not know. It returns false where the encoding does not
// begin with one.
func SpecVersionOf(b []byte) (uint32, bool) {
	if len(b) == 0 || b[0] != 1<<3 { // field 1, a varint
		return 0, false
	}
	v, n := binary.Uvarint(b[1:])
	return uint32(v), n > 0 && v <= 1<<32-1
}
