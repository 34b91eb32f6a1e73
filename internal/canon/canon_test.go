package canon

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// TestVarint holds the reader against two others, which know nothing of forms, over all forms of all lengths.
func TestVarint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 0x7f, 0x80, 0x81, 0xff}), 0, 12).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "sound") {
			b = append(binary.AppendUvarint(nil, rapid.Uint64().Draw(t, "x")), b...)
		}
		front := rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "front")
		all := append(bytes.Clone(front), b...)
		x, next, form := Varint(all, len(front), len(all))
		want, n := binary.Uvarint(b)
		other, m := protowire.ConsumeVarint(b)
		if (form == Broken) != (n <= 0) || (form == Broken) != (m < 0) {
			t.Fatalf("%x is of form %d; others read %d and %d bytes", b, form, n, m)
		}
		if form == Broken {
			if x != 0 || next != len(front) {
				t.Fatalf("%x is broken, and gave %d to %d", b, x, next)
			}
			return
		}
		if x != want || x != other || next != len(front)+n || (form == Shortest) != (n == protowire.SizeVarint(x)) {
			t.Fatalf("%x was read as %d, form %d, to %d; want %d of %d bytes", b, x, form, next, want, n)
		}
		if Signed(x) != protowire.DecodeZigZag(x) {
			t.Fatalf("%d stands for %d", x, Signed(x))
		}
	})
}

// TestPart: a part lies within what is there, whatever it claims.
func TestPart(t *testing.T) {
	for _, c := range []struct {
		b      []byte
		lo, hi int
		claim  uint64
		form   Form
	}{
		{[]byte{2, 7, 8}, 1, 3, 2, Shortest}, {[]byte{0}, 1, 1, 0, Shortest}, {[]byte{3, 7, 8}, 1, 1, 3, Beyond},
		{nil, 0, 0, 0, Broken},
		{[]byte{0x82, 0, 7, 8}, 2, 4, 2, Longer}, {[]byte{0x80}, 0, 0, 0, Broken},
		{[]byte{0x83, 0, 7, 8}, 2, 2, 3, Beyond},
		{append(binary.AppendUvarint(nil, math.MaxUint64), 1), 10, 10, math.MaxUint64, Beyond},
		{bytes.Repeat([]byte{0xff}, 11), 0, 0, 0, Broken},
	} {
		if lo, hi, claim, form := Part(c.b, 0, len(c.b)); lo != c.lo || hi != c.hi || claim != c.claim ||
			form != c.form {
			t.Errorf("%x: %d to %d, claims %d, form %d; want %+v", c.b, lo, hi, claim, form, c)
		}
	}
	if _, _, _, form := Part([]byte{2, 7, 8}, 0, 2); form != Beyond {
		t.Errorf("a part beyond the end of its message is of form %d", form)
	}
}
