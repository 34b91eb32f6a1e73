package deploy

import (
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// bucket is a number of turns that grows with time up to a bound.
type bucket struct {
	turns float64
	at    time.Time
}

// take takes a turn, where one is there.
func (b *bucket) take(most, perSecond float64, now time.Time) bool {
	if b.at.IsZero() {
		b.turns = most
	} else if gone := now.Sub(b.at).Seconds(); gone > 0 {
		b.turns = min(most, b.turns+gone*perSecond)
	}
	b.at = now
	if b.turns < 1 {
		return false
	}
	b.turns--
	return true
}

// The bounds of the turnstile. An artifact may have 64 MiB: to give it out is the most that a stranger can make a
// server do.
const (
	turnsOfPeer      = 8  // at once
	turnsPerSecond   = 1  // of a peer
	strangersAtOnce  = 64 // turns of all that nobody has invited, at an open server
	strangersSecond  = 16
	turnstilePeers   = 4096            // that are remembered
	turnstileStreams = 128             // under way at once, of all peers
	turnWithin       = 2 * time.Second // for the end of a peer's last stream
)

// turnstile bounds how often peers may ask for the job: each has a few turns and one stream at a time, and those that
// nobody has invited have some in all. It is safe for concurrent use.
type turnstile struct {
	mu        sync.Mutex
	peers     map[wire.PeerID]*bucket
	busy      map[wire.PeerID]chan struct{} // closed when the stream ends
	strangers bucket
}

// enter begins a turn of a peer, and returns what ends it, or nil where it has to come later. While the peer's last
// stream is still ending it waits, for a moment: whoever has its answer may ask again before this end knows that.
func (t *turnstile) enter(p wire.PeerID, wait time.Duration) (leave func()) {
	late := time.NewTimer(wait)
	defer late.Stop()
	for {
		leave, ending := t.try(p, time.Now())
		if ending == nil {
			return leave
		}
		select {
		case <-ending:
		case <-late.C:
			return nil
		}
	}
}

// try begins a turn where there is one. ending is closed when the stream that stands in its way has ended.
func (t *turnstile) try(p wire.PeerID, now time.Time) (leave func(), ending <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.peers == nil {
		t.peers, t.busy = map[wire.PeerID]*bucket{}, map[wire.PeerID]chan struct{}{}
	}
	if now := t.busy[p]; now != nil {
		return nil, now
	}
	if len(t.busy) >= turnstileStreams {
		return nil, nil
	}
	b := t.peers[p]
	if b == nil {
		t.forget(now)
		b = &bucket{}
		t.peers[p] = b
	}
	if !b.take(turnsOfPeer, turnsPerSecond, now) {
		return nil, nil
	}
	ended := make(chan struct{})
	t.busy[p] = ended
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.busy, p)
		close(ended)
	}, nil
}

// forget makes room for one more peer: those that have all their turns again are as good as new. Where there is none of
// those, any other goes: keys are free, so no table can remember all of them, and what they can do in all is bounded
// elsewhere.
func (t *turnstile) forget(now time.Time) {
	if len(t.peers) < turnstilePeers {
		return
	}
	for p, b := range t.peers {
		if now.Sub(b.at).Seconds()*turnsPerSecond >= turnsOfPeer {
			delete(t.peers, p)
		}
	}
	for p := range t.peers {
		if len(t.peers) < turnstilePeers {
			return
		}
		delete(t.peers, p)
	}
}

// stranger takes a turn of one whom nobody has invited.
func (t *turnstile) stranger(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.strangers.take(strangersAtOnce, strangersSecond, now)
}
