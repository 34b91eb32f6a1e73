package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// A life is what runs between two starts of a node. A directory can go back: a backup or a copy of it is started, or a
// machine's snapshot is resumed. Then a life that peers have seen is missing from it, and its numbers are given out a
// second time. A node finds that out from what its peers hold of it, and opens a new epoch. What it says again in that
// epoch names the place that it had before, so that a receiver can tell what it has from what only has the same number.

// resync is what is rarely needed of a stream: how a peer proves its life, what was taken in its earlier epochs, and on
// which word of its this node opened an epoch.
type resync struct {
	proof  []byte // of the peer's start, or nil
	past   []past // the newest last
	heeded uint64 // the life of the peer on whose word this node last went on in a new epoch, 0 for none
	heeds  int32  // how often, in the own present life
	doubt  int64  // engine time at which the peer first acknowledged what was never given out, 0 for not at all
	// Lives of the peer before the one that was heard last, of this epoch, while it greets: of each, as Before, the
	// greatest number that had been taken when it was heard of.
	earlier []wire.Life
	greeting
}

// past is what was taken in an earlier epoch of a peer's stream.
type past struct {
	epoch uint64
	taken
	start, mark uint64      // of the life that spoke last in it
	earlier     []wire.Life // see resync
}

// The bounds of a resync.
const (
	pastMax  = 2
	heedsMax = 8
)

// SetLives turns on what tells lives apart. An engine calls it as its rules say.
func (s *Streams) SetLives(on bool) { s.lives = on }

// SetStart says when the own present life began, or 0 where peers are not told.
func (s *Streams) SetStart(start uint64) { s.start = start }

func (t *stream) more() *resync {
	if t.resync == nil {
		t.resync = &resync{}
	}
	return t.resync
}

// tidy drops a resync with nothing in it.
func (t *stream) tidy() {
	if r := t.resync; r.proof == nil && len(r.past) == 0 && r.heeded == 0 && r.doubt == 0 && !r.greets && !r.welcomes &&
		r.tries == 0 && r.forgot == 0 && len(r.earlier) == 0 && len(r.lives) == 0 {
		t.resync = nil
	}
}

// otherLife says whether an envelope of the incarnation that was seen comes from another life than the one that was
// seen.
func (t *stream) otherLife(env *wire.Envelope) bool {
	return env.Incarnation == t.incarnation && env.Start != 0 && t.start != 0 && env.Start != t.start
}

// present returns the epoch that lasts as it will be remembered.
func (t *stream) present() past {
	p := past{t.recvEpoch, t.taken, t.start, t.mark, nil}
	if t.resync != nil {
		p.earlier = slices.Clone(t.earlier)
	}
	return p
}

// wentBack says whether the envelope's life gives out numbers that were taken from a life before it: then a life is
// missing from the directory that it began in. A life that goes on where the last one was begins behind everything that
// left the node.
func (t *stream) wentBack(env *wire.Envelope) bool {
	if env.Start == 0 || env.Epoch != t.recvEpoch {
		return false
	}
	mark, before := t.mark, env.Before
	if t.start != 0 && env.Start != t.start || t.start == 0 && env.Incarnation > t.incarnation {
		mark, before = t.top(), givenBefore(env, t.start)
	}
	return before < mark
}

// meet notes which life an envelope comes from, and says whether it is another than the one before. It is called before
// anything of the envelope is taken.
func (t *stream) meet(env *wire.Envelope, most int) (reborn bool) {
	// A life of which the start was not told before is no other one: an early envelope of it may come late.
	reborn = t.incarnation != 0 && env.Start != 0 && env.Start != t.start &&
		(t.start != 0 || env.Incarnation != t.incarnation)
	if env.Start != t.start && (env.Start != 0 || env.Incarnation != t.incarnation) {
		t.earlierLives(env, most)
		if t.incarnation != 0 && env.Incarnation != t.incarnation {
			t.mark = t.top()
		}
		t.start = env.Start
		if t.resync != nil {
			t.proof = nil
			t.tidy()
		}
	}
	if !env.Greets && env.Start == t.start && t.resync != nil && t.earlier != nil {
		t.earlier = nil // it knows that this life was heard of, and names none before it any more
		t.tidy()
	}
	if len(env.Proof) > 0 && (t.resync == nil || t.proof == nil) {
		t.more().proof = env.Proof
	}
	return reborn
}

// earlierLives notes lives of the peer before the one that the envelope comes from, where it does not know which of
// them were heard of, and keeps the last of them.
func (t *stream) earlierLives(env *wire.Envelope, most int) {
	if !env.Greets || t.incarnation == 0 {
		return
	}
	r := t.more()
	if t.start != 0 {
		r.earlier = append(r.earlier, wire.Life{Start: t.start, Before: t.mark})
	}
	for _, l := range env.Lives {
		if !slices.ContainsFunc(r.earlier, func(x wire.Life) bool { return x.Start == l.Start }) {
			r.earlier = append(r.earlier, wire.Life{Start: l.Start, Before: t.top()})
		}
	}
	if n := len(r.earlier) - most; n > 0 {
		r.earlier = slices.Delete(r.earlier, 0, n)
	}
	t.tidy()
}

// remember keeps an epoch that is over.
func (t *stream) remember(p past) {
	r := t.more()
	r.past = append(r.past, p)
	if n := len(r.past) - pastMax; n > 0 {
		r.past = slices.Delete(r.past, 0, n)
	}
}

// takenBefore says whether the envelope was taken at the place that it had in an earlier epoch, and notes that it is
// taken now. A number of the sender's present life counts only where it was taken from that life: one of a life that is
// lost was given to something else. Of a question this is not all: Requests knows whether it was answered, and a sender
// that went back needs the answer again.
func (t *stream) takenBefore(env *wire.Envelope, window int) bool {
	if t.resync == nil {
		return false
	}
	o := env.Origin
	i := slices.IndexFunc(t.past, func(p past) bool { return p.epoch == o.Epoch })
	if i < 0 {
		return false
	}
	p := &t.past[i]
	if !p.has(o.Number) {
		if len(p.beyond) < window {
			p.take(o.Number)
		}
		return false
	}
	return o.Start == 0 || p.received(o)
}

// received says whether the number was taken from the life that gave it, or from one after that.
func (p *past) received(o wire.Origin) bool {
	return p.start == o.Start && o.Number > p.mark ||
		slices.ContainsFunc(p.earlier, func(l wire.Life) bool { return l.Start == o.Start && o.Number > l.Before })
}

// spokeLast says whether the life that the envelope comes from is the one that spoke last in the epoch of its origin.
func (t *stream) spokeLast(env *wire.Envelope) bool {
	return t.resync != nil && slices.ContainsFunc(t.past, func(p past) bool {
		return p.epoch == env.Origin.Epoch &&
			p.start == env.Start
	})
}

// Seen returns the newest life of the peer that was heard of: its incarnation, when it began, and the proof of that.
func (s *Streams) Seen(p wire.PeerID) (incarnation, start uint64, proof []byte) {
	t := s.look(p)
	if t == nil {
		return 0, 0, nil
	}
	if t.resync != nil {
		proof = t.proof
	}
	return t.incarnation, t.start, proof
}

// ReportsLife says whether an envelope to the peer is to name the own life: a peer of an earlier release cannot read
// that. One that does not answer for seconds is told each second time only, so that it is reached whatever it reads.
func (s *Streams) ReportsLife(p wire.PeerID) bool {
	t := s.look(p)
	return t == nil || t.reportsLife()
}

func (t *stream) reportsLife() bool {
	return t.start != 0 || t.incarnation == 0 && (t.resends < 4 || t.resends%2 == 0)
}

// Before returns the greatest number to the peer that was given before the own present life.
func (s *Streams) Before(p wire.PeerID) uint64 {
	if t := s.look(p); t != nil {
		return t.born - 1
	}
	return 0
}

// Regressed says whether a peer in a new life acknowledges less than it did in one before it.
func (s *Streams) Regressed(p wire.PeerID, epoch, upTo uint64) bool {
	t := s.look(p)
	return t != nil && t.acked() > 0 && (epoch < s.epoch || epoch == s.epoch && upTo < t.acked())
}

// Met says whether a stream with the peer exists, in either direction.
func (s *Streams) Met(p wire.PeerID) bool { return s.look(p) != nil }

// Begun notes that a life of this node ends and another begins: every number so far was given before it. SetStart
// follows.
func (s *Streams) Begun() {
	s.touchAll()
	own, _ := s.livesKept()
	for i := range s.peers.rows {
		t := s.peers.rows[i].v
		t.outlive(s.start, own)
		t.born = t.next
		if t.resync != nil {
			t.heeded, t.heeds, t.doubt, t.tries = 0, 0, 0, 0
			t.tidy()
		}
	}
}

// AllowResync says whether this node opens a new epoch on the word of a peer in one of its lives, and notes that it
// does: once for each life of the peer, and a few times in all within a life of its own. So a liar costs a bounded
// number of resynchronisations.
func (s *Streams) AllowResync(p wire.PeerID, life uint64) bool {
	t, err := s.of(p)
	if err != nil || life == 0 {
		return false
	}
	r := t.more()
	if r.heeded == life || r.heeds >= heedsMax {
		return false
	}
	r.heeded = life
	r.heeds++
	r.doubt = 0
	return true
}

// doubtNs is how long a peer that acknowledges what was never given out has the time to say which life it has seen.
const doubtNs = 1e9

// Doubt notes that a peer acknowledges what was never given out, and says whether that is the first time, and, once a
// second, whether it goes on without refusing this node.
func (s *Streams) Doubt(p wire.PeerID, now int64) (first, long bool) {
	t, err := s.of(p)
	if err != nil {
		return false, false
	}
	r := t.more()
	if first = r.doubt == 0; first {
		r.doubt = max(1, now)
	}
	if long = now-r.doubt >= doubtNs; long {
		r.doubt = max(1, now) // and so on, once in that time
	}
	return first, long
}
