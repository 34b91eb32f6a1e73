package host

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/wire"
)

// linkEvery is how often the node hears of the links with one peer, in nanoseconds: one that comes and goes all the time must
// not fill the journal.
const linkEvery = 1e9

// Links collects what a transport sees of its peers until the node takes it: of each peer the newest, once a second at most.
// That a link ended in between is not lost, because what was under way then may be. It is safe for concurrent use, holds an
// entry for each peer that is linked or of which there is news, and has no clock.
type Links struct {
	mu    sync.Mutex
	peers map[wire.PeerID]*links
}

type links struct {
	up             bool
	remote, reason string

	told   bool   // the node took that a link is there
	seen   string // at this address
	broke  bool   // a link ended since
	news   bool   // the node has not taken the newest
	taken  int64  // engine time at which it last took something
	taught bool   // it did at all

	failure     string // a packet did not leave, and why; empty is none
	unreachable bool
}

// reasonMax bounds the text of why a link ended, in bytes.
const reasonMax = 200

func (l *Links) of(p wire.PeerID) *links {
	if l.peers == nil {
		l.peers = map[wire.PeerID]*links{}
	}
	e := l.peers[p]
	if e == nil {
		e = &links{}
		l.peers[p] = e
	}
	return e
}

// text returns a reason as an input can hold it: a part of it may be what a peer said, so it is cut, and made text again.
func text(err error) string {
	if err == nil {
		return "closed"
	}
	s := err.Error()
	if s == "" {
		return "no reason was given" // nothing stands for no failure
	}
	return strings.ToValidUTF8(s[:min(len(s), reasonMax)], "?")
}

// Up notes a link, and where the peer is seen.
func (l *Links) Up(p wire.PeerID, remote string) {
	if len(remote) > wire.AddressBytesMax || !utf8.ValidString(remote) {
		remote = ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of(p)
	e.up, e.remote = true, remote
	e.news = !e.told || e.broke || e.remote != e.seen
}

// Again has the node hear once more that a peer is linked, where it is: while the peer was no member, the node would not know.
func (l *Links) Again(p wire.PeerID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.peers[p]
	if e == nil || !e.up {
		return false
	}
	e.told, e.broke, e.news, e.taught = false, false, true, false
	return true
}

// Down notes that the last link ended.
func (l *Links) Down(p wire.PeerID, reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of(p)
	e.up, e.reason = false, text(reason)
	e.broke = e.broke || e.told
	e.news = e.told // one that came and went unseen is none
}

// Failed notes that a packet did not leave: unreachable says that no address is known, or that none answers.
func (l *Links) Failed(p wire.PeerID, reason error, unreachable bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.of(p)
	e.failure, e.unreachable = text(reason), e.unreachable || unreachable
}

// Take returns the inputs that the node is to hear at engine time now, in the order of the peers, and the time at which the next
// are due, or Never.
func (l *Links) Take(now int64) (events []*engine.Event, next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next = Never
	if len(l.peers) == 0 {
		return nil, next
	}
	for _, p := range slices.Sorted(maps.Keys(l.peers)) {
		e := l.peers[p]
		if e.failure != "" {
			events = append(events, &engine.Event{SendFailed: &snapshot.SendFailedEvent{Peer: string(p), Reason: e.failure, Unreachable: e.unreachable}})
			e.failure, e.unreachable = "", false
		}
		due := !e.taught || now-e.taken >= linkEvery
		if e.news && !due {
			next = min(next, e.taken+linkEvery)
		}
		if e.news && due {
			if e.broke {
				events = append(events, &engine.Event{Link: &snapshot.LinkEvent{Peer: string(p), Reason: e.reason}})
			}
			if e.up {
				events = append(events, &engine.Event{Link: &snapshot.LinkEvent{Peer: string(p), Remote: e.remote, Up: true}})
			}
			e.seen = e.remote
			e.told, e.broke, e.news, e.taken, e.taught = e.up, false, false, now, true
		}
		switch {
		case e.up || e.news:
		case !e.taught || now-e.taken >= linkEvery:
			delete(l.peers, p)
		default:
			next = min(next, e.taken+linkEvery) // to forget it
		}
	}
	return events, next
}
