package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Config says what an engine runs and for whom. All of it stays as it is for the life of the node.
type Config struct {
	Program    *program.Program
	Components []Component // by index in Program.Components; nil for those of other places
	Registry   *value.Registry
	Self       wire.PeerID
	Seed       uint64                   // of the job, the same on every node
	Targets    map[string][]wire.PeerID // peers known from the start, by place; read-only from now on
	// places that any peer plays which the governor admits; all others are for targets and members
	Anyone  []string
	Limits  Limits
	Scratch *Scratch // to work in, shared with other engines of the thread; nil for one of its own
	Trace   bool     // fill Output.Trace

	// Unasked says that no peer will ask the same again, as none ever forgets that it was answered. Then no answer is
	// kept but those that lend something, until it was fetched.
	Unasked bool

	// FailRestore, if set, is asked before each part of a restore and may refuse it: the test of the transaction.
	FailRestore func(part string) error

	// AfterOp, if set, is called after each op, inside Poll: a point where a snapshot may be taken. It must change
	// nothing.
	AfterOp func()
}

// Engine runs one node's part of a program: a dataflow machine, and the session with the node's peers. It is
// thread-unsafe.
type Engine struct {
	m      dataflow.Machine
	prog   *program.Program
	limits *Limits
	sc     *Scratch
	out    *Output  // in the Scratch
	ctx    *Context // likewise
	comps  []Component

	st State

	reg     *value.Registry
	seed    uint64
	targets map[string][]wire.PeerID
	anyone  []string

	listed uint64                // counts the changes of the governor's lists; not State
	told   map[wire.PeerID]int64 // when peers were last told that an input of theirs was refused; not State either
	// inputs that Deliver refused, by reason; not State, so that strangers cannot change it
	refused map[string]uint64
	wasted  []Wasted // see Wasted; not State
	unasked bool     // see Config
}

// New returns an engine in its first state: nothing has run.
func New(cfg Config) (*Engine, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.Limits = cfg.Limits.WithDefaults()
	p := cfg.Program
	if len(cfg.Components) != len(p.Components) {
		return nil, fmt.Errorf("engine: %d components for %d slots", len(cfg.Components), len(p.Components))
	}
	for i := range p.Components {
		if p.Components[i].At(p.Place) && cfg.Components[i] == nil {
			return nil, fmt.Errorf("engine: component slot %q of %q is empty", p.Components[i].Name, p.Place)
		}
	}
	sc := cfg.Scratch
	if sc == nil {
		sc = NewScratch()
	}
	b := &block{}
	held := sc.hold(cfg.Limits)
	b.e = Engine{
		prog: p, comps: cfg.Components, reg: cfg.Registry, limits: &held.all, seed: cfg.Seed,
		targets: inOrder(cfg.Targets), anyone: cfg.Anyone, sc: sc, out: &sc.out, ctx: &sc.ctx,
		unasked: cfg.Unasked, st: newState(cfg, &b.t),
	}
	b.e.st.limits = b.e.limits
	b.e.m.Init(dataflow.Config{
		Program: p, Registry: cfg.Registry, Limits: &held.machine, Scratch: &sc.m, Shared: cfg.Scratch != nil,
		Output: dataflow.Output{AppEvents: &sc.out.AppEvents, Commands: &sc.out.Commands, Trace: &sc.out.Trace},
		Random: &b.t.random, Room: &b.t.room, Rules: CurrentRules, Outside: (*outside)(&b.e),
	})
	b.e.m.Observe(cfg.AfterOp, cfg.Trace)
	return &b.e, nil
}

// validate says whether an engine can be made of the configuration: nil, or a *ConfigError.
func (c *Config) validate() error {
	switch {
	case c.Program == nil:
		return &ConfigError{"Program", "nil", "the part of the artifact that the node plays"}
	case c.Registry == nil:
		return &ConfigError{"Registry", "nil", "a value.Registry"}
	case c.Self.Fault() != "":
		return &ConfigError{"Self", fmt.Sprintf("%q", cut(string(c.Self))), c.Self.Fault()}
	}
	return c.Limits.Validate()
}

// inOrder returns the peers of each place sorted: the same map where they are already.
func inOrder(targets map[string][]wire.PeerID) map[string][]wire.PeerID {
	sorted := true
	for _, peers := range targets {
		sorted = sorted && slices.IsSorted(peers)
	}
	if sorted {
		return targets
	}
	out := map[string][]wire.PeerID{}
	for place, peers := range targets {
		out[place] = slices.Sorted(slices.Values(peers))
	}
	return out
}

// block is an engine and the tables of its state in one piece of memory: in a simulation of many nodes, each piece is
// one more that is not in the cache when a message comes.
type block struct {
	e Engine
	t tables
}

// tables is what the pointers and the lists of a new State point to. Lists that outgrow it move away.
type tables struct {
	streams  peer.Streams
	governor peer.Governor
	backoff  peer.Backoff
	ingress  [1]ingress
	room     dataflow.Room
	book     peer.AddressBook
	requests peer.Requests
	pressure peer.Pressure
	loans    peer.Loans
	random   rand.ChaCha8
}

func newState(cfg Config, t *tables) State {
	l := cfg.Limits
	t.book = *peer.NewAddressBook(l.BookPeers, l.BookAddresses)
	t.governor = *peer.NewGovernor(l.FailuresToDown, l.BookPeers)
	t.backoff = *peer.NewBackoff(l.BookPeers)
	t.streams = *peer.NewStreams(l.streams())
	t.requests = *peer.NewRequests(l.requests(cfg.Unasked))
	t.pressure = *peer.NewPressure(l.BookPeers)
	t.loans = *peer.NewLoans(l.loans())
	t.requests.SetLoans(&t.loans)
	t.random.Seed(randomSeed(cfg.Seed, cfg.Self))
	s := State{
		self: cfg.Self, incarnation: 1, epoch: 1, nextRequest: 1, nextToken: 1, ingress: t.ingress[:0],
		book: &t.book, governor: &t.governor, backoff: &t.backoff, streams: &t.streams, requests: &t.requests,
		pressure: &t.pressure, loans: &t.loans,
	}
	s.setRules(CurrentRules)
	return s
}

// Program returns the program that the engine runs.
func (e *Engine) Program() *program.Program { return e.prog }

// Incarnation returns how often the node was started.
func (e *Engine) Incarnation() uint64 { return e.st.incarnation }

// Epoch returns the epoch of the node's own streams.
func (e *Engine) Epoch() uint64 { return e.st.epoch }

// RTT returns the round-trip time to a peer.
func (e *Engine) RTT(p wire.PeerID) peer.RTT { return e.st.streams.RTT(p) }

// Waiting returns how many inputs were accepted and are not processed yet: the engine still holds them.
func (e *Engine) Waiting() int { return len(e.st.ingress) + e.m.Arrived() }

// Idle says whether nothing is under way here: no activation, command, event or unacknowledged envelope. Questions that
// others have not answered, and app events that the host has not acknowledged, do not count.
func (e *Engine) Idle() bool { return e.Rests() && e.st.streams.Unacknowledged() == 0 }

// Rests is Idle whatever others have yet to acknowledge: nothing that this node began goes on here.
func (e *Engine) Rests() bool { return e.m.Idle() && len(e.st.ingress) == 0 && len(e.st.arrivals) == 0 }

// Still says whether nothing is ever going to happen here without an input: Idle, and no timer runs.
func (e *Engine) Still() bool { return e.Idle() && !e.more() && e.wake() == 0 }

// Untold returns how many app events the host has not acknowledged.
func (e *Engine) Untold() int { return e.m.Untold() }

// Counters returns all counters in order of name: the host's way to read them (trap unread-counter).
func (e *Engine) Counters() []Counter { return e.m.Counts() }

// randomSeed derives the seed of a node's random source from the job's seed and the node's name, so that no two nodes
// share a stream.
func randomSeed(seed uint64, self wire.PeerID) [32]byte {
	var s [32]byte
	h := seed ^ 0x9e3779b97f4a7c15
	for i := range s {
		for _, c := range []byte(self) {
			h = (h ^ uint64(c)) * 0x100000001b3
		}
		h ^= h >> 29
		h *= 0xbf58476d1ce4e5b9
		h ^= uint64(i)
		s[i] = byte(h >> 56)
	}
	return s
}

// Pending returns the commands that were given out and are not completed, by number.
func (e *Engine) Pending() []Command { return e.m.Commands() }

// Records returns the entries of a ring, oldest first, in a slice that must not be changed.
func (e *Engine) Records(name string) []snapshot.RecordEntry { return e.m.EntriesOf(name) }

// Now returns the engine time: nanoseconds since the node first started, never going back.
func (e *Engine) Now() int64 { return e.m.Now() }
