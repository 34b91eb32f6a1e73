package snapshot

import "github.com/rhizome-ml/rhizome/value"

// FrameworkSnapshot is the state of the engine's own tables.
type FrameworkSnapshot struct {
	SpecVersion     uint32                     `snap:"1"`
	PeerID          string                     `snap:"2"`
	NextCommandID   uint64                     `snap:"3"`
	NextExecID      uint64                     `snap:"4"`
	NextCallID      uint64                     `snap:"5"`
	NextTimerSeq    uint64                     `snap:"6"`
	NextAppEvent    uint64                     `snap:"7"`
	NextRequest     uint64                     `snap:"8"`
	NextToken       uint64                     `snap:"9"`
	Epoch           uint64                     `snap:"10"` // of own streams
	Now             int64                      `snap:"11"` // the engine clock
	Random          []byte                     `snap:"12"` // ChaCha8 state
	Counters        []CounterSnapshot          `snap:"13"` // by name
	FiredPhases     []string                   `snap:"14"` // in order of firing
	BootstrapExec   uint64                     `snap:"15"` // 0 when no bootstrap is under way
	AddressBook     []AddressBookEntrySnapshot `snap:"16"` // by peer
	PeerGovernor    PeerGovernorSnapshot       `snap:"17"`
	BackoffTable    []BackoffEntry             `snap:"18"` // by peer
	PendingOutbound []PendingOutboundEntry     `snap:"19"` // by (peer, number)
	Timers          []TimerSnapshot            `snap:"20"` // by (time, sequence)
	Requests        []OutboundRequest          `snap:"21"` // by (peer, epoch, request)
	Inbound         []InboundRequest           `snap:"22"` // by last change: begun or answered
	Holds           []HoldSnapshot             `snap:"23"` // by name
	Queues          []QueueSnapshot            `snap:"24"` // by name
	Records         []RecordSnapshot           `snap:"25"` // by name
	Gates           []GateSnapshot             `snap:"26"` // by name
	Latches         []LatchSnapshot            `snap:"27"` // by (name, key)
	Rules           uint32                     `snap:"28"` // which release's behaviour holds
	Pressure        []PressureSnapshot         `snap:"29"` // by peer, while the node is pressed
	// by (place, number), members before those that had their number
	Roster []MemberSnapshot `snap:"30"`
	// of the present life: microseconds of the host's clock; 0 where it was not told
	Start  uint64 `snap:"31"`
	Proof  []byte `snap:"32"` // of that start, for peers; or empty
	Asking uint64 `snap:"33"` // stands in own questions and tokens; 0 stands for the epoch
	// that hold, in the order of the engine's; none: those that the node was installed with
	Limits   []LimitSnapshot    `snap:"34"`
	Wanted   []LimitSnapshot    `snap:"35"` // that take effect when no input waits
	Lent     []LoanSnapshot     `snap:"36"` // by (epoch, number)
	Borrowed []BorrowedSnapshot `snap:"37"` // by (lender, epoch, number)
	Arrivals []ArrivalSnapshot  `snap:"38"` // by number
}

// LoanSnapshot is a value that the node lends, too large for an envelope.
type LoanSnapshot struct {
	Loan  value.Value        `snap:"1"` // a value.Loan
	Value value.Value        `snap:"2"` // what is lent
	Kept  bool               `snap:"3"` // as long as the question or answer is kept that it went with
	To    []BorrowerSnapshot `snap:"4"` // by peer
}

// BorrowerSnapshot is a peer to whom a value is lent.
type BorrowerSnapshot struct {
	Peer string   `snap:"1"`
	Owed []uint64 `snap:"2"` // chunks that it asked for and did not get yet, in that order
	Back bool     `snap:"3"` // it has returned the value, which is kept for the question or answer alone
}

// BorrowedSnapshot is a loan of a peer.
type BorrowedSnapshot struct {
	Loan    value.Value `snap:"1"` // a value.Loan
	Arrival uint64      `snap:"2"` // that waits for it, or 0
	Input   uint32      `snap:"3"` // of the arrival
	// the activation that it came for, or 0; where there is neither, a component has it
	Exec      uint64 `snap:"4"`
	Component int32  `snap:"5"` // that has it; else -1
	// of an arrival, those that are there, vectors; a trigger stands for one that is missing
	Chunks []value.Value `snap:"6"`
	Next   uint64        `snap:"7"` // likewise, the first chunk that was never asked for
	Wanted []uint64      `snap:"8"` // chunks that were asked for and are not there, ascending
	Unsaid bool          `snap:"9"` // there was no room to ask for some of them
}

// ArrivalSnapshot is what came along an edge and waits for values that are lent.
type ArrivalSnapshot struct {
	ID           uint64 `snap:"1"`
	Peer         string `snap:"2"` // that sent it
	Edge         int32  `snap:"3"`
	RequestEpoch uint64 `snap:"4"` // of the question that it asks
	Request      uint64 `snap:"5"` // its number; 0: it asks none
	AnswerEpoch  uint64 `snap:"6"` // of the question that it answers
	Answer       uint64 `snap:"7"` // its number; 0: it answers none
	Until        int64  `snap:"8"` // engine time at which it serves nobody any more; 0 means never
	// in the order of the edge's sites; a value.Loan stands for one that is to come
	Inputs []value.Value `snap:"9"`
}

// LimitSnapshot is one limit of the engine.
type LimitSnapshot struct {
	Name  string `snap:"1"` // such as "Wire.Fills"
	Value int64  `snap:"2"`
}

// CounterSnapshot is one counter.
type CounterSnapshot struct {
	Name  string `snap:"1"`
	Count uint64 `snap:"2"`
}

// AddressBookEntrySnapshot is what is known of where a peer can be reached.
type AddressBookEntrySnapshot struct {
	Peer      string   `snap:"1"`
	Addresses []string `snap:"2"` // in order of preference
	Refs      int64    `snap:"3"` // who holds the entry

	Seen    []AddressSeen `snap:"4"` // of each address; none: all were inserted
	Pinned  bool          `snap:"5"` // the host holds it too
	Linked  bool          `snap:"6"` // a link is there
	Severed bool          `snap:"7"` // a link ended, and none came since
	Told    bool          `snap:"8"` // own addresses went over this link
	Heard   int64         `snap:"9"` // engine time of the last link or claim
}

// AddressSeen is how an address is known.
type AddressSeen struct {
	Source   uint32 `snap:"1"` // 0 inserted, 1 observed, 2 claimed by the peer, 3 heard of from others
	Worked   int64  `snap:"2"` // engine time of the last link, 0 is none
	Failures int32  `snap:"3"` // in a row
}

// PeerGovernorSnapshot says who may talk to the node and in which health each peer is.
type PeerGovernorSnapshot struct {
	Blocked   []string         `snap:"1"` // sorted
	Allowlist *AllowSnapshot   `snap:"2"` // absent: open to all; present and empty: nobody
	Health    []HealthSnapshot `snap:"3"` // by peer
	Threshold int32            `snap:"4"` // failures in a row after which a peer is down
	Operators []string         `snap:"5"` // who may call the control plane from afar, sorted
}

// AllowSnapshot is a list of admitted peers.
type AllowSnapshot struct {
	Peers []string `snap:"1"` // sorted
}

// HealthSnapshot is what a peer's last exchanges were like.
type HealthSnapshot struct {
	Peer     string `snap:"1"`
	Failures int32  `snap:"2"` // in a row
	Last     int64  `snap:"3"` // engine time of the last success or failure
	Down     bool   `snap:"4"`
	Heard    bool   `snap:"5"` // it was heard at least once, and the node was told that it is up
	Lost     bool   `snap:"6"` // no address of it is known or works
}

// MemberSnapshot is a peer that was admitted to a place.
type MemberSnapshot struct {
	Number uint64 `snap:"1"` // of the place, from 0
	Peer   string `snap:"2"`
	Place  string `snap:"3"`
	Name   string `snap:"4"` // for people
	State  uint32 `snap:"5"` // 1 member, 2 removed, 3 left
	Since  int64  `snap:"6"` // engine time of the state
}

// BackoffEntry is a peer that is not contacted before a time.
type BackoffEntry struct {
	Peer     string `snap:"1"`
	Attempts int32  `snap:"2"`
	Last     int64  `snap:"3"` // engine time of the last attempt
	Next     int64  `snap:"4"` // engine time of the next one
}

// PendingOutboundEntry is an envelope that its receiver has not acknowledged.
type PendingOutboundEntry struct {
	Peer        string   `snap:"1"`
	Number      uint64   `snap:"2"`
	Envelope    Embedded `snap:"3"` // wire form, without the acknowledgement that rides on it
	Redelivered bool     `snap:"4"`
	Sent        int64    `snap:"5"` // engine time of the first time; 0 where it is not known, -1 before it
	Deadline    int64    `snap:"6"` // engine time after which it serves nobody, 0 means none
	// number of the send that has the same values for several peers; 0 for one of its own
	Fan uint64 `snap:"7"`
}

// WireStateSnapshot is both directions of the stream with one peer.
type WireStateSnapshot struct {
	Peer        string   `snap:"1"`
	Incarnation uint64   `snap:"2"`  // newest seen of the peer
	RecvEpoch   uint64   `snap:"3"`  // epoch of the peer's stream
	RecvUpTo    uint64   `snap:"4"`  // all numbers up to this were taken
	RecvBeyond  []uint64 `snap:"5"`  // taken numbers beyond it, ascending: the dedup window
	NextNumber  uint64   `snap:"6"`  // of the own stream
	AckedUpTo   uint64   `snap:"7"`  // of the own stream
	AckDue      bool     `snap:"8"`  // something was taken that is not yet acknowledged
	ResendAt    int64    `snap:"9"`  // engine time, 0 means no resend is due
	Resends     int32    `snap:"10"` // in a row without progress
	RTT         int64    `snap:"11"` // round-trip time, smoothed, ns
	RTTVar      int64    `snap:"12"` // its mean deviation, ns
	RTTSamples  int32    `snap:"13"`
	Silences    []uint64 `snap:"14"` // silences that ended, oldest first, in microseconds
	// engine time since which something is awaited and nothing was heard; 0 while nothing is
	Awaited   int64  `snap:"15"`
	Level     uint32 `snap:"16"` // of the silence that lasts: 0 trusted, 1 suspected, 2 silent
	HeldUntil int64  `snap:"17"` // engine time before which no data is sent
	RefusedAt int64  `snap:"18"` // engine time at which the peer was last told that it is refused

	// of the peer's newest life: microseconds of its clock; 0 where it is not known
	Start  uint64              `snap:"19"`
	Proof  []byte              `snap:"20"` // of that start, or empty
	Mark   uint64              `snap:"21"` // greatest number taken of this epoch before that life
	Born   uint64              `snap:"22"` // own numbers from here on were given in the present life; 0 means from 1
	Past   []PastEpochSnapshot `snap:"23"` // of the peer's stream, the newest last
	Heeded *HeededSnapshot     `snap:"24"` // on whose word an epoch was opened; absent: on none of this peer's
	// engine time at which the peer first acknowledged what was never given out; 0: it did not
	Doubt int64 `snap:"25"`

	Greets   bool `snap:"26"` // the peer has not said that it has heard of the own present life
	Welcomes bool `snap:"27"` // the peer asks which life of it was heard, and was not told
	// own lives before the present one of which the peer may have heard, oldest first
	Lives []LifeSnapshot `snap:"28"`

	Greetings int32 `snap:"29"` // in the own present life, to a peer that told no life of its own
	// lives of the peer before the newest, with the greatest number taken before each was heard of
	Earlier []LifeSnapshot `snap:"30"`
	// the first number of the peer that a lost life took, while the peer was not told; 0: none
	Forgot uint64 `snap:"31"`

	// the own life that the peer had heard last when it refused the present one; 0: none
	Recalled uint64 `snap:"32"`
	Recalls  int32  `snap:"33"` // how often it did, in the own present life
}

// LifeSnapshot is an earlier life of a node.
type LifeSnapshot struct {
	Start  uint64 `snap:"1"`
	Before uint64 `snap:"2"` // numbers up to this were given, or taken, before it
}

// PastEpochSnapshot is what was taken in an epoch of a peer's stream that is over.
type PastEpochSnapshot struct {
	Epoch  uint64   `snap:"1"`
	UpTo   uint64   `snap:"2"` // all numbers up to this were taken
	Beyond []uint64 `snap:"3"` // taken numbers beyond it, ascending
	Start  uint64   `snap:"4"` // of the life that spoke last in it
	Mark   uint64   `snap:"5"` // greatest number taken before that life

	Earlier []LifeSnapshot `snap:"6"` // lives of the peer before that one, as in the stream
}

// HeededSnapshot is how this node went on in a new epoch on a peer's word.
type HeededSnapshot struct {
	Life  uint64 `snap:"1"` // of the peer
	Times int32  `snap:"2"` // in the own present life
}

// PressureSnapshot is a peer that was told that the node has little room for its data.
type PressureSnapshot struct {
	Peer       string `snap:"1"`
	Told       int64  `snap:"2"` // engine time of the last notice
	Ignored    int32  `snap:"3"` // notices after which it went on
	Counted    bool   `snap:"4"` // the last notice is among them
	MutedUntil int64  `snap:"5"` // engine time until which its data is refused
}

// OutboundRequest is a question that waits for its answer.
type OutboundRequest struct {
	Peer     string      `snap:"1"`
	Epoch    uint64      `snap:"2"` // own epoch when it was asked
	Request  uint64      `snap:"3"`
	Edge     int32       `snap:"4"` // of the question
	Context  value.Value `snap:"5"` // given to the activation that the answer starts
	Deadline int64       `snap:"6"`
	Envelope Embedded    `snap:"7"` // to ask again when the peer lost it, wire form
}

// InboundRequest is a question that was taken: it is under way, or was answered.
type InboundRequest struct {
	Peer    string   `snap:"1"`
	Epoch   uint64   `snap:"2"`
	Request uint64   `snap:"3"`
	Exec    uint64   `snap:"4"` // the activation that works on it, 0 once answered
	Answer  Embedded `snap:"5"` // the envelope that answered it, wire form
}

// TimerSnapshot is an armed timer.
type TimerSnapshot struct {
	At        int64  `snap:"1"`
	Seq       uint64 `snap:"2"`
	Kind      uint32 `snap:"3"` // engine's timer kind
	Exec      uint64 `snap:"4"`
	Op        uint32 `snap:"5"`
	Component int32  `snap:"6"`
	Token     uint64 `snap:"7"`
	Peer      string `snap:"8"`
	Func      int32  `snap:"9"`
}

// HoldSnapshot is one held value.
type HoldSnapshot struct {
	Name  string      `snap:"1"`
	Value value.Value `snap:"2"`
}

// QueueSnapshot is a serialize queue.
type QueueSnapshot struct {
	Name   string        `snap:"1"`
	Values []value.Value `snap:"2"` // FIFO
}

// RecordSnapshot is a ring buffer that the host can read.
type RecordSnapshot struct {
	Name    string        `snap:"1"`
	Entries []RecordEntry `snap:"2"` // oldest first
}

// RecordEntry is one recorded value and when it was recorded.
type RecordEntry struct {
	At    int64       `snap:"1"`
	Value value.Value `snap:"2"`
}

// GateSnapshot is a counted permit: how many are taken.
type GateSnapshot struct {
	Name  string `snap:"1"`
	Taken int64  `snap:"2"`
}

// LatchSnapshot is a key that was seen and lets nothing pass again.
type LatchSnapshot struct {
	Name string `snap:"1"`
	Key  []byte `snap:"2"` // canonical payload of the key
}
