package peer

import (
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// The waits of Backoff: up to 10 ms after the first failure, up to twice as long after each further one, at most 60 s.
const (
	backoffBaseNs = 10e6
	backoffCapNs  = 60e9
)

// Backoff says which peers are left alone for a while after failures. It is thread-unsafe. The wait is drawn evenly
// from nothing to the bound (full jitter), so that many nodes that lost one peer do not come back to it all at once. Of
// a full table the peer that may be contacted soonest is forgotten, which means that it may be contacted at once.
type Backoff struct {
	peers   int // bound
	entries map[wire.PeerID]*wait
}

type wait struct {
	attempts   int32 // failures in a row
	last, next int64
}

// NewBackoff returns an empty table with room for so many peers.
func NewBackoff(peers int) *Backoff {
	return &Backoff{peers: peers}
}

// Ready says whether the peer may be contacted.
func (b *Backoff) Ready(p wire.PeerID, now int64) bool {
	w := b.entries[p]
	return w == nil || now >= w.next
}

// Success forgets the peer's failures.
func (b *Backoff) Success(p wire.PeerID) { delete(b.entries, p) }

// Failure notes one more failure in a row and draws the time of the next attempt.
func (b *Backoff) Failure(p wire.PeerID, now int64, rand func() uint64) {
	w := b.entries[p]
	if w == nil {
		if len(b.entries) >= b.peers {
			b.forget()
		}
		w = &wait{}
		put(&b.entries, p, w)
	}
	w.last, w.next = now, after(now, upTo(exponential(backoffBaseNs, backoffCapNs, w.attempts), rand))
	w.attempts = min(w.attempts+1, 1<<20)
}

// Spread draws anew, after a restart, when each peer whose wait is over may be contacted. Waits that run go on.
func (b *Backoff) Spread(now int64, rand func() uint64) {
	for _, p := range sorted(b.entries) {
		if w := b.entries[p]; w.next <= now {
			w.next = after(now, upTo(exponential(backoffBaseNs, backoffCapNs, w.attempts-1), rand))
		}
	}
}

// forget drops the peer that may be contacted soonest, the first by name among equals.
func (b *Backoff) forget() {
	var least wire.PeerID
	var of *wait
	for p, w := range b.entries { // the least by time and name, whatever the order
		if of == nil || w.next < of.next || w.next == of.next && p < least {
			least, of = p, w
		}
	}
	delete(b.entries, least)
}

// Snapshot returns the entries by peer.
func (b *Backoff) Snapshot() []snapshot.BackoffEntry { return b.Capture()() }

// Capture takes the entries as they are, and returns what describes them, which may run beside the engine.
func (b *Backoff) Capture() func() []snapshot.BackoffEntry {
	rows := make([]row[wait], 0, len(b.entries))
	for p, w := range b.entries { // sorted before anybody sees it
		rows = append(rows, row[wait]{p, *w})
	}
	return func() []snapshot.BackoffEntry { return describeBackoff(inOrder(rows)) }
}

func describeBackoff(rows []row[wait]) []snapshot.BackoffEntry {
	var out []snapshot.BackoffEntry
	for i := range rows {
		w := &rows[i].v
		out = append(out, snapshot.BackoffEntry{Peer: string(rows[i].peer), Attempts: w.attempts, Last: w.last,
			Next: w.next})
	}
	return out
}

// RestoreBackoff returns the table that the entries describe. Waits go on where they were: the times are of the
// engine's own clock (trap absolute-time).
func RestoreBackoff(entries []snapshot.BackoffEntry, peers int) (*Backoff, error) {
	b := NewBackoff(peers)
	if len(entries) > peers {
		return nil, &FullError{"backoff", peers}
	}
	last := ""
	for _, e := range entries {
		switch {
		case e.Peer <= last:
			return nil, &RestoreError{"backoff", e.Peer, "the peers are not in ascending order"}
		case e.Attempts < 1 || e.Last < 0 || e.Next < e.Last:
			return nil, &RestoreError{"backoff", e.Peer, "there was no attempt, or the next one lies before the last"}
		}
		put(&b.entries, wire.PeerID(e.Peer), &wait{e.Attempts, e.Last, e.Next})
		last = e.Peer
	}
	return b, nil
}
