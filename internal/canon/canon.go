// Package canon reads the two things of which every format of the tree is made: varints, and parts that a varint
// measures. It says whether each is in its one shortest form, so that a reader of our own bytes can refuse any other,
// and a reader of a stranger's can note it.
//
// It allocates nothing and makes no errors: each format has errors of its own, which say what was read and where.
package canon

import "encoding/binary"

// Form is how something was written.
type Form uint8

// The forms.
const (
	Shortest Form = iota
	Longer        // sound, with a byte that the shortest form leaves out
	Broken        // no varint of at most 64 bits, or one that does not end where it should
	Beyond        // a part that claims more bytes than are there
)

// Varint reads the varint at b[pos:end] and returns where it ends. Of one that is Broken it returns pos.
func Varint(b []byte, pos, end int) (x uint64, next int, form Form) {
	if pos < end && b[pos] < 0x80 {
		return uint64(b[pos]), pos + 1, Shortest
	}
	return long(b, pos, end)
}

// long is Varint for one of several bytes.
func long(b []byte, pos, end int) (uint64, int, Form) {
	x, n := binary.Uvarint(b[pos:end])
	switch {
	case n <= 0:
		return 0, pos, Broken
	case b[pos+n-1] == 0:
		return x, pos + n, Longer
	}
	return x, pos + n, Shortest
}

// Signed returns the number that a zigzag varint stands for.
func Signed(x uint64) int64 { return int64(x>>1) ^ -int64(x&1) }

// Part reads a length at b[pos:end] and returns the bounds of what it measures, which lie within end. Of a part that is
// Beyond the bounds are where it would begin, and claim is what it claims.
func Part(b []byte, pos, end int) (lo, hi int, claim uint64, form Form) {
	n, lo, form := Varint(b, pos, end)
	switch {
	case form == Broken:
		return pos, pos, 0, form
	case n > uint64(end-lo):
		return lo, lo, n, Beyond
	}
	return lo, lo + int(n), n, form
}
