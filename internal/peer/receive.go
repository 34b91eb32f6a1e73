package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Accepted says what an envelope is to its stream.
type Accepted struct {
	Duplicate bool // its number was taken before: it must not be applied again
	Restarted bool // the peer has a newer incarnation than was seen
	Renewed   bool // the peer opened a new epoch: it may have lost what it had acknowledged
	First     bool // nothing came of the peer before
	Reborn    bool // the life that the peer tells is another than the one that was seen
	// it asks what was taken in an earlier epoch, in which the same life spoke: its sender has not gone back since
	Before bool
	Lost   uint64 // numbers that this node acknowledged in a lost life and never gets again
}

// Accept places an envelope of an admitted peer in its stream, and takes its number. An envelope without a number has
// no place, but its incarnation and epoch are looked at all the same. Errors, after which nothing is changed, are
// *StaleError for a zombie or a stream that was given up, *NumberError for a number that cannot be taken, and
// *FullError.
func (s *Streams) Accept(env *wire.Envelope) (Accepted, error) {
	t, known := s.stream(env.From), true
	if t == nil {
		t, known = &stream{peer: env.From, next: 1, born: 1}, false
		if s.peers.len() >= s.lim.Peers {
			return Accepted{}, &FullError{"streams", s.lim.Peers}
		}
	}
	if err := t.check(env, uint64(s.lim.Window), s.lives); err != nil {
		return Accepted{}, err
	}
	if !known {
		s.put(t)
	}
	got := Accepted{First: t.recvEpoch == 0}
	renewed, past := env.Epoch > t.recvEpoch, t.present()
	if s.lives {
		_, most := s.livesKept()
		got.Reborn = t.meet(env, most)
	}
	if env.Incarnation > t.incarnation {
		got.Restarted = t.incarnation != 0
		t.incarnation = env.Incarnation
	}
	if renewed {
		got.Renewed = t.recvEpoch != 0
		if got.Renewed && s.lives {
			t.remember(past)
		}
		t.recvEpoch, t.taken, t.mark = env.Epoch, taken{}, 0
		if t.resync != nil {
			t.earlier, t.forgot = nil, 0
			t.tidy()
		}
	}
	if s.lives && (got.Restarted || got.Renewed || got.Reborn) {
		s.setAckDue(t, true) // it may have gone back: what was taken of it tells
	}
	if s.lives && env.Greets {
		t.more().welcomes = true
		s.setAckDue(t, true)
	}
	if s.lives && s.start != 0 && got.First {
		t.more().greets = true
	}
	upTo := t.upTo
	if got.Lost = t.skip(env.Base); got.Lost > 0 && t.unheard() && t.forgot == 0 {
		t.forgot = upTo + 1
	}
	if env.Number != 0 {
		got.Duplicate = !t.take(env.Number)
		if s.lives && env.Origin.IsSet() && t.takenBefore(env, s.lim.Window) {
			got.Duplicate = got.Duplicate || !env.Request.IsSet()
			got.Before = env.Request.IsSet() && t.spokeLast(env)
		}
		s.setAckDue(t, true)
	}
	return got, nil
}

// check says whether the envelope can be placed, and changes nothing.
func (t *stream) check(env *wire.Envelope, window uint64, lives bool) error {
	upTo := t.upTo
	switch {
	case env.Incarnation < t.incarnation:
		return &StaleError{env.From, "incarnation", env.Incarnation, t.incarnation}
	case lives && t.otherLife(env):
		return &StaleError{env.From, "start", env.Start, t.start}
	case lives && t.wentBack(env):
		return &StaleError{env.From, "number", env.Before + 1, t.top()}
	case env.Epoch < t.recvEpoch:
		return &StaleError{env.From, "epoch", env.Epoch, t.recvEpoch}
	case env.Epoch > t.recvEpoch:
		upTo = 0
	}
	number := func(why string) error { return &NumberError{env.From, env.Number, why} }
	switch {
	case env.Epoch == 0 && (env.Number != 0 || env.Base != 0):
		return number("a number or base is one of an epoch, from 1")
	case env.Number == 0:
		return nil
	case env.Base > env.Number:
		return number("it lies before the base that the envelope tells")
	case env.Base > 0:
		upTo = max(upTo, env.Base-1)
	}
	if env.Number > upTo && env.Number-upTo > window {
		return number("it lies beyond the window; it is taken when those before it have come")
	}
	return nil
}

// AcksDue returns, ascending, the peers of which something was taken since TakeAck was last called for them.
func (s *Streams) AcksDue() []wire.PeerID {
	if len(s.acksDue) == 0 {
		return nil
	}
	out := make([]wire.PeerID, len(s.acksDue))
	for i, t := range s.acksDue {
		out[i] = t.peer
	}
	slices.Sort(out)
	return out
}

// TakeAck returns what an envelope to the peer acknowledges, and notes that it was told: all numbers of the epoch up to
// upTo are held here. The caller sends it only once they are durable. Epoch 0 means that there is nothing to
// acknowledge.
func (s *Streams) TakeAck(p wire.PeerID) (epoch, upTo uint64) {
	t := s.stream(p)
	if t == nil {
		return 0, 0
	}
	s.setAckDue(t, false)
	if t.unheard() && t.forgot != 0 {
		return t.recvEpoch, min(t.upTo, t.forgot-1) // so that it sees in any case that something is missing here
	}
	return t.recvEpoch, t.upTo
}
