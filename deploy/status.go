package deploy

import (
	"cmp"
	"slices"
	"sync"

	"github.com/rhizome-ml/rhizome/deploy/exchange"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/wire"
)

// Status is how a node is.
type Status struct {
	Peer        wire.PeerID       `json:"peer"`
	Role        string            `json:"role"`
	Job         string            `json:"job"`
	Place       string            `json:"place"`
	Digest      string            `json:"digest"` // of the program
	Running     bool              `json:"running"`
	Starts      uint64            `json:"starts"`
	Incarnation uint64            `json:"incarnation"`
	Epoch       uint64            `json:"epoch"`
	Round       int               `json:"round"`
	Rounds      int               `json:"rounds"`
	Done        *exchange.Done    `json:"done,omitempty"`
	NowNs       int64             `json:"now_ns"`    // engine time
	Addresses   []string          `json:"addresses"` // where it listens
	Links       int               `json:"links"`
	Activations int               `json:"activations"` // under way
	Commands    int               `json:"commands"`    // given to workers
	Outbox      int               `json:"outbox"`      // envelopes that are not acknowledged
	Timers      int               `json:"timers"`
	Down        int               `json:"peers_down"`
	Blocked     int               `json:"peers_blocked"`
	Counters    map[string]uint64 `json:"counters"`
	Refused     map[string]uint64 `json:"refused"` // inputs since the process started, by reason
}

// PeerState is what a node knows of a peer.
type PeerState struct {
	Peer      wire.PeerID `json:"peer"`
	Member    *int        `json:"member,omitempty"` // its number at this server
	Server    bool        `json:"server,omitempty"` // of this client
	Health    string      `json:"health"`           // blocked, refused (not on the allowlist), down, suspected, up, or unknown
	Failures  int32       `json:"failures"`         // in a row
	RTTNs     int64       `json:"rtt_ns,omitempty"` // until it acknowledges, smoothed; 0 where nothing was measured
	RTTVarNs  int64       `json:"rtt_var_ns,omitempty"`
	Linked    bool        `json:"linked"`
	Remote    string      `json:"remote,omitempty"`    // where it is seen
	Addresses []string    `json:"addresses,omitempty"` // where it may be
	Outbox    int         `json:"outbox"`              // envelopes to it that are not acknowledged
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
	if rec.Kind == job.KindGossip {
		cfg, err := job.GossipFromSettings(rec.Settings)
		if err != nil {
			return 0
		}
		return cfg.Rounds
	}
	cfg, err := job.FromSettings(rec.Settings)
	if err != nil {
		return 0
	}
	return cfg.Rounds
}

// statusOf says how a node is; n is nil where it has no state yet.
func statusOf(self wire.PeerID, rec *Record, n *node.Node, l *links) (*Status, error) {
	s := &Status{Peer: self, Addresses: []string{}, Counters: map[string]uint64{}, Refused: map[string]uint64{}, Links: len(l.look())}
	if rec != nil {
		s.Role, s.Job, s.Place, s.Digest, s.Starts, s.Done = rec.Role, rec.Job, rec.Place, rec.Digest, rec.Starts, rec.Done
		s.Addresses = append(s.Addresses, rec.Listen...)
		s.Rounds = roundsOf(rec)
		if rec.Done != nil {
			s.Round = rec.Done.Rounds
		}
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
	if history := job.History(n); len(history) > 0 {
		s.Round = history[len(history)-1].Round
	}
	return s, nil
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

// measured adds how peers answer: from the first sending of an envelope to its acknowledgement, the disk of the peer included.
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
