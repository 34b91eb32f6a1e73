package deploy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Status is how a node is.
type Status struct {
	Peer        wire.PeerID `json:"peer"`
	Role        string      `json:"role"`
	Job         string      `json:"job"`
	Place       string      `json:"place"`
	Digest      string      `json:"digest"`            // of the program
	State       string      `json:"state"`             // see the constants
	Promise     string      `json:"promise,omitempty"` // what the job's model is
	Running     bool        `json:"running"`
	Starts      uint64      `json:"starts"`
	Incarnation uint64      `json:"incarnation"`
	Epoch       uint64      `json:"epoch"`
	Round       int         `json:"round"`
	Rounds      int         `json:"rounds"`
	// when the last round ended, as far as the process knows
	RoundAt   time.Time      `json:"round_at,omitzero"`
	RoundTook time.Duration  `json:"round_took_ns,omitempty"` // the last round
	Waits     *Waits         `json:"waits,omitempty"`
	Members   *Members       `json:"members,omitempty"` // of a server
	Clients   []ClientStatus `json:"clients,omitempty"` // of a server: at most clientsShown, by name
	Done      *exchange.Done `json:"done,omitempty"`
	Failed    *job.Failed    `json:"failed,omitempty"`
	Stopped   string         `json:"stopped,omitempty"` // why the job of a server ended before its last round
	Left      time.Time      `json:"left,omitzero"`     // when the client left its job
	// why the process does not answer; all else is what the directory says
	Hangs       string            `json:"hangs,omitempty"`
	Notes       []string          `json:"notes,omitempty"` // what an operator should know of the counters
	NowNs       int64             `json:"now_ns"`          // engine time
	Addresses   []string          `json:"addresses"`       // where it listens
	Links       int               `json:"links"`
	Activations int               `json:"activations"` // under way
	Commands    int               `json:"commands"`    // given to workers
	Outbox      int               `json:"outbox"`      // envelopes that are not acknowledged
	Timers      int               `json:"timers"`
	Down        int               `json:"peers_down"`
	Blocked     int               `json:"peers_blocked"`
	Counters    map[string]uint64 `json:"counters"`
	Refused     map[string]uint64 `json:"refused"` // inputs since the process started, by reason
	// TurnedAway counts, since the process started, who was turned away at the door: by the code of the no that a peer
	// heard, and by the Away constants.
	TurnedAway map[string]uint64 `json:"turned_away,omitempty"`
	// Cut are those who are kept out for a while, because nearly all that they sent was refused, and Cuts how often
	// that was since the process started.
	Cut  []CutPeer `json:"cut,omitempty"`
	Cuts uint64    `json:"cuts,omitempty"`
}

// CutPeer is a peer that is kept out for a while.
type CutPeer struct {
	Peer   wire.PeerID   `json:"peer"`
	For    time.Duration `json:"for_ns"` // still
	Times  int           `json:"times"`  // of late
	Frames int           `json:"frames"` // that were refused in the minute before
	Code   string        `json:"code"`   // of the last of those
	Reason string        `json:"reason"`
}

// Those who were turned away before they said anything, or by another door than that of the job.
const (
	AwayIdentity  = "identity"  // its key is of another kind than ed25519
	AwayBlocked   = "blocked"   // it is blocked
	AwayAllowlist = "allowlist" // it is not on the allowlist
	AwayEarly     = "early"     // the node did not run yet
	AwayJunk      = "junk"      // it is kept out for a while, because nearly all that it sent was refused
	AwayLink      = "link"      // the node talks to others alone, such as a client to its server
	AwayCrowded   = "crowded"   // connections and streams beyond a limit, by number or rate
	AwayMessage   = "message"   // messages of linked peers
	AwayWatch     = "watch"     // watches that were none, or of no member
	AwayCall      = "call"      // calls that were denied
)

// The states of a node.
const (
	StateNew     = "without a job"
	StateRunning = "running"
	StateWaiting = "waiting" // for what Waits says
	StateDone    = "done"
	StateFailed  = "failed"
	StateStopped = "stopped"
	StateLeft    = "left"    // it is no member of its job any more
	StateHangs   = "hanging" // the process is there and does not answer
)

// The promises that a job is under.
const (
	PromiseExact    = "the same model to the bit, whatever happens on the way"
	PromiseAccepted = "the aggregate of the accepted sets, which depend on timing"
)

// Members counts the clients of a server.
type Members struct {
	Up     int `json:"up"`              // not silent; 0 where the server does not run
	Known  int `json:"known"`           // that have a place
	Places int `json:"places"`          // of the job, or of the edge
	Edges  int `json:"edges,omitempty"` // that have joined the server, where clients join edges
}

// ClientStatus is a client as its server sees it.
type ClientStatus struct {
	Name  string        `json:"name"`
	State string        `json:"state"` // as of a MemberState
	For   time.Duration `json:"silent_ns,omitempty"`
	observe.Measures
}

// clientsShown bounds the clients of a status, clientsAfar those of one that is asked for from afar: a message has 64
// KiB.
const (
	clientsShown = 1024
	clientsAfar  = 48
)

// settle says in which state a node is, from what is known of it.
func (s *Status) settle() {
	switch {
	case s.Role == "":
		s.State = StateNew
	case s.Hangs != "":
		s.State = StateHangs
	case s.Done != nil:
		s.State = StateDone
	case s.Failed != nil:
		s.State = StateFailed
	case !s.Left.IsZero():
		s.State = StateLeft
	case !s.Running:
		s.State = StateStopped
	case s.Waits != nil && s.Waits.Known:
		s.State = StateWaiting
	default:
		s.State = StateRunning
	}
}

// PeerState is what a node knows of a peer.
type PeerState struct {
	Peer   wire.PeerID `json:"peer"`
	Member *int        `json:"member,omitempty"` // its number at this server
	Server bool        `json:"server,omitempty"` // of this client
	// blocked, refused (not on the allowlist), cut, down, suspected, up, or unknown
	Health    string   `json:"health"`
	Failures  int32    `json:"failures"`         // in a row
	RTTNs     int64    `json:"rtt_ns,omitempty"` // until it acknowledges, smoothed; 0 where nothing was measured
	RTTVarNs  int64    `json:"rtt_var_ns,omitempty"`
	Linked    bool     `json:"linked"`
	Remote    string   `json:"remote,omitempty"`    // where it is seen
	Addresses []string `json:"addresses,omitempty"` // where it may be
	Outbox    int      `json:"outbox"`              // envelopes to it that are not acknowledged

	CutFor time.Duration `json:"cut_for_ns,omitempty"` // it is kept out still, for what it sent
}

// links are the links of a node, by peer. It is safe for concurrent use.
type links struct {
	mu sync.Mutex
	up map[wire.PeerID]string // where the peer is seen
}

func (l *links) note(p wire.PeerID, remote string, up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up == nil {
		l.up = map[wire.PeerID]string{}
	}
	if up {
		l.up[p] = remote
	} else {
		delete(l.up, p)
	}
}

func (l *links) look() map[wire.PeerID]string {
	out := map[wire.PeerID]string{}
	if l == nil {
		return out
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, remote := range l.up {
		out[p] = remote
	}
	return out
}

// roundsOf returns the rounds of the job of a record, or 0 where they cannot be read.
func roundsOf(rec *Record) int {
	j, err := kinds.Stored(rec.Kind, rec.Settings)
	if err != nil {
		return 0
	}
	return j.About().Rounds
}

// statusOf says how a node is; n is nil where it has no state yet.
func statusOf(self wire.PeerID, rec *Record, n *node.Node, at moment) (*Status, error) {
	s := &Status{Peer: self, Addresses: []string{}, Counters: map[string]uint64{}, Refused: map[string]uint64{},
		Links: len(at.links.look())}
	if rec != nil {
		s.Role, s.Job, s.Place, s.Digest, s.Starts, s.Done = rec.Role, rec.Job, rec.Place, rec.Digest, rec.Starts,
			rec.Done
		s.Addresses = append(s.Addresses, rec.Listen...)
		s.Rounds, s.Failed, s.Promise, s.Left = roundsOf(rec), rec.Failed, promiseOf(rec), rec.Left
		if rec.Done != nil {
			s.Round = rec.Done.Rounds
		}
	}
	defer s.settle()
	if rec != nil {
		trained(s, rec, n)
	}
	if n == nil {
		return s, nil
	}
	m, err := n.Message(false)
	if err != nil {
		return nil, err
	}
	f := &m.Transient.Framework
	s.Incarnation, s.Epoch, s.NowNs = m.Incarnation, f.Epoch, f.Now
	s.Activations, s.Commands = len(m.Transient.ExecutionState), len(m.Transient.PendingAsync)
	s.Outbox, s.Timers, s.Blocked = len(f.PendingOutbound), len(f.Timers), len(f.PeerGovernor.Blocked)
	for _, h := range f.PeerGovernor.Health {
		if h.Down {
			s.Down++
		}
	}
	for _, c := range n.Engine().Counters() {
		s.Counters[c.Name] = c.Count
	}
	for _, c := range n.Engine().Refusals() {
		s.Refused[c.Name] = c.Count
	}
	if history := observe.History(n); len(history) > 0 {
		s.Round = history[len(history)-1].Round
	}
	if rec.below() {
		s.Stopped = observe.StoppedBy(n)
		s.Members = membersOf(rec, n, at)
		s.Clients = clientStates(memberStates(rec, n, at))
		if s.Done == nil && s.Failed == nil && rec.Role == RoleServer {
			s.Waits = waitsOf(observe.AwaitsOf(n), observe.SeenOf(n), rec, nil, f.Now, time.Time{})
		}
	}
	if rec != nil {
		aged(s, rec, n)
	}
	s.Notes = notesOf(s)
	return s, nil
}

// promiseOf says what the job of a record promises, or nothing where that cannot be read.
func promiseOf(rec *Record) string {
	j, err := kinds.StoredServed(rec.Kind, rec.Settings)
	switch {
	case err != nil:
		return ""
	case j.Exact():
		return PromiseExact
	}
	return PromiseAccepted
}

// membersOf counts the clients of a server.
func membersOf(rec *Record, n *node.Node, at moment) *Members {
	of, seen := rec.seats(), observe.SeenOf(n)
	m := &Members{Known: len(rec.Members), Places: of.count()}
	if of.place == job.EdgesPlace { // and clients come to these
		m.Edges, m.Known = len(rec.Members), len(seen)
		if cfg, err := kinds.StoredServed(rec.Kind, rec.Settings); err == nil {
			m.Places = cfg.Places()
		}
	}
	if !at.runs {
		return m
	}
	for _, h := range seen {
		if !h.Silent {
			m.Up++
		}
	}
	return m
}

// worrying are the counters that an operator should know of, in words.
var worrying = []struct{ suffix, words string }{
	{"activation.failed", "activations have failed"},
	{"op.failed", "ops have failed"},
	{"refused.error", "contributions were refused: not what the model takes"},
	{"refused.late", "contributions came too late"},
	{"refused.stranger", "contributions came from no member"},
	{"refused.overflow", "contributions went beyond a limit"},
	{"refused.type", "contributions were not of the right kind"},
	{"registry.lapsed", "times a client fell silent"},
	{"send.refused", "messages could not be queued"},
	{"send.failed", "messages could not be sent"},
	{"envelope.refused", "messages of peers were refused"},
	{"envelope.lost", "messages of peers are missing, and cannot come any more"},
	{"ack.refused", "acknowledgements were refused: a directory went back, or is there twice"},
	{"message.unknown", "messages named a component that is not here"},
	{"app.overflow", "events could not be told"},
	{"bus.overflow", "events on the bus were dropped"},
	{"request.expired", "questions were not answered in time"},
	{"control.denied", "calls of operators were denied"},
}

// notesOf says which counters of a node an operator should know of.
func notesOf(s *Status) []string {
	var out []string
	// What comes when its round is over fails at the op that takes it, and is told as what it is: where a quorum is
	// enough, that is how each round ends.
	late := uint64(0)
	for name, n := range s.Counters {
		if strings.HasSuffix(name, ".refused."+value.CodeLate) {
			late += n
		}
	}
	for _, w := range worrying {
		for _, name := range slices.Sorted(maps.Keys(s.Counters)) {
			n := s.Counters[name]
			if strings.HasSuffix(w.suffix, ".failed") && w.suffix != "send.failed" {
				n -= min(n, late)
			}
			if n > 0 && (name == w.suffix || strings.HasSuffix(name, "."+w.suffix)) {
				out = append(out, fmt.Sprintf("%d %s (%s)", n, w.words, name))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Refused)) {
		if n := s.Refused[name]; n > 0 {
			words := "inputs were refused since the start"
			if name == engine.RefusedDigest {
				words = "messages of nodes that run another program were refused since the start: all nodes of a job name the " +
					"same one, with the same settings"
			}
			out = append(out, fmt.Sprintf("%d %s (%s)", n, words, name))
		}
	}
	return out
}

// peersOf lists who a node knows, members first, then by id.
func peersOf(rec *Record, n *node.Node, l *links) ([]PeerState, error) {
	all := map[wire.PeerID]*PeerState{}
	at := func(p wire.PeerID) *PeerState {
		if all[p] == nil {
			all[p] = &PeerState{Peer: p, Health: "unknown"}
		}
		return all[p]
	}
	if rec != nil {
		for _, m := range rec.Members {
			s := at(m.Peer)
			s.Member, s.Addresses = &m.Number, m.Addresses
		}
		if rec.Server != "" {
			s := at(rec.Server)
			s.Server, s.Addresses = true, rec.Addresses
		}
	}
	for p, remote := range l.look() {
		s := at(p)
		s.Linked, s.Remote = true, remote
	}
	if n != nil {
		m, err := n.Message(false)
		if err != nil {
			return nil, err
		}
		f := &m.Transient.Framework
		if f.PeerGovernor.Allowlist != nil {
			for _, p := range f.PeerGovernor.Allowlist.Peers {
				at(wire.PeerID(p))
			}
		}
		known(f, at)
		measured(m.Transient.WireStates, at)
		shut(f, all)
		delete(all, wire.PeerID(f.PeerID)) // its own addresses are in the book too
	}
	var out []PeerState
	for _, s := range all {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b PeerState) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Peer, b.Peer))
	})
	return out, nil
}

// rank puts the server first, members by number, and all others behind them.
func rank(s PeerState) int {
	switch {
	case s.Server:
		return -1
	case s.Member != nil:
		return *s.Member
	}
	return 1 << 30
}

// known adds what the engine's tables say of peers.
func known(f *snapshot.FrameworkSnapshot, at func(wire.PeerID) *PeerState) {
	for _, e := range f.AddressBook {
		if s := at(wire.PeerID(e.Peer)); len(e.Addresses) > 0 {
			s.Addresses = e.Addresses
		}
	}
	for _, h := range f.PeerGovernor.Health {
		s := at(wire.PeerID(h.Peer))
		s.Failures = h.Failures
		switch {
		case h.Down:
			s.Health = "down"
		case h.Heard:
			s.Health = "up"
		}
	}
	for _, e := range f.PendingOutbound {
		at(wire.PeerID(e.Peer)).Outbox++
	}
	for _, p := range f.PeerGovernor.Blocked {
		at(wire.PeerID(p)).Health = "blocked"
	}
}

// measured adds how peers answer: from the first sending of an envelope to its acknowledgement, the disk of the peer
// included.
func measured(streams []snapshot.WireStateSnapshot, at func(wire.PeerID) *PeerState) {
	for _, w := range streams {
		if w.RTTSamples == 0 && w.Level == 0 {
			continue
		}
		s := at(wire.PeerID(w.Peer))
		s.RTTNs, s.RTTVarNs = w.RTT, w.RTTVar
		if w.Level > 0 && s.Health == "up" {
			s.Health = "suspected"
		}
	}
}

// shut marks those of the peers that an allowlist keeps out.
func shut(f *snapshot.FrameworkSnapshot, all map[wire.PeerID]*PeerState) {
	if f.PeerGovernor.Allowlist == nil {
		return
	}
	for p, s := range all {
		if _, ok := slices.BinarySearch(f.PeerGovernor.Allowlist.Peers, string(p)); !ok && s.Health != "blocked" {
			s.Health = "refused"
		}
	}
}
