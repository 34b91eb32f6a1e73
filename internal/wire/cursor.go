package wire

import (
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/internal/canon"
)

// UnknownBytesMax bounds what of an envelope is read and dropped, header and fills together: fields that this release
// does not know, and fields that come again where the last one counts.
const UnknownBytesMax = 4 << 10

// cursor reads one message: b[pos:end] of the input. After the first error it reads nothing more, so that a caller
// checks once, at the end. It takes any valid protobuf, and notes in foreign that the canonical form of the same
// content has other bytes.
type cursor struct {
	b        []byte
	pos, end int
	field    string    // what is being read, for errors
	fill     int       // of which fill, from 1; 0 outside of fills
	known    [2]PeerID // peers whose text need not be made again
	foreign  bool      // something was not in the canonical form
	dropped  int       // bytes of what was read and dropped
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

// varint reads one varint.
func (c *cursor) varint() uint64 {
	if c.err != nil {
		return 0
	}
	x, next, form := canon.Varint(c.b, c.pos, c.end)
	if form == canon.Broken {
		c.fail(c.pos, "want a varint of at most 64 bits")
		return 0
	}
	c.foreign = c.foreign || form == canon.Longer
	c.pos = next
	return x
}

// number reads the varint of a field, which the canonical form leaves out where it is zero.
func (c *cursor) number(top uint64) uint64 {
	at := c.pos
	x := c.varint()
	if c.err == nil && x > top {
		c.fail(at, "%d, want at most %d", x, top)
	}
	c.foreign = c.foreign || x == 0
	return x
}

// truth reads the varint of a truth value: protobuf takes every number but zero for true.
func (c *cursor) truth() bool {
	x := c.number(math.MaxUint64)
	c.foreign = c.foreign || x > 1
	return x != 0
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

// limited is part with a cap on its size; empty says whether the canonical form has it where it is empty.
func (c *cursor) limited(limit string, most int, empty bool) []byte {
	lo, hi := c.part()
	switch {
	case c.err != nil:
		return nil
	case hi-lo > most:
		c.err = &LimitError{limit, hi - lo, most}
		return nil
	}
	c.foreign = c.foreign || hi == lo && !empty
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

// tag reads the tag of the next field.
func (c *cursor) tag() (protowire.Number, protowire.Type) {
	at := c.pos
	num, wt := protowire.DecodeTag(c.varint())
	if c.err == nil && !num.IsValid() {
		c.fail(at, "%d is no field number", num)
	}
	return num, wt
}

// skip passes over a field that is not known, or not with this wire type; its tag began at at. What is skipped costs
// its bytes and no more.
func (c *cursor) skip(at int, num protowire.Number, wt protowire.Type) {
	if c.err != nil {
		return
	}
	window := c.b[c.pos:min(c.end, c.pos+UnknownBytesMax)]
	n := protowire.ConsumeFieldValue(num, wt, window)
	if n < 0 && len(window) == c.end-c.pos {
		c.fail(at, "field %d of wire type %d is not known, and no protobuf: %v", num, wt, protowire.ParseError(n))
		return
	}
	if n < 0 {
		n = UnknownBytesMax + 1
	}
	c.pos = min(c.pos+n, c.end)
	c.drop(c.pos - at)
}

// drop counts bytes that are read and dropped.
func (c *cursor) drop(n int) {
	c.foreign = true
	if c.dropped += n; c.err == nil && c.dropped > UnknownBytesMax {
		c.err = &LimitError{"UnknownBytesMax", c.dropped, UnknownBytesMax}
	}
}

// fieldSet is which fields of a message were there, and the last of them.
type fieldSet struct {
	seen uint64
	last protowire.Number
}

// note notes a field that was read whole, from at on. One that comes once replaces the one before it.
func (s *fieldSet) note(c *cursor, num protowire.Number, at int, repeated bool) {
	c.foreign = c.foreign || num < s.last || num == s.last && !repeated
	if s.seen&(1<<num) != 0 && !repeated {
		c.drop(c.pos - at)
	}
	s.seen, s.last = s.seen|1<<num, num
}

// message reads a message of fields that come once each: take gives each its place, and says whether it is known with
// its wire type. Several parts of one message are one, as protobuf has it; an empty part is as good as none.
func (c *cursor) message(take func(num protowire.Number, wt protowire.Type) bool) {
	lo, hi := c.part()
	if c.err != nil {
		return
	}
	c.foreign = c.foreign || lo == hi
	end := c.end
	c.pos, c.end = lo, hi
	var set fieldSet
	for c.more() {
		at := c.pos
		num, wt := c.tag()
		switch {
		case c.err != nil:
		case take(num, wt):
			set.note(c, num, at, false)
		default:
			c.skip(at, num, wt)
		}
	}
	c.pos, c.end = hi, end
}

// varints is message for one that is made of numbers alone.
func (c *cursor) varints(take func(num protowire.Number) bool) {
	c.message(func(num protowire.Number, wt protowire.Type) bool { return wt == protowire.VarintType && take(num) })
}
