package host

import (
	"container/heap"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// linkEvery is how often the node hears of the links with one peer, in nanoseconds: one that comes and goes all the
// time must not fill the journal.
const linkEvery = 1e9

// Links collects what a transport sees of its peers until the node takes it: of each peer the newest, once a second at
// most. That a link ended in between is not lost, because what was under way then may be. It is safe for concurrent
// use, holds an entry for each peer that is linked or of which there is news, and has no clock.
type Links struct {
	mu    sync.Mutex
	peers map[wire.PeerID]*links
	fresh []*links  // of which something was noted since the last Take, each once
	later laterHeap // which are to be looked at when their time has come
}

type links struct {
	peer           wire.PeerID
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

	noted bool  // it is among the fresh ones
	at    int64 // engine time at which it is to be looked at, where it is in the heap
	place int   // in the heap, plus one; 0 where it is not there
}

// reasonMax bounds the text of why a link ended, in bytes.
const reasonMax = 200

func (l *Links) of(p wire.PeerID) *links {
	if l.peers == nil {
		l.peers = map[wire.PeerID]*links{}
	}
	e := l.peers[p]
	if e == nil {
		e = &links{peer: p}
		l.peers[p] = e
	}
	l.note(e)
	return e
}

// note has the next Take look at an entry.
func (l *Links) note(e *links) {
	if !e.noted {
		e.noted = true
		l.fresh = append(l.fresh, e)
	}
}

// text returns a reason as an input can hold it: a part of it may be what a peer said, so it is cut, and made text
// again.
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

// Again has the node hear once more that a peer is linked, where it is: while the peer was no member, the node would
// not know.
func (l *Links) Again(p wire.PeerID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.peers[p]
	if e == nil || !e.up {
		return false
	}
	e.told, e.broke, e.news, e.taught = false, false, true, false
	l.note(e)
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

// Take returns the inputs that the node is to hear at engine time now, in the order of the peers, and the time at which
// the next are due, or Never. It looks at those peers only of which there is news.
func (l *Links) Take(now int64) (events []*engine.Event, next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	look := l.fresh
	l.fresh = nil
	for len(l.later) > 0 && l.later[0].at <= now {
		if e := heap.Pop(&l.later).(*links); !e.noted {
			look = append(look, e)
		}
	}
	slices.SortFunc(look, func(a, b *links) int { return strings.Compare(string(a.peer), string(b.peer)) })
	for _, e := range look {
		e.noted = false
		var at int64
		events, at = e.take(events, now)
		if e.place != 0 {
			heap.Remove(&l.later, e.place-1)
		}
		switch {
		case at != Never:
			e.at = at
			heap.Push(&l.later, e)
		case !e.up && !e.news:
			delete(l.peers, e.peer)
		}
	}
	if len(l.later) == 0 {
		return events, Never
	}
	return events, l.later[0].at
}

// take adds what the node is to hear of a peer, and returns when the peer is to be looked at again, or Never: a peer
// that is not linked and of which there is no news is forgotten then.
func (e *links) take(events []*engine.Event, now int64) ([]*engine.Event, int64) {
	p := string(e.peer)
	if e.failure != "" {
		events = append(events, &engine.Event{SendFailed: &snapshot.SendFailedEvent{Peer: p, Reason: e.failure,
			Unreachable: e.unreachable}})
		e.failure, e.unreachable = "", false
	}
	due := !e.taught || now-e.taken >= linkEvery
	if e.news && due {
		if e.broke {
			events = append(events, &engine.Event{Link: &snapshot.LinkEvent{Peer: p, Reason: e.reason}})
		}
		if e.up {
			events = append(events, &engine.Event{Link: &snapshot.LinkEvent{Peer: p, Remote: e.remote, Up: true}})
		}
		e.seen = e.remote
		e.told, e.broke, e.news, e.taken, e.taught = e.up, false, false, now, true
		due = false
	}
	if e.news && !due || !e.up && !due {
		return events, e.taken + linkEvery // to be told of it, or to forget it
	}
	return events, Never
}

// laterHeap orders entries by the time at which they are to be looked at.
type laterHeap []*links

func (h laterHeap) Len() int { return len(h) }

func (h laterHeap) Less(i, j int) bool { return h[i].at < h[j].at }

func (h laterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

// Push is for package heap.
func (h *laterHeap) Push(x any) {
	e := x.(*links)
	*h = append(*h, e)
	e.place = len(*h)
}

// Pop is for package heap.
func (h *laterHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	e.place = 0
	return e
}
