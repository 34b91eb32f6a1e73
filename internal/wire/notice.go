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
	// the envelope's life gives out numbers that were taken from a life before it: its directory went back
	NoticeAhead
	NoticeUnreadable // the bytes were no envelope here: malformed, or beyond a limit
	NoticeVersion    // the envelope was of a schema version that is not known here
	NoticeAddress    // the envelope was for another node, or said that it came from another
	// nearly all that the receiver sent was refused: its links end, and it is not admitted for a time
	NoticeCut
	noticeKinds
)

var noticeNames = [noticeKinds]string{"none", "pressure", "stale incarnation", "wrong digest", "not admitted",
	"went back",
	"unreadable: what was sent is no envelope there, or beyond a limit; are both of the same release?",
	"unknown version: what was sent is of a newer release than that node knows; one of the two needs an update",
	"wrong address: what was sent is for another node, or names another sender",
	"cut off: nearly all that was sent was refused"}

// String returns the kind in words.
func (k NoticeKind) String() string {
	if k >= noticeKinds {
		return "unknown"
	}
	return noticeNames[k]
}

// Notice is what one node tells another about what it gets from it: how much room it has, or that and why it refused
// something. The zero Notice is none. It is best effort, and for what the receiver of the notice sends to its sender
// (trap inverted-advice).
type Notice struct {
	Kind  NoticeKind
	Level uint32 // of pressure: percent of the room that is taken; 0: there is room again
	// of pressure: nanoseconds for which data is to be held at most, unless a later notice comes; 0 with level 0. Of a
	// cut: for how long
	Hold int64
	Seen uint64 // of a stale incarnation: the newest one that was seen; of one that went back: the one that is refused

	// Of the life that was seen in place of the receiver's: when it began, as in Envelope.Start, and the proof of that;
	// both may be missing.
	SeenStart uint64
	SeenProof []byte
}

// Refuses says whether the notice is a refusal. Such a notice travels alone.
func (n Notice) Refuses() bool { return n.Kind > NoticePressure }

// unsound says what is wrong with a notice, or "".
func (n Notice) unsound() string {
	pressure := n.Kind == NoticePressure
	switch {
	case n.Kind == NoticeNone && (n.Level != 0 || n.Hold != 0 || n.Seen != 0 || n.SeenStart != 0 ||
		len(n.SeenProof) != 0):
		return "a notice has a kind"
	case n.Kind >= noticeKinds:
		return "this kind of notice is not known"
	case n.Kind == NoticeCut:
		if n.Hold < 1 || n.Level != 0 || n.Seen != 0 || n.SeenStart != 0 || len(n.SeenProof) != 0 {
			return "a cut has a time, and nothing else"
		}
	case n.Level > 100 || n.Hold < 0 || (n.Level == 0) != (n.Hold == 0) || !pressure && n.Level != 0:
		return "pressure has a level from 1 to 100 and a time to hold, or neither; nothing else has them"
	case (n.Seen != 0) != (n.Kind == NoticeStale || n.Kind == NoticeAhead):
		return "a stale incarnation has the one that was seen; nothing else has it"
	case n.Seen == 0 && n.SeenStart != 0 || n.SeenStart == 0 && len(n.SeenProof) != 0 || len(n.SeenProof) != 0 &&
		len(n.SeenProof) != ProofBytes:
		return "a start and its proof are of the incarnation that was seen; " + proofText
	}
	return ""
}

func noticeSize(n Notice) int {
	return varintSize(numNoticeKind, uint64(n.Kind)) + varintSize(numNoticeLevel, uint64(n.Level)) +
		varintSize(numNoticeHold, uint64(n.Hold)) + varintSize(numNoticeSeen, n.Seen) + varintSize(numSeenStart,
		n.SeenStart) +
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

// notice reads a part of the message of a notice.
func (c *cursor) notice(n *Notice) {
	c.message(func(num protowire.Number, wt protowire.Type) bool {
		switch {
		case num == numSeenProof && wt == protowire.BytesType:
			n.SeenProof = c.proof()
			return true
		case num == numSeenProof || wt != protowire.VarintType:
			return false
		}
		switch num {
		case numNoticeKind:
			n.Kind = NoticeKind(c.number(math.MaxUint8))
		case numNoticeLevel:
			n.Level = uint32(c.number(100))
		case numNoticeHold:
			n.Hold = int64(c.number(math.MaxInt64))
		case numNoticeSeen:
			n.Seen = c.number(math.MaxUint64)
		case numSeenStart:
			n.SeenStart = c.number(math.MaxUint64)
		default:
			return false
		}
		return true
	})
}
