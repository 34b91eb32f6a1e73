package libp2p

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/rhizome-ml/rhizome/transport"
)

// link is the two streams between this end and a peer; either may be missing while nothing travels in its direction.
// All but frames and heard is guarded by record.mu.
type link struct {
	out    network.Stream
	frames *frameWriter // of out; the writer's alone
	in     network.Stream
	over   bool
	made   time.Time
	heard  atomic.Uint64 // frames and answers that came in

	heardThen uint64 // when watch last looked
	silent    int    // looks since something came
	asking    bool

	asideLink
}

// conn returns a connection of the link.
func (l *link) conn() network.Conn {
	if l.out != nil {
		return l.out.Conn()
	}
	return l.in.Conn()
}

var (
	errReplaced = errors.New("the peer has opened a new link in place of this one")
	errDropped  = errors.New("dropped by this end")
	errGone     = errors.New("the connection has ended")
	errStraight = errors.New("a connection without a relay has come")
	errStranded = errors.New("the machine has moved or slept, and the connection leads nowhere any more")
	errSilent   = errors.New("the peer does not answer any more")
)

// attachOut makes a stream that the peer has answered the outgoing one of the link. on is the link on whose connection
// it was opened, or nil: that may be beside the one of the peer by now, or over.
func (r *record) attachOut(s network.Stream, on *link) {
	r.mu.Lock()
	if on != nil {
		on.opening = false
		if on.beside && on.out == nil {
			on.out, on.frames = s, &frameWriter{w: s}
			r.copyOn(on)
			r.mu.Unlock()
			return
		}
		if l := r.link; l != on && l != nil && l.in != nil && l.in.Conn() != s.Conn() {
			r.mu.Unlock()
			_ = s.Reset()
			return
		}
	}
	if r.taken() {
		r.mu.Unlock()
		_ = s.Reset()
		return
	}
	l := r.current(s)
	l.out, l.frames = s, &frameWriter{w: s}
	r.fails = 0
	r.mu.Unlock()
	r.flush()
}

// attachIn makes a stream that the peer has opened the incoming one of its link; one that was there before ends with
// its link, or stays beside it where it came over another connection. It returns nil when the record was forgotten.
func (r *record) attachIn(s network.Stream) *link {
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return nil
	}
	for _, b := range r.beside {
		if b.in.Conn() == s.Conn() {
			r.leave(b)
		}
	}
	var old *link
	if r.link != nil && r.link.in != nil && !r.putAside(r.link, s.Conn()) {
		old = r.link
		r.finish(old, errReplaced)
	}
	l := r.current(s)
	l.in = s
	r.fails = 0
	r.mu.Unlock()
	if old != nil {
		old.reset()
	}
	r.flush()
	r.kick()
	return l
}

// current returns the link, a new one if none is there. The caller holds mu.
func (r *record) current(s network.Stream) *link {
	if r.link == nil {
		r.link = &link{made: time.Now()}
		r.t.counts.linked.Add(1)
		r.notes = append(r.notes, note{kind: linked, remote: s.Conn().RemoteMultiaddr().String()})
	}
	return r.link
}

// finish marks a link as over and notes it. The caller holds mu, and resets the link's streams afterwards.
func (r *record) finish(l *link, reason error) {
	l.over = true
	if r.link == l {
		r.link = nil
	}
	r.brief(l)
	r.t.counts.unlinked.Add(1)
	r.notes = append(r.notes, note{kind: unlinked, reason: reason})
}

// Links that end soon after they were made. Two ends with one key are heard side by side (see putAside); over a relay
// with limits they take each other's place, each time that one of them comes. Without pauses they would do so as often
// as they can, and with pauses that are shorter than the way there and back neither would ever hear an answer: they
// grow, and are drawn, so that one end has the peer to itself for a while.
const (
	briefLink = time.Second
	briefFree = 6 // in a row, before there are pauses
)

// brief notes how long a link has lasted, and pauses before the next one where several in a row were brief. The caller
// holds mu.
func (r *record) brief(l *link) {
	if time.Since(l.made) >= briefLink {
		r.briefs = 0
		return
	}
	if r.briefs++; r.briefs > briefFree {
		r.fails = max(r.fails, 1)
		span := min(r.t.cfg.RetryMax, r.t.cfg.RetryMin<<min(r.briefs-briefFree, 20))
		r.retry = time.Now().Add(span/2 + rand.N(span/2+1))
	}
}

// end ends a link, unless it is over already.
func (r *record) end(l *link, reason error) {
	r.mu.Lock()
	switch {
	case l != nil && l.beside:
		r.leave(l)
		if r.link == nil || !errors.As(reason, new(*transport.MalformedError)) {
			r.mu.Unlock()
			return
		}
		// Who breaks the framing is told of by the end of his link, over whichever connection he does it.
		r.leaveAll()
		l = r.link
	case l == nil || l.over:
		r.mu.Unlock()
		return
	}
	r.finish(l, reason)
	r.succeed()
	r.mu.Unlock()
	l.reset()
	r.flush()
	r.kick()
}

// reset gives up the streams of a link that is over.
func (l *link) reset() { give(l.out, l.in) }

// give gives up streams, of which each may be nil.
func give(streams ...network.Stream) {
	for _, s := range streams {
		if s != nil {
			_ = s.Reset()
		}
	}
}

// links returns the link of the peer and those beside it.
func (r *record) links() []*link {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link == nil {
		return nil
	}
	return append([]*link{r.link}, r.beside...)
}

// linkOn returns the link if one of its streams runs over the connection, or over any if c is nil.
func (r *record) linkOn(c network.Conn) *link {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.link
	if l == nil || c == nil {
		return l
	}
	if l.out != nil && l.out.Conn() == c || l.in != nil && l.in.Conn() == c {
		return l
	}
	return nil
}
