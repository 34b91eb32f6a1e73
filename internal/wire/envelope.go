package wire

import "github.com/rhizome-ml/rhizome/value"

// CurrentVersion is the newest schema version of envelopes. An envelope is written in the oldest version that has words
// for what it carries: one without a notice and without the sender's life is of PlainVersion, with the bytes that it
// always had. A field that a receiver may pass over needs no new version; one that it must understand does.
const (
	CurrentVersion = 3
	noticeVersion  = 2
	PlainVersion   = 1
)

// ProofBytes is how long the proof of a start is: an ed25519 signature.
const ProofBytes = 64

// PeerID is the text form of a libp2p peer id.
type PeerID string

// Envelope is the one message that nodes exchange. It is immutable once it was handed to an engine or a transport.
type Envelope struct {
	Version     uint32   // schema version; what is written follows from the content
	From, To    PeerID   // From must be the peer that the transport authenticated
	Digest      [32]byte // of the artifact that both ends run
	Incarnation uint64   // of the sender: an older one than was seen is a zombie's
	Epoch       uint64   // of the sender's stream
	Number      uint64   // position in the stream, from 1; 0 means not numbered: nothing is acknowledged or resent
	// the sender's lowest number that is not acknowledged, 0: not told. What is below it never comes again
	Base        uint64
	Redelivered bool    // was sent before
	AckEpoch    uint64  // of the receiver's stream; 0 means that no acknowledgement rides on this envelope
	Ack         uint64  // the sender holds all of that stream up to this number durably
	Edge        int32   // which crossing of the program this is, or -1
	Request     Request // set: this asks for an answer
	Answer      Request // set: this is the answer to that request of the receiver
	Deadline    int64   // nanoseconds that remain, 0 means none
	Notice      Notice  // advice or refusal for the receiver
	Fills       []Fill
	Source      []string // claimed addresses of the sender, as multiaddrs
	Trace       []byte   // trace context, opaque, or empty

	Start  uint64 // of the life of the sender that says this: microseconds of its clock when it began; 0: not told
	Proof  []byte // that the holder of the sender's key began a life then, ProofBytes; or empty
	Before uint64 // numbers up to this were given in earlier lives of the sender; with Start
	Origin Origin // where the envelope stood in an earlier epoch of the stream
	Greets bool   // the sender does not know whether the receiver has heard of its life, and asks it to say so
	Heard  uint64 // the start of the receiver's life that the sender has heard of; 0: not told
	// earlier lives of the sender of which the receiver may have heard, or not, oldest first, LivesMax at most
	Lives []Life
}

// LivesMax is how many earlier lives an envelope names at most.
const LivesMax = 8

// LoanComponent stands in a fill for no component of a program: what it says is about a value that is lent, and for the
// receiver's engine itself.
const LoanComponent int32 = 1<<31 - 1

// Life is an earlier life of a sender.
type Life struct {
	Start  uint64 // as in Envelope
	Before uint64 // numbers up to this were given before it
}

// Origin is the place that an envelope had in its stream before the sender opened the epoch that it travels in: so a
// receiver that took it there does not take it again. The zero Origin is none.
type Origin struct {
	Epoch  uint64
	Number uint64
	// of the sender's life that gave the number; 0 for one that every receiver has heard of, or a life after it
	Start uint64
}

// IsSet says whether o names a place.
func (o Origin) IsSet() bool { return o.Number != 0 }

// Request names a question: the asker's epoch when it was asked, and a number from 1 within it. The zero Request is
// none. It is scoped by peer and direction (trap bare-request-number).
type Request struct {
	Epoch uint64
	ID    uint64
}

// IsSet says whether r names a question.
func (r Request) IsSet() bool { return r.ID != 0 }

// Fill is one value and where it lands: at a site of the program, or at an op of a component.
type Fill struct {
	Site      uint32      // address /site/<n>, when Op is empty
	Component int32       // address /component/<n>/op/<name>, when Op is not empty
	Op        string      // of the component
	Value     value.Value // nil means trigger-only: no payload travels, and the receiver sees a value.Trigger
}
