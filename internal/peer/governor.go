package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Governor says who may talk to the node, and who is well. It is thread-unsafe.
//
// Being down is no ban: a peer that is down is still admitted, and the first word of it brings it back (trap
// mute-for-ever). The health of at most a bounded number of peers is kept; beyond that the one that was heard of
// longest ago is forgotten, those that are not down first.
type Governor struct {
	blocked   []wire.PeerID
	closed    bool // the allowlist holds; with an empty one nobody is admitted
	threshold int32
	health    table[health]
	allowed   []wire.PeerID
	operators []wire.PeerID // who may call the control plane from afar
	peers     int           // bound of each list
}

type health struct {
	last     int64
	failures int32 // in a row
	heard    bool  // since it was first noted, or came back
	down     bool
	lost     bool // no address is known, or none works; until it is heard
}

// NewGovernor returns a governor that is open to all. A peer is down after threshold failures in a row; each list holds
// at most so many peers.
func NewGovernor(threshold, peers int) *Governor {
	return &Governor{threshold: int32(threshold), peers: peers}
}

// Admit says whether the peer may talk to the node: nil, or a *NotAdmittedError. Blocking is stronger than allowing.
func (g *Governor) Admit(p wire.PeerID) error {
	if _, ok := slices.BinarySearch(g.blocked, p); ok {
		return &NotAdmittedError{p, "blocked"}
	}
	if _, ok := slices.BinarySearch(g.allowed, p); g.closed && !ok {
		return &NotAdmittedError{p, "not on the allowlist"}
	}
	return nil
}

// Block keeps the peer out until Unblock. The error is a *FullError.
func (g *Governor) Block(p wire.PeerID) error { return g.insert(&g.blocked, p, "blocked peers") }

// Unblock takes the peer from the blocklist and says whether it was there.
func (g *Governor) Unblock(p wire.PeerID) bool {
	i, ok := slices.BinarySearch(g.blocked, p)
	if ok {
		g.blocked = slices.Delete(g.blocked, i, i+1)
	}
	return ok
}

// Allow puts the peer on the allowlist, and closes the node to all that are not on it. The error is a *FullError.
func (g *Governor) Allow(p wire.PeerID) error {
	err := g.insert(&g.allowed, p, "allowed peers")
	g.closed = g.closed || err == nil
	return err
}

// Disallow takes the peer from the allowlist, which stays closed, and says whether it was there.
func (g *Governor) Disallow(p wire.PeerID) bool {
	i, ok := slices.BinarySearch(g.allowed, p)
	if ok {
		g.allowed = slices.Delete(g.allowed, i, i+1)
	}
	return ok
}

// Grant gives the peer the right to call the control plane. The error is a *FullError.
func (g *Governor) Grant(p wire.PeerID) error { return g.insert(&g.operators, p, "operators") }

// Revoke takes that right back, and says whether it was there.
func (g *Governor) Revoke(p wire.PeerID) bool {
	i, ok := slices.BinarySearch(g.operators, p)
	if ok {
		g.operators = slices.Delete(g.operators, i, i+1)
	}
	return ok
}

// MayControl says whether the peer may call the control plane: nil, or a *NotAdmittedError.
func (g *Governor) MayControl(p wire.PeerID) error {
	if err := g.Admit(p); err != nil {
		return err
	}
	if _, ok := slices.BinarySearch(g.operators, p); !ok {
		return &NotAdmittedError{p, "no operator of this node"}
	}
	return nil
}

// Lists returns the blocked peers and the allowed ones, both ascending, and whether all others are kept out. The caller
// must not change them, and they are good until the next change.
func (g *Governor) Lists() (blocked, allowed []wire.PeerID, closed bool) {
	return g.blocked, g.allowed, g.closed
}

// Blocked says whether the peer is on the blocklist.
func (g *Governor) Blocked(p wire.PeerID) bool {
	_, ok := slices.BinarySearch(g.blocked, p)
	return ok
}

// Close closes the node to all that are not on the allowlist: to everybody while it is empty.
func (g *Governor) Close() { g.closed = true }

// Open drops the allowlist: all that are not blocked are admitted again.
func (g *Governor) Open() { g.closed, g.allowed = false, nil }

func (g *Governor) insert(list *[]wire.PeerID, p wire.PeerID, what string) error {
	i, ok := slices.BinarySearch(*list, p)
	if ok {
		return nil
	}
	if len(*list) >= g.peers {
		return &FullError{what, g.peers}
	}
	*list = slices.Insert(*list, i, p)
	return nil
}

// Success notes that the peer was heard, and says whether that is news: it was down, or was never heard before.
func (g *Governor) Success(p wire.PeerID, now int64) bool {
	h := g.entry(p)
	news := h.down || !h.heard
	*h = health{last: now, heard: true}
	return news
}

// Failure notes that the peer could not be reached, and says whether it is down now and was not before.
func (g *Governor) Failure(p wire.PeerID, now int64) bool {
	h := g.entry(p)
	h.failures, h.last = min(h.failures+1, g.threshold), now
	if h.down || h.failures < g.threshold {
		return false
	}
	h.down = true
	return true
}

// Unresolved notes that no address of the peer is known or works, and says whether that is news. A peer that is heard
// is resolved again.
func (g *Governor) Unresolved(p wire.PeerID, now int64) bool {
	h := g.entry(p)
	if h.lost {
		return false
	}
	if h.lost = true; h.failures == 0 && !h.heard {
		h.failures, h.last = 1, now // something happened to it
		h.down = g.threshold == 1
	}
	return true
}

// Resolved notes that an address of the peer is known again.
func (g *Governor) Resolved(p wire.PeerID) {
	if h := g.health.get(p); h != nil {
		h.lost = false
	}
}

// Lost says whether the peer is unresolved.
func (g *Governor) Lost(p wire.PeerID) bool {
	h := g.health.get(p)
	return h != nil && h.lost
}

// Silent notes that the peer was silent for too long, as if it had failed too often, and says whether it is down now
// and was not before.
func (g *Governor) Silent(p wire.PeerID, now int64) bool {
	h := g.entry(p)
	news := !h.down
	h.failures, h.last, h.down = g.threshold, now, true
	return news
}

// Down says whether the peer failed so often in a row that it counts as down.
func (g *Governor) Down(p wire.PeerID) bool {
	h := g.health.get(p)
	return h != nil && h.down
}

// Last returns the engine time at which something of the peer was last noted, and whether it was ever heard.
func (g *Governor) Last(p wire.PeerID) (last int64, heard bool) {
	if h := g.health.get(p); h != nil {
		return h.last, h.heard
	}
	return 0, false
}

// entry returns the health of a peer, and makes room for it where it is new.
func (g *Governor) entry(p wire.PeerID) *health {
	if h := g.health.get(p); h != nil {
		return h
	}
	if g.health.len() >= g.peers {
		g.forget()
	}
	return g.health.put(p, health{})
}

// forget drops the health that matters least. The choice depends on the content alone: not down before down, then the
// oldest, then the first by name.
func (g *Governor) forget() {
	// The order of the rows does not show: the least is one. Strangers may come by the thousand, so nothing is sorted.
	least := &g.health.rows[0]
	for i := range g.health.rows {
		r := &g.health.rows[i]
		if r.v.down != least.v.down {
			if least.v.down {
				least = r
			}
		} else if r.v.last < least.v.last || r.v.last == least.v.last && r.peer < least.peer {
			least = r
		}
	}
	g.health.remove(least.peer)
}

// Snapshot returns the lists and the health of all peers, by peer.
func (g *Governor) Snapshot() snapshot.PeerGovernorSnapshot { return g.Capture()() }

// Capture takes what the governor knows as it is, and returns what describes it, which may run beside the engine.
func (g *Governor) Capture() func() snapshot.PeerGovernorSnapshot {
	s := snapshot.PeerGovernorSnapshot{Blocked: texts(g.blocked), Threshold: g.threshold, Operators: texts(g.operators)}
	if g.closed {
		s.Allowlist = &snapshot.AllowSnapshot{Peers: texts(g.allowed)}
	}
	rows := slices.Clone(g.health.rows)
	return func() snapshot.PeerGovernorSnapshot {
		s := s
		for _, r := range inOrder(rows) {
			h := &r.v
			s.Health = append(s.Health, snapshot.HealthSnapshot{Peer: string(r.peer), Failures: h.failures,
				Last: h.last, Down: h.down, Heard: h.heard, Lost: h.lost})
		}
		return s
	}
}

// RestoreGovernor returns the governor that the message describes; its threshold is the message's.
func RestoreGovernor(s snapshot.PeerGovernorSnapshot, peers int) (*Governor, error) {
	g := NewGovernor(int(s.Threshold), peers)
	if s.Threshold < 1 {
		return nil, &RestoreError{"governor", "threshold", "want at least 1"}
	}
	if err := ascending("blocked peers", s.Blocked, peers); err != nil {
		return nil, err
	}
	for _, p := range s.Blocked {
		g.blocked = append(g.blocked, wire.PeerID(p))
	}
	if s.Allowlist != nil {
		if err := ascending("allowed peers", s.Allowlist.Peers, peers); err != nil {
			return nil, err
		}
		g.closed = true
		for _, p := range s.Allowlist.Peers {
			g.allowed = append(g.allowed, wire.PeerID(p))
		}
	}
	if err := ascending("operators", s.Operators, peers); err != nil {
		return nil, err
	}
	for _, p := range s.Operators {
		g.operators = append(g.operators, wire.PeerID(p))
	}
	if len(s.Health) > peers {
		return nil, &FullError{"health", peers}
	}
	last := ""
	for _, h := range s.Health {
		switch {
		case h.Peer <= last:
			return nil, &RestoreError{"health", h.Peer, "the peers are not in ascending order"}
		case h.Failures < 0 || h.Failures > s.Threshold || h.Down != (h.Failures == s.Threshold):
			return nil, &RestoreError{"health", h.Peer, "down does not agree with the failures in a row"}
		case h.Failures == 0 && !h.Heard || h.Last < 0:
			return nil, &RestoreError{"health", h.Peer, "nothing ever happened to it, or before time began"}
		}
		g.health.put(wire.PeerID(h.Peer), health{failures: h.Failures, last: h.Last, heard: h.Heard, down: h.Down,
			lost: h.Lost})
		last = h.Peer
	}
	return g, nil
}
