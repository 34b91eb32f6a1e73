package transporttest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// patience is how long the kit waits for what must come; only a failing transport lets it pass.
var patience = 20 * time.Second

// peerLog is what a Recorder has seen of one peer.
type peerLog struct {
	got      [][]byte
	linked   int
	unlinked int
	lost     int
	reasons  []error
	remote   string
	calling  bool
	links    []int // for each Linked, how many packets had come
}

// Recorder is a receiver that remembers, and that watches the order of its calls. It is safe for concurrent use.
type Recorder struct {
	admit func(wire.PeerID) error
	gate  func(from wire.PeerID, raw []byte) // called by Receive, outside of the lock
	count bool                               // only counts packets

	mu      sync.Mutex
	peers   map[wire.PeerID]*peerLog
	closed  bool
	faults  []string
	changed chan struct{}
	packets int
}

// NewRecorder returns a Recorder that admits everybody.
func NewRecorder() *Recorder {
	return &Recorder{peers: map[wire.PeerID]*peerLog{}, changed: make(chan struct{})}
}

func (r *Recorder) log(p wire.PeerID) *peerLog {
	l := r.peers[p]
	if l == nil {
		l = &peerLog{}
		r.peers[p] = l
	}
	return l
}

func (r *Recorder) fault(format string, args ...any) {
	if len(r.faults) < 20 {
		r.faults = append(r.faults, fmt.Sprintf(format, args...))
	}
}

// enter begins a call for a peer, and checks that none runs.
func (r *Recorder) enter(what string, p wire.PeerID) *peerLog {
	r.mu.Lock()
	l := r.log(p)
	if l.calling {
		r.fault("%s(%s) while another call for this peer runs", what, p)
	}
	if r.closed {
		r.fault("%s(%s) after Close", what, p)
	}
	l.calling = true
	return l
}

func (r *Recorder) leave(l *peerLog) {
	l.calling = false
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
}

// Admit asks the test's function.
func (r *Recorder) Admit(p wire.PeerID) error {
	if r.admit != nil {
		return r.admit(p)
	}
	return nil
}

// Receive keeps the packet.
func (r *Recorder) Receive(from wire.PeerID, raw []byte) error {
	l := r.enter("Receive", from)
	if l.linked != l.unlinked+1 {
		r.fault("a packet of %s with no link: %d Linked, %d Unlinked", from, l.linked, l.unlinked)
	}
	if r.gate != nil {
		r.mu.Unlock()
		r.gate(from, raw)
		r.mu.Lock()
	}
	r.packets++
	if !r.count {
		l.got = append(l.got, raw)
	}
	r.leave(l)
	return nil
}

// Linked keeps the address.
func (r *Recorder) Linked(p wire.PeerID, remote string) {
	l := r.enter("Linked", p)
	if l.linked++; l.linked != l.unlinked+1 {
		r.fault("Linked(%s) comes %d times after %d Unlinked", p, l.linked, l.unlinked)
	}
	l.remote = remote
	l.links = append(l.links, len(l.got))
	r.leave(l)
}

// Unlinked keeps the reason.
func (r *Recorder) Unlinked(p wire.PeerID, reason error) {
	l := r.enter("Unlinked", p)
	if l.unlinked++; l.linked != l.unlinked {
		r.fault("Unlinked(%s) comes %d times after %d Linked", p, l.unlinked, l.linked)
	}
	if reason == nil {
		r.fault("Unlinked(%s) without a reason", p)
	}
	l.reasons = append(l.reasons, reason)
	r.leave(l)
}

// Lost counts the packets.
func (r *Recorder) Lost(to wire.PeerID, packets int, reason error) {
	l := r.enter("Lost", to)
	if packets <= 0 || reason == nil {
		r.fault("Lost(%s, %d, %v)", to, packets, reason)
	}
	l.lost += packets
	l.reasons = append(l.reasons, reason)
	r.leave(l)
}

// await waits until a condition on what was seen of a peer holds.
func (r *Recorder) await(t testing.TB, what string, p wire.PeerID, ok func(l *peerLog) bool) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		r.mu.Lock()
		l := r.log(p)
		done, changed := ok(l), r.changed
		seen := fmt.Sprintf("%d packets, %d linked, %d unlinked, %d lost, %v", len(l.got), l.linked, l.unlinked, l.lost,
			l.reasons)
		r.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			t.Fatalf("waited for %s of %s; seen: %s", what, p, seen)
		}
	}
}

// see runs f on what was seen of a peer.
func (r *Recorder) see(p wire.PeerID, f func(l *peerLog)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.log(p))
}

// check says which calls broke the contract.
func (r *Recorder) check(t testing.TB, who string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.faults {
		t.Errorf("%s: %s", who, f)
	}
}
