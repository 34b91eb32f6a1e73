package wire

import (
	"bytes"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// proofText says what a proof is.
const proofText = "a proof of a start has 64 bytes"

// proof reads a proof of a start.
func (c *cursor) proof() []byte {
	at := c.pos
	lo, hi := c.part()
	if c.err == nil && hi-lo != ProofBytes {
		c.fail(at, "%d bytes; %s", hi-lo, proofText)
	}
	if c.err != nil {
		return nil
	}
	return bytes.Clone(c.b[lo:hi])
}

// unsound says what is wrong with an origin, or "".
func (o Origin) unsound() string {
	if o != (Origin{}) && (o.Epoch == 0 || o.Number == 0) {
		return "an origin is a number of an epoch, both from 1"
	}
	return ""
}

func originSize(o Origin) int {
	return varintSize(numOriginEpoch, o.Epoch) + varintSize(numOriginNumber, o.Number) +
		varintSize(numOriginFresh, protowire.EncodeBool(o.Fresh))
}

func appendOrigin(b []byte, o Origin) []byte {
	if !o.IsSet() {
		return b
	}
	b = appendLen(b, numOrigin, originSize(o))
	b = appendVarint(b, numOriginEpoch, o.Epoch)
	b = appendVarint(b, numOriginNumber, o.Number)
	return appendVarint(b, numOriginFresh, protowire.EncodeBool(o.Fresh))
}

// origin reads the message of an origin.
func (c *cursor) origin() Origin {
	lo, hi := c.part()
	in := cursor{b: c.b, pos: lo, end: hi, field: c.field, err: c.err}
	var o Origin
	var last protowire.Number
	for in.more() {
		at := in.pos
		num, wt := in.tag(last, 0)
		switch {
		case in.err != nil:
		case wt != protowire.VarintType:
			in.fail(at, "field %d of wire type %d is not known", num, wt)
		case num == numOriginEpoch:
			o.Epoch = in.nonzero(math.MaxUint64)
		case num == numOriginNumber:
			o.Number = in.nonzero(math.MaxUint64)
		case num == numOriginFresh:
			o.Fresh = in.nonzero(1) == 1
		default:
			in.fail(at, "field %d is not known", num)
		}
		last = num
	}
	if why := o.unsound(); in.err == nil && (why != "" || !o.IsSet()) {
		in.fail(lo, "an origin is a number of an epoch, both from 1")
	}
	c.err = in.err
	return o
}
