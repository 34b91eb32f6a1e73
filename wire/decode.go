package wire

import (
	"bytes"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/value"
)

// Decode reads an envelope with its fills. It keeps nothing of b. Errors are *VersionError, *LimitError and *FormatError; a
// fill that cannot be decoded is no error but a failure in its place (see the package comment).
func Decode(b []byte, reg *value.Registry, lim Limits) (*Envelope, error) {
	e, u, err := DecodeHeader(b, lim)
	if err != nil {
		return nil, err
	}
	if e.Fills, err = u.Decode(reg, lim); err != nil {
		return nil, err
	}
	return e, nil
}

// Undecoded is the part of an envelope that holds the fills, which nobody has looked into yet. It refers to the input.
type Undecoded struct {
	b   []byte // the whole input
	pos int    // of the first fill's tag, or the end
}

// Raw returns the fills in wire form: a part of the input.
func (u Undecoded) Raw() []byte { return u.b[u.pos:] }

// DecodeHeader reads an envelope up to its fills: e.Fills is nil until the caller sets it from Undecoded.Decode. It keeps
// nothing of b but what Undecoded refers to. Errors are *VersionError, *LimitError and *FormatError.
func DecodeHeader(b []byte, lim Limits) (*Envelope, Undecoded, error) {
	e := &Envelope{}
	u, err := DecodeHeaderInto(e, b, &lim, [2]PeerID{})
	if err != nil {
		return nil, Undecoded{}, err
	}
	return e, u, nil
}

// DecodeHeaderInto is DecodeHeader into an empty envelope, whose fills keep their room. Sender and receiver that are known
// share their text. After an error the content of the envelope means nothing.
func DecodeHeaderInto(e *Envelope, b []byte, lim *Limits, known [2]PeerID) (Undecoded, error) {
	if len(b) > lim.EnvelopeBytes {
		return Undecoded{}, &LimitError{"EnvelopeBytes", len(b), lim.EnvelopeBytes}
	}
	c := cursor{b: b, end: len(b), field: "version", known: known}
	if num, wt := c.tag(0, 0); num != numVersion || wt != protowire.VarintType {
		c.fail(0, "an envelope starts with its version")
	}
	if e.Version = uint32(c.nonzero(math.MaxUint32)); c.err == nil && e.Version > CurrentVersion {
		c.err = &VersionError{e.Version, CurrentVersion}
	}
	last, later, rest := protowire.Number(numVersion), protowire.Number(numFills), len(b)
	for c.more() {
		at := c.pos
		c.field = "header"
		num, wt := c.tag(last, numSource)
		if c.err == nil && num == numFills {
			rest = at
			break
		}
		if c.err == nil && (wt != wireType(num) || versionOf(num) > e.Version) {
			c.fail(at, "field %d of wire type %d is not known to version %d", num, wt, e.Version)
		}
		if c.err == nil {
			c.field = fieldNames[num]
			e.header(&c, num, lim)
		}
		if last = num; num > numFills { // the fields of later versions stand before the fills, among themselves in order
			if c.err == nil && (num < later || num == later && num != numLives) {
				c.fail(at, "field %d after field %d; each comes once, ascending", num, later)
			}
			last, later = numBase, num
		}
	}
	if c.err == nil && e.Ack != 0 && e.AckEpoch == 0 {
		c.field = fieldNames[numAck]
		c.fail(rest, "an acknowledgement names the epoch that it is of")
	}
	e.checkLater(&c)
	return Undecoded{b, rest}, c.err
}

// checkLater holds the version and the rest of the header against the fields of later versions, when all of the header was read.
func (e *Envelope) checkLater(c *cursor) {
	switch {
	case c.err != nil:
	case e.Version != e.version():
		c.field = fieldNames[numVersion]
		c.fail(0, "an envelope with this content is of version %d", e.version())
	case e.Notice.Refuses() && (e.Number != 0 || c.pos < c.end):
		c.field = fieldNames[numNotice]
		c.fail(c.pos, aloneText)
	}
}

// header reads one field of the header.
func (e *Envelope) header(c *cursor, num protowire.Number, lim *Limits) {
	switch num {
	case numFrom:
		e.From = c.peer()
	case numTo:
		e.To = c.peer()
	case numDigest:
		lo, hi := c.part()
		if copy(e.Digest[:], c.b[lo:hi]) != hi-lo || hi-lo != len(e.Digest) || e.Digest == [32]byte{} {
			c.fail(lo, "want 32 bytes that are not all zero")
		}
	case numIncarnation:
		e.Incarnation = c.nonzero(math.MaxUint64)
	case numEpoch:
		e.Epoch = c.nonzero(math.MaxUint64)
	case numNumber:
		e.Number = c.nonzero(math.MaxUint64)
	case numRedelivered:
		e.Redelivered = c.nonzero(1) == 1
	case numAckEpoch:
		e.AckEpoch = c.nonzero(math.MaxUint64)
	case numAck:
		e.Ack = c.nonzero(math.MaxUint64)
	case numEdge:
		at := c.pos
		n := protowire.DecodeZigZag(c.nonzero(math.MaxUint64))
		if n < -1 || n > math.MaxInt32 {
			c.fail(at, "edge %d, want an edge, or -1 for none", n)
		}
		e.Edge = int32(n)
	case numRequest:
		e.Request = c.request()
	case numAnswer:
		e.Answer = c.request()
	case numDeadline:
		e.Deadline = int64(c.nonzero(math.MaxInt64))
	case numSource:
		if len(e.Source) >= lim.Addresses {
			c.err = &LimitError{"Addresses", len(e.Source) + 1, lim.Addresses}
			return
		}
		e.Source = append(e.Source, c.text("AddressBytes", lim.AddressBytes, true))
	case numTrace:
		e.Trace = bytes.Clone(c.limited("TraceBytes", lim.TraceBytes, false))
	case numBase:
		e.Base = c.nonzero(math.MaxUint64)
	case numNotice:
		e.Notice = c.notice()
	case numStart:
		e.Start = c.nonzero(math.MaxUint64)
	case numProof:
		e.Proof = c.proof()
	case numOrigin:
		e.Origin = c.origin()
	case numBefore:
		e.Before = c.nonzero(math.MaxUint64)
	case numGreets:
		e.Greets = c.nonzero(1) == 1
	case numHeard:
		e.Heard = c.nonzero(math.MaxUint64)
	case numLives:
		if len(e.Lives) >= LivesMax {
			c.err = &LimitError{"Lives", len(e.Lives) + 1, LivesMax}
			return
		}
		e.Lives = append(e.Lives, c.life())
	}
}

// request reads the message of a question.
func (c *cursor) request() (r Request) {
	lo := c.varints(func(num protowire.Number) bool {
		switch num {
		case numRequestEpoch:
			r.Epoch = c.nonzero(math.MaxUint64)
		case numRequestID:
			r.ID = c.nonzero(math.MaxUint64)
		default:
			return false
		}
		return true
	})
	if c.err == nil && !r.IsSet() {
		c.fail(lo, "a request has a number from 1")
	}
	return r
}

// Decode reads the fills. Their number is checked before anything is allocated (trap 19). A fill whose payload is too large,
// of an unknown type or malformed comes as a failure; all else that is wrong is an error.
func (u Undecoded) Decode(reg *value.Registry, lim Limits) ([]Fill, error) {
	return u.DecodeInto(nil, reg, &lim)
}

// DecodeInto is Decode into room, which is empty; it is used where it suffices.
func (u Undecoded) DecodeInto(room []Fill, reg *value.Registry, lim *Limits) ([]Fill, error) {
	n, err := u.count(lim)
	if err != nil || n == 0 {
		return room, err
	}
	fills := room
	if cap(room) < n {
		fills = make([]Fill, n)
	}
	fills = fills[:n]
	c := cursor{b: u.b, pos: u.pos, end: len(u.b)}
	for i := range fills {
		c.varint() // the tag, which count has seen
		lo, hi := c.part()
		in := cursor{b: u.b, pos: lo, end: hi, fill: i + 1, err: c.err}
		fills[i] = in.readFill(reg, lim)
		if in.err != nil {
			return nil, in.err
		}
	}
	return fills, nil
}

// count returns how many fills there are, and checks that there is nothing else.
func (u Undecoded) count(lim *Limits) (int, error) {
	c := cursor{b: u.b, pos: u.pos, end: len(u.b), field: fieldNames[numFills]}
	n := 0
	for c.more() {
		at := c.pos
		num, wt := c.tag(numFills, numFills)
		if c.err == nil && (num != numFills || wt != protowire.BytesType) {
			c.fail(at, "field %d of wire type %d is not known", num, wt)
		}
		c.part()
		n++
	}
	if c.err == nil && n > lim.Fills {
		c.err = &LimitError{"Fills", n, lim.Fills}
	}
	return n, c.err
}

// readFill reads one fill, which is the whole message of c.
func (c *cursor) readFill(reg *value.Registry, lim *Limits) Fill {
	var f Fill
	c.expect("suffix", 0, numFillSuffix)
	at := c.pos
	suffix := c.limited("SuffixBytes", lim.SuffixBytes, false)
	if c.err == nil {
		if why := parseSuffix(string(suffix), &f); why != "" {
			c.fail(at, "%s", why)
		}
	}
	if !c.more() {
		return f
	}
	c.expect("type", numFillSuffix, numFillType)
	at = c.pos
	name := c.limited("SuffixBytes", lim.SuffixBytes, false)
	if !utf8.Valid(name) {
		c.fail(at, "want UTF-8 text")
	}
	var payload []byte
	if c.more() {
		c.expect("payload", numFillType, numFillPayload)
		payload = c.limited("EnvelopeBytes", lim.EnvelopeBytes, false)
		if c.more() {
			c.fail(c.pos, "nothing follows the payload of a fill")
		}
	}
	if c.err == nil {
		f.decode(reg, value.Known(name), payload, lim)
	}
	return f
}

// expect reads the tag of a field of a fill: the one that must come next after last.
func (c *cursor) expect(name string, last, want protowire.Number) {
	c.field = name
	at := c.pos
	if num, wt := c.tag(last, 0); c.err == nil && (num != want || wt != protowire.BytesType) {
		c.fail(at, "field %d of wire type %d where field %d of type 2 is wanted", num, wt, want)
	}
}

// decode sets the value of f from its payload, or to a failure where that is not possible.
func (f *Fill) decode(reg *value.Registry, typ value.TypeID, b []byte, lim *Limits) {
	var err error
	if len(b) > lim.FillBytes {
		err = &LimitError{"FillBytes", len(b), lim.FillBytes}
	} else {
		f.Value, err = reg.Decode(typ, b, lim.Values)
	}
	if err != nil {
		f.Value = value.Fail(CodeUndecodable, string(appendSuffix(nil, f)), err.Error())
	}
}
