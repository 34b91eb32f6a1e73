package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/planted"
	"github.com/rhizome-ml/rhizome/wire"
)

// Accepted says what an envelope is to its stream.
type Accepted struct {
	Duplicate bool   // its number was taken before: it must not be applied again
	Restarted bool   // the peer has a newer incarnation than was seen
	Renewed   bool   // the peer opened a new epoch: it may have lost what it had acknowledged
	Lost      uint64 // numbers that this node acknowledged in a lost life and never gets again
}

// Accept places an envelope of an admitted peer in its stream, and takes its number. An envelope without a number has no
// place, but its incarnation and epoch are looked at all the same. Errors, after which nothing is changed, are *StaleError
// for a zombie or a stream that was given up, *NumberError for a number that cannot be taken, and *FullError.
func (s *Streams) Accept(env *wire.Envelope) (Accepted, error) {
	t, known := s.stream(env.From), true
	if t == nil {
		t, known = &stream{peer: env.From, next: 1}, false
		if s.peers.len() >= s.lim.Peers {
			return Accepted{}, &FullError{"streams", s.lim.Peers}
		}
	}
	if err := t.check(env, uint64(s.lim.Window)); err != nil {
		return Accepted{}, err
	}
	if !known {
		s.peers.put(env.From, t)
	}
	var got Accepted
	if env.Incarnation > t.incarnation {
		got.Restarted = t.incarnation != 0
		t.incarnation = env.Incarnation
	}
	if env.Epoch > t.recvEpoch {
		got.Renewed = t.recvEpoch != 0
		t.recvEpoch, t.upTo, t.beyond = env.Epoch, 0, nil
	}
	got.Lost = t.skip(env.Base)
	if env.Number != 0 {
		got.Duplicate = !t.take(env.Number)
		if planted.On(planted.DropDedup) {
			got.Duplicate = false
		}
		s.setAckDue(t, true)
	}
	return got, nil
}

// check says whether the envelope can be placed, and changes nothing.
func (t *stream) check(env *wire.Envelope, window uint64) error {
	upTo := t.upTo
	switch {
	case env.Incarnation < t.incarnation:
		return &StaleError{env.From, "incarnation", env.Incarnation, t.incarnation}
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

// take notes a number and says whether it is new.
func (t *stream) take(n uint64) bool {
	if n <= t.upTo {
		return false
	}
	i, ok := slices.BinarySearch(t.beyond, n)
	if ok {
		return false
	}
	if n == t.upTo+1 {
		t.upTo++
		t.absorb()
		return true
	}
	t.beyond = slices.Insert(t.beyond, i, n)
	return true
}

// skip goes on after numbers that never come again, and returns how many of them were not taken.
func (t *stream) skip(base uint64) uint64 {
	if base == 0 || base-1 <= t.upTo {
		return 0
	}
	i, _ := slices.BinarySearch(t.beyond, base)
	lost := base - 1 - t.upTo - uint64(i)
	t.upTo = base - 1
	t.beyond = slices.Delete(t.beyond, 0, i)
	t.absorb()
	return lost
}

// absorb moves the numbers that follow upTo without a gap into it.
func (t *stream) absorb() {
	i := 0
	for i < len(t.beyond) && t.beyond[i] == t.upTo+1 {
		t.upTo++
		i++
	}
	if t.beyond = slices.Delete(t.beyond, 0, i); len(t.beyond) == 0 {
		t.beyond = nil
	}
}

// AcksDue returns, ascending, the peers of which something was taken since TakeAck was last called for them.
func (s *Streams) AcksDue() []wire.PeerID { return slices.Clone(s.acksDue) }

// TakeAck returns what an envelope to the peer acknowledges, and notes that it was told: all numbers of the epoch up to
// upTo are held here. The caller sends it only once they are durable. Epoch 0 means that there is nothing to acknowledge.
func (s *Streams) TakeAck(p wire.PeerID) (epoch, upTo uint64) {
	t := s.stream(p)
	if t == nil {
		return 0, 0
	}
	s.setAckDue(t, false)
	return t.recvEpoch, t.upTo
}
