package dataflow

import (
	"math/rand/v2"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// State is everything of a machine that changes, as plain data; behaviour is rebuilt from the Program. What every Poll
// looks at stands first, so that it is in few cache lines.
type State struct {
	now     int64  // ns, never goes back
	opsLeft int64  // of this Poll
	stage   uint32 // of the lifecycle: 0 new, 1 bootstrap under way, 2 running
	rules   uint32 // which release's behaviour holds

	frontier    ring
	bus         []busEvent // FIFO
	timers      timers
	completions []completion // FIFO
	frames      frames

	// budget, derived: recomputed on restore and checked against the running figure
	slotBytes int
	kept      Kept

	// counters of identities
	nextExec, nextTimer, nextCommand, nextCall, nextApp uint64

	pending       map[uint64]*pending // by command; nil until there is one
	waits         waits
	bootstrapExec uint64
	random        *rand.ChaCha8

	// system calls
	counters []counter      // by name
	holds    []hold         // by name
	queues   []queue        // by name
	records  []record       // by name
	gates    []gate         // by name
	latches  []latch        // oldest first
	closed   map[latch]bool // those; derived

	firedPhases []string

	// to the host
	appEvents []AppEvent // emitted and not acknowledged
}

// completion is a result that arrived and is not yet applied.
type completion struct {
	command uint64
	results []snapshot.NamedResult
	digest  uint64
	failure *value.Failure
}

type busEvent struct {
	kind  string
	value value.Value
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
	parkAnswer                           // at its end, until the outbox has room for the answer that it owes
	parkBytes                            // until what queues and holds keep is less
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

	prev, next *pending // derived: its neighbours among the commands of its activation

	shelved, gone bool // the tracker's, derived: the shelf has it; it is pending no more
}

func (s *State) setPending(p *pending) {
	if s.pending == nil {
		s.pending = map[uint64]*pending{}
	}
	s.pending[p.id] = p
	if f := s.frames.get(p.exec); f != nil {
		if p.prev, p.next = nil, f.commands; p.next != nil {
			p.next.prev = p
		}
		f.commands = p
	}
}

func (s *State) dropPending(p *pending) {
	delete(s.pending, p.id)
	if p.next != nil {
		p.next.prev = p.prev
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else if f := s.frames.get(p.exec); f != nil {
		f.commands = p.next
	}
	p.prev, p.next = nil, nil
}

// close notes that a key was seen.
func (s *State) close(l latch) {
	if s.closed == nil {
		s.closed = map[latch]bool{}
	}
	s.closed[l] = true
	s.latches = append(s.latches, l)
}
