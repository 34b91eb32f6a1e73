package engine

import (
	"math/rand/v2"

	"github.com/rhizome-ml/rhizome/peer"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
	"github.com/rhizome-ml/rhizome/wire"
)

// State is everything about a node that changes, as plain data; behaviour is rebuilt from the Program (law L2). A field
// is encoded into the snapshot, or it stands on the list of derived fields in state_test.go.
type State struct {
	// identity
	self        wire.PeerID
	incarnation uint64
	epoch       uint64 // of own streams

	// clock
	now    int64 // ns, never goes back
	random *rand.ChaCha8

	// where a Poll stands
	phase   uint32 // 0 between polls
	opsLeft int64

	frontier ring
	frames   frames

	pending     map[uint64]*pending // by command; nil until there is one
	completions []completion        // FIFO
	ingress     []ingress           // FIFO
	bus         []busEvent          // FIFO
	timers      timers
	parked      []parked // ascending call

	// lifecycle
	stage         uint32 // 0 new, 1 bootstrap under way, 2 running
	bootstrapExec uint64
	firedPhases   []string

	// system calls
	counters []counter // by name
	holds    []hold    // by name
	queues   []queue   // by name
	records  []record  // by name
	gates    []gate    // by name
	latches  []latch   // oldest first

	// to the host
	appEvents []AppEvent // emitted and not acknowledged

	// peers
	book     *peer.AddressBook
	governor *peer.Governor
	backoff  *peer.Backoff
	streams  *peer.Streams
	requests *peer.Requests

	// counters of identities
	nextExec, nextCommand, nextCall, nextTimer, nextApp, nextRequest, nextToken uint64

	// budget, derived: recomputed on restore and checked against the running figure
	slotBytes    int
	ingressBytes int
}

// pending is a command that was given out.
type pending struct {
	id        uint64
	exec      uint64
	op        int32
	component int32
	method    string
	inputs    []value.Value
	deadline  int64
	tries     int32

	shelved, gone bool // the tracker's, derived: the shelf has it; it is pending no more
}

func (s *State) setPending(p *pending) {
	if s.pending == nil {
		s.pending = map[uint64]*pending{}
	}
	s.pending[p.id] = p
}

// completion is a result that arrived and is not yet applied.
type completion struct {
	command uint64
	results []snapshot.NamedResult
	digest  uint64
	failure *value.Failure
}

// ingress is an input that was accepted and not yet processed; env is the decoded form of an envelope.
type ingress struct {
	event *Event
	env   *wire.Envelope
	bytes int
}

type busEvent struct {
	kind  string
	value value.Value
}

// parked is an op that waits for something other than a timer, a command or a child.
type parked struct {
	call   uint64
	exec   uint64
	op     int32
	reason parkReason
	label  string
}

type parkReason uint32

const (
	parkComponent  parkReason = iota + 1 // until its component resolves it
	parkQueueFull                        // until queue label has room
	parkQueueEmpty                       // until queue label has a value
	parkHold                             // until hold label is set
	parkGate                             // until gate label has a permit
	parkOutbox                           // until the outbox, or the table of open questions, has room
	parkApp                              // until the host acknowledged app events
	parkCommand                          // until fewer commands are pending
)

type counter struct {
	name string
	n    uint64
}

type hold struct {
	name  string
	value value.Value
}

type queue struct {
	name   string
	values []value.Value
}

type record struct {
	name    string
	entries []snapshot.RecordEntry
}

type gate struct {
	name  string
	taken int64
}

type latch struct{ name, key string }
