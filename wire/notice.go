package wire

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// NoticeKind says what a Notice is about.
type NoticeKind uint8

// The kinds of notices. All but NoticePressure say that an envelope of the receiver was refused.
const (
	NoticeNone        NoticeKind = iota
	NoticePressure               // the sender of the notice has little room for data of the receiver, or has room again
	NoticeStale                  // the envelope was of an older incarnation than was seen
	NoticeDigest                 // the envelope was of another artifact
	NoticeNotAdmitted            // the governor does not admit the receiver
	NoticeAhead                  // the envelope's life gives out numbers that were taken from a life before it: its directory went back
	noticeKinds
)

var noticeNames = [noticeKinds]string{"none", "pressure", "stale incarnation", "wrong digest", "not admitted", "went back"}

// String returns the kind in words.
func (k NoticeKind) String() string {
	if k >= noticeKinds {
		return "unknown"
	}
	return noticeNames[k]
}

// Notice is what one node tells another about what it gets from it: how much room it has, or that and why it refused something.
// The zero Notice is none. It is best effort, and for what the receiver of the notice sends to its sender (trap 15).
type Notice struct {
	Kind  NoticeKind
	Level uint32 // of pressure: percent of the room that is taken; 0: there is room again
	Hold  int64  // of pressure: nanoseconds for which data is to be held at most, unless a later notice comes; 0 with level 0
	Seen  uint64 // of a stale incarnation: the newest one that was seen; of one that went back: the one that is refused

	// Of the life that was seen in place of the receiver's: when it began, as in Envelope.Start, and the proof of that; both may be
	// missing.
	SeenStart uint64
	SeenProof []byte
}

// Refuses says whether the notice is a refusal. Such a notice travels alone.
func (n Notice) Refuses() bool { return n.Kind > NoticePressure }

// unsound says what is wrong with a notice, or "".
func (n Notice) unsound() string {
	pressure := n.Kind == NoticePressure
	switch {
	case n.Kind >= noticeKinds:
		return "this kind of notice is not known"
	case n.Level > 100 || n.Hold < 0 || (n.Level == 0) != (n.Hold == 0) || !pressure && n.Level != 0:
		return "pressure has a level from 1 to 100 and a time to hold, or neither; nothing else has them"
	case (n.Seen != 0) != (n.Kind == NoticeStale || n.Kind == NoticeAhead):
		return "a stale incarnation has the one that was seen; nothing else has it"
	case n.Seen == 0 && n.SeenStart != 0 || n.SeenStart == 0 && len(n.SeenProof) != 0 || len(n.SeenProof) != 0 && len(n.SeenProof) != ProofBytes:
		return "a start and its proof are of the incarnation that was seen; " + proofText
	}
	return ""
}

func noticeSize(n Notice) int {
	return varintSize(numNoticeKind, uint64(n.Kind)) + varintSize(numNoticeLevel, uint64(n.Level)) +
		varintSize(numNoticeHold, uint64(n.Hold)) + varintSize(numNoticeSeen, n.Seen) + varintSize(numSeenStart, n.SeenStart) +
		textSize(numSeenProof, string(n.SeenProof))
}

func appendNotice(b []byte, n Notice) []byte {
	if n.Kind == NoticeNone {
		return b
	}
	b = appendLen(b, numNotice, noticeSize(n))
	b = appendVarint(b, numNoticeKind, uint64(n.Kind))
	b = appendVarint(b, numNoticeLevel, uint64(n.Level))
	b = appendVarint(b, numNoticeHold, uint64(n.Hold))
	b = appendVarint(b, numNoticeSeen, n.Seen)
	b = appendVarint(b, numSeenStart, n.SeenStart)
	return appendBytes(b, numSeenProof, n.SeenProof)
}

// notice reads the message of a notice.
func (c *cursor) notice() Notice {
	lo, hi := c.part()
	in := cursor{b: c.b, pos: lo, end: hi, field: c.field, err: c.err}
	var n Notice
	var last protowire.Number
	for in.more() {
		at := in.pos
		num, wt := in.tag(last, 0)
		switch {
		case in.err != nil:
		case wt != protowire.VarintType && (num != numSeenProof || wt != protowire.BytesType) || num == numSeenProof && wt != protowire.BytesType:
			in.fail(at, "field %d of wire type %d is not known", num, wt)
		case num == numNoticeKind:
			n.Kind = NoticeKind(in.nonzero(math.MaxUint8))
		case num == numNoticeLevel:
			n.Level = uint32(in.nonzero(100))
		case num == numNoticeHold:
			n.Hold = int64(in.nonzero(math.MaxInt64))
		case num == numNoticeSeen:
			n.Seen = in.nonzero(math.MaxUint64)
		case num == numSeenStart:
			n.SeenStart = in.nonzero(math.MaxUint64)
		case num == numSeenProof:
			n.SeenProof = in.proof()
		default:
			in.fail(at, "field %d is not known", num)
		}
		last = num
	}
	if in.err == nil && n.Kind == NoticeNone {
		in.fail(lo, "a notice has a kind")
	}
	if why := n.unsound(); in.err == nil && why != "" {
		in.fail(lo, "%s", why)
	}
	c.err = in.err
	return n
}
