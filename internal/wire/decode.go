package wire

import (
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/value"
)

// Decode reads an envelope with its fills. It keeps nothing of b. Errors are *VersionError, *LimitError and
// *FormatError; a fill that cannot be decoded is no error but a failure in its place (see the package comment).
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
	b       []byte // the whole input
	pos     int    // of the first fill's tag, or the end
	n       int    // how many fills there are
	foreign bool   // what was read so far is not in the canonical form
	dropped int    // bytes that were read and dropped so far
	err     error  // of what stands behind the first fill: it is told with the fills
}

// Raw returns the fills in wire form: a part of the input, in which other fields may stand between them where it is
// Foreign.
func (u *Undecoded) Raw() []byte { return u.b[u.pos:] }

// Foreign says whether what was read so far is another encoding of its content than the canonical one: after Decode, of
// the whole.
func (u *Undecoded) Foreign() bool { return u.foreign }

// Canonical returns the canonical form of an envelope that was read whole: the input where that is it. Payloads stay as
// they came. It is never longer than the input, and reads as the same envelope.
func (u *Undecoded) Canonical(e *Envelope) []byte {
	if !u.foreign {
		return u.b
	}
	b := appendHeader(make([]byte, 0, len(u.b)), e)
	n := len(u.b)
	all := Limits{EnvelopeBytes: n, SuffixBytes: n}
	c := cursor{b: u.b, pos: u.pos, end: n}
	for range u.n {
		in := c.nextFill(1, 0)
		p := in.parts(&all)
		b = appendLen(b, numFills, textSize(numFillSuffix, string(p.suffix))+textSize(numFillType,
			string(p.typ))+textSize(numFillPayload, string(p.payload)))
		b = appendBytes(appendBytes(appendBytes(b, numFillSuffix, p.suffix), numFillType, p.typ), numFillPayload,
			p.payload)
	}
	return b
}

// DecodeHeader reads an envelope up to its fills: e.Fills is nil until the caller sets it from Undecoded.Decode. It
// keeps nothing of b but what Undecoded refers to. Errors are *VersionError, *LimitError and *FormatError.
func DecodeHeader(b []byte, lim Limits) (*Envelope, Undecoded, error) {
	e := &Envelope{}
	u, err := DecodeHeaderInto(e, b, &lim, [2]PeerID{})
	if err != nil {
		return nil, Undecoded{}, err
	}
	return e, u, nil
}

// DecodeHeaderInto is DecodeHeader into an empty envelope, whose fills keep their room. Sender and receiver that are
// known share their text. After an error the content of the envelope means nothing.
func DecodeHeaderInto(e *Envelope, b []byte, lim *Limits, known [2]PeerID) (Undecoded, error) {
	if len(b) > lim.EnvelopeBytes {
		return Undecoded{}, &LimitError{"EnvelopeBytes", len(b), lim.EnvelopeBytes}
	}
	c := cursor{b: b, end: len(b), field: "header", known: known}
	u := Undecoded{b: b, pos: len(b)}
	var set fieldSet
	for c.more() {
		at := c.pos
		c.field = "header"
		num, wt := c.tag()
		switch {
		case c.err != nil:
		case wt != wireType(num):
			c.skip(at, num, wt)
		case num == numFills:
			if u.n == 0 {
				u.pos = at
			}
			c.field = fieldNames[numFills]
			c.part()
			if u.n++; c.err == nil && u.n > lim.Fills {
				c.err = &LimitError{"Fills", u.n, lim.Fills}
			}
		default:
			c.foreign = c.foreign || u.n > 0 // the fills are last
			c.field = fieldNames[num]
			e.header(&c, num, lim)
			set.note(&c, num, at, num == numSource || num == numLives)
		}
	}
	if u.n > 0 {
		u.err, c.err = c.err, nil
	}
	e.checkHeader(&c, u.n)
	u.foreign, u.dropped = c.foreign, c.dropped
	return u, c.err
}

// checkHeader holds the fields of the header against each other, when all were read: its parts may have come in any
// order.
func (e *Envelope) checkHeader(c *cursor, fills int) {
	if c.err != nil {
		return
	}
	bad := func(num int, why string) {
		c.field = fieldNames[num]
		c.fail(0, "%s", why)
	}
	switch {
	case e.Version == 0:
		bad(numVersion, "an envelope has a version, from 1")
	case e.Ack != 0 && e.AckEpoch == 0:
		bad(numAck, "an acknowledgement names the epoch that it is of")
	case e.Request.Epoch != 0 && !e.Request.IsSet():
		bad(numRequest, requestText)
	case e.Answer.Epoch != 0 && !e.Answer.IsSet():
		bad(numAnswer, requestText)
	case e.Notice.unsound() != "":
		bad(numNotice, e.Notice.unsound())
	case e.Origin.unsound() != "":
		bad(numOrigin, e.Origin.unsound())
	case e.Notice.Refuses() && (e.Number != 0 || fills > 0):
		bad(numNotice, aloneText)
	}
	if v := e.version(); e.Version != v { // which follows from the content
		e.Version, c.foreign = v, true
	}
}

// header reads one field of the header.
func (e *Envelope) header(c *cursor, num protowire.Number, lim *Limits) {
	switch num {
	case numVersion:
		if e.Version = uint32(c.number(math.MaxUint32)); c.err == nil && e.Version > CurrentVersion {
			c.err = &VersionError{e.Version, CurrentVersion}
		}
	case numFrom:
		e.From = c.peer()
	case numTo:
		e.To = c.peer()
	case numDigest:
		lo, hi := c.part()
		e.Digest = [32]byte{}
		if copy(e.Digest[:], c.b[lo:hi]) != hi-lo || hi != lo && (hi-lo != len(e.Digest) || e.Digest == [32]byte{}) {
			c.fail(lo, "want 32 bytes that are not all zero")
		}
		c.foreign = c.foreign || hi == lo
	case numIncarnation:
		e.Incarnation = c.number(math.MaxUint64)
	case numEpoch:
		e.Epoch = c.number(math.MaxUint64)
	case numNumber:
		e.Number = c.number(math.MaxUint64)
	case numRedelivered:
		e.Redelivered = c.truth()
	case numAckEpoch:
		e.AckEpoch = c.number(math.MaxUint64)
	case numAck:
		e.Ack = c.number(math.MaxUint64)
	case numEdge:
		at := c.pos
		n := protowire.DecodeZigZag(c.number(math.MaxUint64))
		if n < -1 || n > math.MaxInt32 {
			c.fail(at, "edge %d, want an edge, or -1 for none", n)
		}
		e.Edge = int32(n)
	case numRequest:
		c.request(&e.Request)
	case numAnswer:
		c.request(&e.Answer)
	case numDeadline:
		e.Deadline = int64(c.number(math.MaxInt64))
	case numSource:
		if len(e.Source) >= lim.Addresses {
			c.err = &LimitError{"Addresses", len(e.Source) + 1, lim.Addresses}
			return
		}
		e.Source = append(e.Source, c.text("AddressBytes", lim.AddressBytes, true))
	case numTrace:
		e.Trace = append([]byte(nil), c.limited("TraceBytes", lim.TraceBytes, false)...)
	case numBase:
		e.Base = c.number(math.MaxUint64)
	case numNotice:
		c.notice(&e.Notice)
	case numStart:
		e.Start = c.number(math.MaxUint64)
	case numProof:
		e.Proof = c.proof()
	case numOrigin:
		c.origin(&e.Origin)
	case numBefore:
		e.Before = c.number(math.MaxUint64)
	case numGreets:
		e.Greets = c.truth()
	case numHeard:
		e.Heard = c.number(math.MaxUint64)
	case numLives:
		if len(e.Lives) >= LivesMax {
			c.err = &LimitError{"Lives", len(e.Lives) + 1, LivesMax}
			return
		}
		e.Lives = append(e.Lives, c.life())
	}
}

const requestText = "a request has a number from 1"

// request reads a part of the message of a question.
func (c *cursor) request(r *Request) {
	c.varints(func(num protowire.Number) bool {
		switch num {
		case numRequestEpoch:
			r.Epoch = c.number(math.MaxUint64)
		case numRequestID:
			r.ID = c.number(math.MaxUint64)
		default:
			return false
		}
		return true
	})
}

// Decode reads the fills. Their number was checked before anything is allocated (trap hostile-length). A fill whose
// payload is too large, of an unknown type or malformed comes as a failure; all else that is wrong is an error.
func (u *Undecoded) Decode(reg *value.Registry, lim Limits) ([]Fill, error) {
	return u.DecodeInto(nil, reg, &lim)
}

// DecodeInto is Decode into room, which is empty; it is used where it suffices.
func (u *Undecoded) DecodeInto(room []Fill, reg *value.Registry, lim *Limits) ([]Fill, error) {
	if u.err != nil {
		return room, u.err
	}
	if u.n > lim.Fills {
		return room, &LimitError{"Fills", u.n, lim.Fills}
	}
	if u.n == 0 {
		return room, nil
	}
	fills := room
	if cap(room) < u.n {
		fills = make([]Fill, u.n)
	}
	fills = fills[:u.n]
	c := cursor{b: u.b, pos: u.pos, end: len(u.b)}
	for i := range fills {
		in := c.nextFill(i+1, u.dropped)
		fills[i] = in.readFill(reg, lim)
		if in.err != nil {
			return nil, in.err
		}
		u.foreign, u.dropped = u.foreign || in.foreign, in.dropped
	}
	return fills, nil
}

// nextFill passes over what stands before the next fill, which the reading of the header has seen, and returns a cursor
// of that fill.
func (c *cursor) nextFill(index, dropped int) cursor {
	for {
		num, wt := c.tag()
		if c.err != nil || num == numFills && wt == protowire.BytesType {
			break
		}
		n := protowire.ConsumeFieldValue(num, wt, c.b[c.pos:c.end])
		if n < 0 {
			c.fail(c.pos, "want protobuf")
			break
		}
		c.pos += n
	}
	lo, hi := c.part()
	return cursor{b: c.b, pos: lo, end: hi, fill: index, foreign: c.foreign, dropped: dropped, err: c.err}
}

// fillParts are the fields of a fill, within the input.
type fillParts struct {
	suffix, typ, payload []byte
	at                   int // of the suffix
}

// parts reads the fields of a fill, which is the whole message of c.
func (c *cursor) parts(lim *Limits) (p fillParts) {
	p.at = c.pos
	var set fieldSet
	for c.more() {
		at := c.pos
		num, wt := c.tag()
		switch {
		case c.err != nil:
			continue
		case wt != protowire.BytesType || num > numFillPayload:
			c.skip(at, num, wt)
			continue
		case num == numFillSuffix:
			c.field, p.at = "suffix", c.pos
			p.suffix = c.limited("SuffixBytes", lim.SuffixBytes, false)
		case num == numFillType:
			c.field = "type"
			p.typ = c.limited("SuffixBytes", lim.SuffixBytes, false)
			if !utf8.Valid(p.typ) {
				c.fail(at, "want UTF-8 text")
			}
		case num == numFillPayload:
			c.field = "payload"
			p.payload = c.limited("EnvelopeBytes", lim.EnvelopeBytes, false)
		}
		set.note(c, num, at, false)
	}
	return p
}

// readFill reads one fill, which is the whole message of c.
func (c *cursor) readFill(reg *value.Registry, lim *Limits) Fill {
	var f Fill
	p := c.parts(lim)
	if c.err != nil {
		return f
	}
	c.field = "suffix"
	if why := parseSuffix(string(p.suffix), &f); why != "" {
		c.fail(p.at, "%s", why)
		return f
	}
	switch {
	case len(p.typ) > 0:
		f.decode(reg, value.Known(p.typ), p.payload, lim)
	case len(p.payload) > 0:
		c.field = "type"
		c.fail(p.at, "a payload has a type")
	}
	return f
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
