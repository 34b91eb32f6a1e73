package host

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Junk bounds what a peer may send that is refused before its links end. Zeros stand for defaults.
//
// What counts as junk is what no node of the same program and release ever sends: bytes that are no envelope, or beyond
// a limit (format), a schema version, address, artifact or edge that is none of this node's (version, address, digest,
// edge, message), and a frame that claims more than a packet may have (frame). Of what a node can come to send that is
// sound, from a directory that went back or as a member that was removed (stale, stranger), many more count, because
// its whole outbox may come at once before it hears why, and only where nothing else comes. What is refused for want of
// room (full, pressure), what comes twice, late, or for a question that is not open, does not count at all.
type Junk struct {
	Frames int // of junk in a minute, while at most one in eight is taken, until the peer is cut; 0 means 256
	Bytes  int // of junk, likewise; 0 means 64 MiB
	// of stale frames in a minute of which nothing was taken; 0 means 8,192. Frames of them do in each of five minutes
	// in a row
	Stale int
	First time.Duration // for which a peer is kept out at first; 0 means 10 s
	// to which that doubles with each cut; 0 means 10 min. After as long without a cut it begins anew
	Top   time.Duration
	Peers int // of which something is remembered; 0 means 1,024
}

const (
	junkWindow  = int64(time.Minute)
	junkShare   = 8 // of which one is taken, at most
	staleSpans  = 5 // minutes in a row
	reasonShown = 200
)

// validate puts defaults in the place of zeros, or returns a *ConfigError.
func (j *Junk) validate() error {
	for _, x := range []struct {
		name  string
		n     *int
		usual int
	}{{"Frames", &j.Frames, 256}, {"Bytes", &j.Bytes, 64 << 20}, {"Stale", &j.Stale, 8192}, {"Peers", &j.Peers, 1024}} {
		if *x.n < 0 {
			return &ConfigError{"Junk." + x.name, fmt.Sprint(*x.n), "0 for the default, or more"}
		}
		*x.n = cmp.Or(*x.n, x.usual)
	}
	for _, x := range []struct {
		name  string
		d     *time.Duration
		usual time.Duration
	}{{"First", &j.First, 10 * time.Second}, {"Top", &j.Top, 10 * time.Minute}} {
		if *x.d < 0 {
			return &ConfigError{"Junk." + x.name, x.d.String(), "0 for the default, or more"}
		}
		*x.d = cmp.Or(*x.d, x.usual)
	}
	if j.Top < j.First {
		return &ConfigError{"Junk.Top", j.Top.String(), "at least Junk.First, which is " + j.First.String()}
	}
	return nil
}

// Cut is a peer that is kept out for a while, because nearly all that it sent was refused.
type Cut struct {
	Peer   wire.PeerID
	Code   string        // of the last refusal
	Reason string        // of it; a stranger may have chosen some of the words
	Frames int           // that were refused in the last minute
	Taken  int           // that were taken meanwhile
	For    time.Duration // it is kept out; in a list: for how long still
	Times  int           // that it was cut, of late
}

// Error says why the peer is kept out, for how long, and what would be right.
func (c *Cut) Error() string {
	return fmt.Sprintf("host: %s is cut off for %s: of %d frames %d were refused, the last for its %s: %s", c.Peer,
		c.For.Round(time.Second),
		c.Frames+c.Taken, c.Frames, c.Code, c.Reason)
}

// CutError says that a peer is not admitted for a while.
type CutError struct {
	Peer  wire.PeerID
	Again time.Duration // until it is admitted again
}

// Error names the peer and when it may come again.
func (e *CutError) Error() string {
	return fmt.Sprintf("host: %s sent what is refused, and may come again in %s", e.Peer, e.Again.Round(time.Second))
}

// Code is the word under which such a refusal is counted.
func (e *CutError) Code() string { return "junk" }

// Conduct is how peers behave: of those of which something was refused lately, what. It has no clock; times are those
// of the engine. It is safe for concurrent use.
type Conduct struct {
	lim   Junk
	some  atomic.Bool // there are entries
	cuts  atomic.Uint64
	mu    sync.Mutex
	peers map[wire.PeerID]*behaviour
}

// NewConduct returns one that knows of nobody. The error is a *ConfigError.
func NewConduct(lim Junk) (*Conduct, error) {
	if err := lim.validate(); err != nil {
		return nil, err
	}
	return &Conduct{lim: lim}, nil
}

// behaviour is what a peer sent since its window began.
type behaviour struct {
	began              int64
	junk, stale, taken int
	bytes              int
	spans              int // windows in a row in which all was stale
	until              int64
	times              int
	last               *Cut
}

func (b *behaviour) begin(now int64) {
	b.began, b.junk, b.stale, b.taken, b.bytes = now, 0, 0, 0, 0
}

// weight says what a refusal counts.
type weight int

const (
	weighsNothing weight = iota
	weighsStale
	weighsJunk
)

// weigh says what the refusal of an envelope by its code counts.
func weigh(code string) weight {
	switch code {
	case engine.RefusedFormat, engine.RefusedVersion, engine.RefusedAddress, engine.RefusedDigest, engine.WastedEdge,
		engine.WastedMessage, codeFrame:
		return weighsJunk
	case engine.RefusedStranger, engine.WastedStale:
		return weighsStale
	}
	return weighsNothing
}

// codeFrame is that of a stream which broke the framing: a link ends of it, and so it counts as much as frameWeight
// others.
const (
	codeFrame   = "frame"
	frameWeight = 16
)

// Refused notes that a frame of a peer was refused, and returns the cut where that was one too many.
func (c *Conduct) Refused(p wire.PeerID, code, reason string, bytes int, now int64) *Cut {
	w := weigh(code)
	if w == weighsNothing {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.at(p, now)
	if now < b.until {
		return nil // what was on its way
	}
	if now-b.began >= junkWindow {
		c.turn(b, now)
	}
	switch {
	case w == weighsStale:
		b.stale++
	case code == codeFrame:
		b.junk += frameWeight
	default:
		b.junk++
		b.bytes += bytes
	}
	switch l := &c.lim; {
	case (b.junk >= l.Frames || b.bytes >= l.Bytes) && b.junk >= (junkShare-1)*b.taken:
	case b.taken == 0 && b.junk+b.stale >= l.Stale:
	case b.taken == 0 && b.spans >= staleSpans-1 && b.stale >= l.Frames:
	default:
		return nil
	}
	if b.last != nil && now-b.until >= int64(c.lim.Top) {
		b.times = 0
	}
	span := min(c.lim.First<<min(b.times, 32), c.lim.Top)
	if span < c.lim.First { // it wrapped
		span = c.lim.Top
	}
	b.times++
	b.until = now + int64(span)
	b.last = &Cut{Peer: p, Code: code, Reason: reason[:min(len(reason), reasonShown)], Frames: b.junk + b.stale,
		Taken: b.taken, For: span, Times: b.times}
	b.begin(now)
	b.spans = 0
	c.cuts.Add(1)
	told := *b.last
	return &told
}

// turn begins the next window of a peer.
func (c *Conduct) turn(b *behaviour, now int64) {
	if b.taken == 0 && b.stale >= c.lim.Frames && now-b.began < 2*junkWindow {
		b.spans++
	} else {
		b.spans = 0
	}
	b.begin(now)
}

// know makes room for a peer of which something was refused.
func (c *Conduct) know(p wire.PeerID, code string, now int64) {
	if weigh(code) == weighsNothing {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.at(p, now); now >= b.until && now-b.began >= junkWindow {
		c.turn(b, now)
	}
}

// at returns what is known of a peer, and makes room where it is new: who is kept out goes last, and of the others
// whose window began first.
func (c *Conduct) at(p wire.PeerID, now int64) *behaviour {
	if b := c.peers[p]; b != nil {
		return b
	}
	if len(c.peers) >= c.lim.Peers {
		var least wire.PeerID
		var of *behaviour
		for q, b := range c.peers { // the least is one, whatever the order
			if of == nil || cmp.Or(cmp.Compare(max(b.until, now), max(of.until, now)), cmp.Compare(b.began, of.began),
				strings.Compare(string(q), string(least))) < 0 {
				least, of = q, b
			}
		}
		delete(c.peers, least)
	}
	if c.peers == nil {
		c.peers = map[wire.PeerID]*behaviour{}
	}
	b := &behaviour{began: now}
	c.peers[p] = b
	c.some.Store(true)
	return b
}

// Took notes that n frames of a peer were taken, or that so many that were taken came to nothing, where something of it
// was refused lately.
func (c *Conduct) Took(p wire.PeerID, n int) {
	if !c.some.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.peers[p]; b != nil {
		b.taken = max(b.taken+n, 0)
	}
}

// Admit says whether a peer is kept out: nil, or a *CutError.
func (c *Conduct) Admit(p wire.PeerID, now int64) error {
	if !c.some.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.peers[p]; b != nil && now < b.until {
		return &CutError{Peer: p, Again: time.Duration(b.until - now)}
	}
	return nil
}

// Forgive forgets what is known of a peer.
func (c *Conduct) Forgive(p wire.PeerID) {
	if !c.some.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.peers, p)
	c.some.Store(len(c.peers) > 0)
}

// Out returns who is kept out now, by peer.
func (c *Conduct) Out(now int64) []Cut {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Cut
	for _, b := range c.peers {
		if now < b.until {
			x := *b.last
			x.For = time.Duration(b.until - now)
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b Cut) int { return strings.Compare(string(a.Peer), string(b.Peer)) })
	return out
}
