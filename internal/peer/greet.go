package peer

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// A life greets the peers that the node knows, again and again until each has said that it has heard of this life. Only
// so it comes out that a directory went back when the node has nothing to send: it waits for what it had and has
// forgotten, or a peer waits for what it took and has forgotten. A life that ends before a peer has said so is
// remembered until one after it was heard: the peer may have taken what it sent, or not, and numbers of it are not
// those of a life that the peer took for its successor.

// greetSpreadNs is over how long the first greetings of a life are spread.
const greetSpreadNs = 500e6

// greeting is what of a resync is about greetings.
type greeting struct {
	greets   bool   // the peer has not said that it has heard of the own present life, in the own epoch
	welcomes bool   // the peer asks which life of it was heard, and was not told
	forgot   uint64 // the first number of the peer that a lost life took, while that is not told; 0 for none
	tries    int32  // greetings in the own present life while the peer told none of its lives
	// own lives before this one of which the peer may have heard since one that it had, oldest first
	lives []wire.Life
	// the own life that the peer had heard last when it refused this one for want of it, 0 for none; and how often
	recalled uint64
	recalls  int32
}

// The bounds of own lives that are remembered while a peer has not heard of this one. By the earlier rules those that
// an envelope names are all.
const (
	ownLivesMax = 64
	earlierMax  = 2 * wire.LivesMax // of a peer
	// of one life, in the own present one: a refusal may answer what left before the life was named
	recallsMax = 4
)

// SetRecalls turns on that a node remembers more of its lives than an envelope names, and names the one that a peer
// asks for. An engine calls it as its rules say.
func (s *Streams) SetRecalls(on bool) { s.names = on }

// Recall says whether the peer is to hear again of the own lives before this one, and notes which one it had heard
// last: it refuses this life as one whose directory went back, and the envelope had no room to name that one. After a
// node was started again and again while a peer did not hear it, that is no sign of a directory that went back.
func (s *Streams) Recall(p wire.PeerID, start uint64) bool {
	t := s.stream(p)
	if t == nil || !s.names || !t.unheard() || len(t.lives) <= wire.LivesMax || t.lived(start) < 0 {
		return false
	}
	if t.recalled != start {
		t.recalled, t.recalls = start, 0
	}
	if t.recalls == recallsMax {
		return false
	}
	t.recalls++
	return true
}

// lived returns the place of an own life that began at start among those of which the peer may have heard, or -1.
func (t *stream) lived(start uint64) int {
	return slices.IndexFunc(t.lives, func(l wire.Life) bool { return l.Start == start })
}

// named returns the own lives before the present one that an envelope to the peer names. Each but those at a gap is
// followed by the next, which says what it gave.
func (t *stream) named() []wire.Life {
	i, from := t.namedAt()
	if from == i+2 {
		return t.lives[i:]
	}
	out := slices.Concat(t.lives[i:i+2], t.lives[from:])
	out[2].Before = t.lives[i+2].Before
	return out
}

// namedAt returns which own lives are named of more than an envelope has room for: that at i, the one after it, and
// those at from and after. The first is the one that the peer asked for, or the oldest, behind which all of them began.
func (t *stream) namedAt() (i, from int) {
	i = max(0, t.lived(t.recalled))
	return i, max(i, len(t.lives)-wire.LivesMax) + 2
}

// Greet has every peer greeted until it says that it has heard of the own present life. Spread draws when.
func (s *Streams) Greet(now int64) {
	if !s.lives || s.start == 0 {
		return
	}
	for i := range s.peers.rows {
		// the heap's order goes by time and name, so the order of the table does not show
		s.greet(s.peers.rows[i].v, now)
	}
}

func (s *Streams) greet(t *stream, now int64) {
	s.touch(t)
	t.more().greets = true
	if t.resendAt == 0 {
		s.schedule(t, now, resendBaseNs)
	}
}

// Introduce has a peer greeted that was not heard before, or told no life of its own. A life that is lost may have met
// the one; the other may be of a release that has no word for lives, or may only not have heard of this node.
func (s *Streams) Introduce(p wire.PeerID, first bool, now int64) {
	t := s.stream(p)
	if !s.lives || s.start == 0 || t == nil {
		return
	}
	if first || t.start == 0 && !t.unheard() && (t.resync == nil || t.tries == 0) {
		s.greet(t, now)
	}
}

// Again has a peer greeted again, as where it may have heard of another life of this node, or is out of reach while
// something is awaited of it: what it says to that tells.
func (s *Streams) Again(p wire.PeerID, now int64) {
	if t := s.stream(p); t != nil && s.lives && s.start != 0 {
		s.greet(t, now)
	}
}

// greetDue says whether the peer is to be greeted now, and counts it. A peer of an earlier release cannot read a
// greeting, so one that tells no life gets a few.
func (t *stream) greetDue() bool {
	if !t.unheard() || t.start == 0 && t.tries >= greetTriesMax {
		return false
	}
	if t.start == 0 {
		t.tries++
	}
	return true
}

// greetTriesMax is how often a peer that tells no life is greeted in one life.
const greetTriesMax = 8

// Greets says whether the peer has not said yet that it has heard of the own present life.
func (s *Streams) Greets(p wire.PeerID) bool {
	t := s.look(p)
	return t != nil && t.unheard()
}

func (t *stream) unheard() bool { return t.resync != nil && t.greets }

// Greeted notes that the peer has heard of the own present life, in the own epoch, and says whether a lost life had
// taken something of it that is forgotten.
func (s *Streams) Greeted(p wire.PeerID) (forgot bool) {
	t := s.stream(p)
	if t == nil || !t.unheard() {
		return false
	}
	forgot = t.forgot != 0
	t.greets, t.forgot, t.tries = false, 0, 0
	t.forgetLives()
	t.tidy()
	s.settle(t)
	return forgot
}

// settle ends that the stream sends again where it has nothing to say.
func (s *Streams) settle(t *stream) {
	if len(t.out) == 0 && !t.unheard() {
		t.resends = 0
		s.unschedule(t)
	}
}

// Welcome returns the start of the peer's life that was heard, where the peer asks for it, and notes that it is told.
func (s *Streams) Welcome(p wire.PeerID) uint64 {
	t := s.stream(p)
	if t == nil || t.resync == nil || !t.welcomes {
		return 0
	}
	t.welcomes = false
	t.tidy()
	return t.start
}

// Lives returns the own lives before the present one of which the peer may have heard.
func (s *Streams) Lives(p wire.PeerID) []wire.Life {
	if t := s.look(p); t != nil && t.resync != nil {
		return t.named()
	}
	return nil
}

// vouched returns the number up to which an acknowledgement of the peer is of what this directory holds. Beyond that it
// may be of a life that is lost, until the peer says that it has heard of the present one.
func (t *stream) vouched() uint64 {
	switch {
	case !t.unheard() || t.start == 0:
		return math.MaxUint64
	case len(t.lives) > 0:
		return t.lives[0].Before
	}
	return t.born - 1
}

// givenIn returns the start of the own life that gave a number, or 0 where the peer has heard of that life, or of one
// after it. start is that of the present life.
func (t *stream) givenIn(number, start uint64) uint64 {
	if number >= t.born {
		return start
	}
	if t.unheard() {
		return t.givenBy(number)
	}
	return 0
}

// givenBy returns the start of the own life before the present one that gave a number, or of the last named one before
// that, or 0 for one before them.
func (t *stream) givenBy(number uint64) uint64 {
	i, from := t.namedAt()
	for j, l := range slices.Backward(t.lives) {
		switch {
		case number <= l.Before:
		case j < i:
			return 0
		case j > i+1 && j < from:
			return t.lives[i+1].Start
		default:
			return l.Start
		}
	}
	return 0
}

// outlive notes that the own present life is over, whose start is given.
func (t *stream) outlive(start uint64, most int) {
	if !t.unheard() || start == 0 || len(t.lives) == 0 && t.next == t.born {
		return
	}
	t.recalls = 0
	if len(t.lives) == most { // the oldest says behind what all of them began
		if most == ownLivesMax {
			t.lives[2].Before = t.lives[1].Before // so that it says what the oldest gave, too
		}
		t.lives = slices.Delete(t.lives, 1, 2)
	}
	t.lives = append(t.lives, wire.Life{Start: start, Before: t.born - 1})
}

// forgetLives forgets the own lives before the present one: the peer has heard of this, or they are of an epoch that is
// over.
func (t *stream) forgetLives() { t.lives, t.recalled, t.recalls = nil, 0, 0 }

// livesKept returns how many own lives are remembered of which a peer may not have heard, and how many of a peer.
func (s *Streams) livesKept() (own, of int) {
	if s.names {
		return ownLivesMax, earlierMax
	}
	return wire.LivesMax, wire.LivesMax
}

// givenBefore returns the number up to which all were given before the sender's life that followed on one which began
// at heard. Of one that did not tell its start it is not known whether it is among those that are named; the present
// one has begun behind it.
func givenBefore(env *wire.Envelope, heard uint64) uint64 {
	if heard == 0 {
		return env.Before
	}
	next := func(i int) uint64 {
		if i < len(env.Lives) {
			return env.Lives[i].Before
		}
		return env.Before
	}
	return next(slices.IndexFunc(env.Lives, func(l wire.Life) bool { return l.Start == heard }) + 1)
}
