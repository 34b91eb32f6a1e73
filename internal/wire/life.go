package wire

import (
	"bytes"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// proofText says what a proof is.
const proofText = "a proof of a start has 64 bytes"

// proof reads a proof of a start, or an empty field.
func (c *cursor) proof() []byte {
	at := c.pos
	lo, hi := c.part()
	if c.foreign = c.foreign || lo == hi; c.err == nil && hi != lo && hi-lo != ProofBytes {
		c.fail(at, "%d bytes; %s", hi-lo, proofText)
	}
	if c.err != nil || lo == hi {
		return nil
	}
	return bytes.Clone(c.b[lo:hi])
}

// originText says what an origin is.
const originText = "an origin is a number of an epoch, both from 1"

// unsound says what is wrong with an origin, or "".
func (o Origin) unsound() string {
	if o != (Origin{}) && (o.Epoch == 0 || o.Number == 0) {
		return originText
	}
	return ""
}

func originSize(o Origin) int {
	return varintSize(numOriginEpoch, o.Epoch) + varintSize(numOriginNumber, o.Number) +
		varintSize(numOriginStart, o.Start)
}

func appendOrigin(b []byte, o Origin) []byte {
	if !o.IsSet() {
		return b
	}
	b = appendLen(b, numOrigin, originSize(o))
	b = appendVarint(b, numOriginEpoch, o.Epoch)
	b = appendVarint(b, numOriginNumber, o.Number)
	return appendVarint(b, numOriginStart, o.Start)
}

// origin reads a part of the message of an origin.
func (c *cursor) origin(o *Origin) {
	c.varints(func(num protowire.Number) bool {
		switch num {
		case numOriginEpoch:
			o.Epoch = c.number(math.MaxUint64)
		case numOriginNumber:
			o.Number = c.number(math.MaxUint64)
		case numOriginStart:
			o.Start = c.number(math.MaxUint64)
		default:
			return false
		}
		return true
	})
}

// livesText says what earlier lives are.
const livesText = "want at most 8 lives, each with a start"

func lifeSize(l Life) int {
	return varintSize(numLifeStart, l.Start) + varintSize(numLifeBefore, l.Before)
}

func livesSize(lives []Life) (n int) {
	for _, l := range lives {
		n += bytesSize(numLives, lifeSize(l))
	}
	return n
}

func appendLives(b []byte, lives []Life) []byte {
	for _, l := range lives {
		b = appendLen(b, numLives, lifeSize(l))
		b = appendVarint(appendVarint(b, numLifeStart, l.Start), numLifeBefore, l.Before)
	}
	return b
}

// life reads the message of an earlier life.
func (c *cursor) life() (l Life) {
	at := c.pos
	c.varints(func(num protowire.Number) bool {
		switch num {
		case numLifeStart:
			l.Start = c.number(math.MaxUint64)
		case numLifeBefore:
			l.Before = c.number(math.MaxUint64)
		default:
			return false
		}
		return true
	})
	if c.err == nil && l.Start == 0 {
		c.fail(at, "an earlier life has a start")
	}
	return l
}
