package libp2p

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
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

// attachOut makes a stream that the peer has answered the outgoing one of the link.
func (r *record) attachOut(s network.Stream) {
	r.mu.Lock()
	l := r.current(s)
	l.out, l.frames = s, &frameWriter{w: s}
	r.fails = 0
	r.mu.Unlock()
	r.flush()
}

// attachIn makes a stream that the peer has opened the incoming one of its link; one that was there before ends with
// its link. It returns nil when the record was forgotten.
func (r *record) attachIn(s network.Stream) *link {
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return nil
	}
	var old *link
	if r.link != nil && r.link.in != nil {
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

// Links that end soon after they were made. Two ends with one key take each other's place at their peers, each time
// that one of them comes. Without pauses they would do so as often as they can, and with pauses that are shorter than
// the way there and back neither would ever hear an answer: they grow, and are drawn, so that one end has the peer to
// itself for a while.
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
	if l == nil || l.over {
		r.mu.Unlock()
		return
	}
	r.finish(l, reason)
	r.mu.Unlock()
	l.reset()
	r.flush()
	r.kick()
}

// reset gives up the streams of a link that is over.
func (l *link) reset() {
	if l.out != nil {
		_ = l.out.Reset()
	}
	if l.in != nil {
		_ = l.in.Reset()
	}
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
