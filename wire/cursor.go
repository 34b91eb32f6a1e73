package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// cursor reads one message: b[pos:end] of the input. After the first error it reads nothing more, so that a caller checks
// once, at the end.
type cursor struct {
	b        []byte
	pos, end int
	field    string    // what is being read, for errors
	fill     int       // of which fill, from 1; 0 outside of fills
	known    [2]PeerID // peers whose text need not be made again
	err      error
}

func (c *cursor) more() bool { return c.err == nil && c.pos < c.end }

func (c *cursor) fail(at int, format string, args ...any) {
	if c.err == nil {
		field := c.field
		if c.fill > 0 {
			field = fmt.Sprintf("fills[%d].%s", c.fill-1, field)
		}
		c.err = &FormatError{field, at, fmt.Sprintf(format, args...)}
	}
	c.pos = c.end
}

// varint reads one shortest varint.
func (c *cursor) varint() uint64 {
	if c.err != nil {
		return 0
	}
	x, n := binary.Uvarint(c.b[c.pos:c.end])
	if n <= 0 || n > 1 && c.b[c.pos+n-1] == 0 {
		c.fail(c.pos, "want a shortest varint of at most 64 bits")
		return 0
	}
	c.pos += n
	return x
}

// nonzero reads the varint of a field, which is left out where it is zero.
func (c *cursor) nonzero(top uint64) uint64 {
	at := c.pos
	x := c.varint()
	if c.err == nil && (x == 0 || x > top) {
		c.fail(at, "%d, want 1 to %d; zero is left out", x, top)
	}
	return x
}

// part reads a length and returns the bounds of what it measures, which lie within the message.
func (c *cursor) part() (lo, hi int) {
	at := c.pos
	n := c.varint()
	if c.err == nil && n > uint64(c.end-c.pos) {
		c.fail(at, "a part of %d bytes where %d are left", n, c.end-c.pos)
	}
	if c.err != nil {
		return c.end, c.end
	}
	lo = c.pos
	c.pos += int(n)
	return lo, c.pos
}

// limited is part with a cap on its size; empty says whether it may be empty.
func (c *cursor) limited(limit string, most int, empty bool) []byte {
	lo, hi := c.part()
	switch {
	case c.err != nil:
		return nil
	case hi-lo > most:
		c.err = &LimitError{limit, hi - lo, most}
		return nil
	case hi == lo && !empty:
		c.fail(lo, "an empty field is left out")
	}
	return c.b[lo:hi]
}

// text is limited for UTF-8 text.
func (c *cursor) text(limit string, most int, empty bool) string {
	at := c.pos
	p := c.limited(limit, most, empty)
	if !utf8.Valid(p) {
		c.fail(at, "want UTF-8 text")
		return ""
	}
	return string(p)
}

// peer reads a peer id; one that is known shares its text.
func (c *cursor) peer() PeerID {
	at := c.pos
	p := c.limited("PeerIDBytesMax", PeerIDBytesMax, false)
	if !utf8.Valid(p) { // also one that is known: a transport may have let anything in
		c.fail(at, "want UTF-8 text")
		return ""
	}
	for _, k := range c.known {
		if string(p) == string(k) {
			return k
		}
	}
	return PeerID(p)
}

// tag reads the tag of the next field, which must come after the field last, or be it again where it is repeated.
func (c *cursor) tag(last, repeated protowire.Number) (protowire.Number, protowire.Type) {
	at := c.pos
	num, wt := protowire.DecodeTag(c.varint())
	if c.err == nil && !num.IsValid() {
		c.fail(at, "%d is no field number", num)
	}
	if c.err == nil && (num < last || num == last && num != repeated) {
		c.fail(at, "field %d after field %d; each comes once, ascending", num, last)
	}
	return num, wt
}

// message reads a message of fields that come once each, ascending: take gives each its place, and says whether it is known with its wire
// type. It returns where the message begins.
func (c *cursor) message(take func(num protowire.Number, wt protowire.Type) bool) int {
	lo, hi := c.part()
	if c.err != nil {
		return lo
	}
	end := c.end
	c.pos, c.end = lo, hi
	var last protowire.Number
	for c.more() {
		at := c.pos
		num, wt := c.tag(last, 0)
		switch {
		case c.err != nil || take(num, wt):
		case wt == protowire.VarintType:
			c.fail(at, "field %d is not known", num)
		default:
			c.fail(at, "field %d of wire type %d is not known", num, wt)
		}
		last = num
	}
	c.pos, c.end = hi, end
	return lo
}

// varints is message for one that is made of numbers alone.
func (c *cursor) varints(take func(num protowire.Number) bool) int {
	return c.message(func(num protowire.Number, wt protowire.Type) bool { return wt == protowire.VarintType && take(num) })
}
