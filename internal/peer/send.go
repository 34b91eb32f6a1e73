package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Room says whether n more envelopes of that charge in all fit into the outbox now, and whether they could ever fit. A
// sender that can wait asks before it pushes.
func (s *Streams) Room(n, bytes int) (now, ever bool) {
	ever = n <= s.lim.Envelopes && bytes <= s.lim.Bytes
	return ever && n <= s.lim.Envelopes-s.count && bytes <= s.lim.Bytes-s.bytes, ever
}

// RoomFor is Room for one envelope of that charge to each of some peers, and asks also whether each of them has room of
// its own.
func (s *Streams) RoomFor(to []wire.PeerID, bytes int) (now, ever bool) {
	return s.roomFor(to, bytes, len(to))
}

// roomFor is RoomFor for values that are there so many times.
func (s *Streams) roomFor(to []wire.PeerID, bytes, copies int) (now, ever bool) {
	now, ever = s.Room(len(to), copies*bytes)
	if !s.timed {
		return now, ever
	}
	ever = ever && bytes <= s.lim.PeerBytes && s.lim.PeerEnvelopes > 0
	for _, p := range to {
		if t := s.look(p); t != nil {
			t.asked++
			asked := int(t.asked)
			now = now && len(t.out)+asked <= s.lim.PeerEnvelopes && t.bytes+asked*bytes <= s.lim.PeerBytes
			ever = ever && asked <= s.lim.PeerEnvelopes && asked*bytes <= s.lim.PeerBytes
		}
	}
	for _, p := range to {
		if t := s.look(p); t != nil {
			t.asked = 0
		}
	}
	return now && ever, ever
}

// Push gives the envelope the next number of the stream to its receiver, and keeps it until it is acknowledged. The
// envelope must be the caller's own: its Epoch, Number and what rides on it are set here, and nobody changes it from
// then on. Push refuses only beyond a reserve over what RoomFor allows, with a *FullError that leaves the envelope
// unnumbered.
func (s *Streams) Push(env *wire.Envelope, now int64, rand func() uint64) error {
	return s.PushUntil(env, 0, false, now, rand)
}

// PushUntil is Push for an envelope that serves nobody after the deadline, an engine time, or 0 for none. One that is
// held is not sent yet: Due gives it when the peer is not held any more.
func (s *Streams) PushUntil(env *wire.Envelope, deadline int64, held bool, now int64, rand func() uint64) error {
	return s.PushFan(env, 0, deadline, held, now, rand)
}

// Ack notes that the peer holds everything of the own epoch up to a number, and returns how many envelopes left the
// outbox. An acknowledgement of an earlier epoch, or of what was acknowledged before, is late and releases nothing; nor
// does one of what was given out in lives that the peer may not have heard of. One of what was never sent is an
// *AckError: numbers would be dropped by the peer as known that it never saw.
func (s *Streams) Ack(p wire.PeerID, epoch, upTo uint64, now int64) (int, error) {
	if upTo == 0 && epoch <= s.epoch {
		return 0, nil // numbers begin at 1
	}
	t := s.stream(p)
	next := uint64(1)
	if t != nil {
		next = t.next
	}
	if epoch > s.epoch || epoch == s.epoch && upTo >= next {
		return 0, &AckError{Peer: p, Epoch: epoch, UpTo: upTo, OwnEpoch: s.epoch, OwnUpTo: next - 1}
	}
	if t == nil || epoch < s.epoch {
		return 0, nil
	}
	if upTo = min(upTo, t.vouched()); upTo <= t.acked() {
		return 0, nil
	}
	n := int(upTo - t.acked())
	for i := range t.out[:n] {
		s.release(t, &t.out[i])
	}
	s.count -= n
	if s.timed {
		t.measure(&t.out[n-1], now)
	}
	t.out = slices.Delete(t.out, 0, n)
	t.resends = 0
	if len(t.out) == 0 {
		t.out = nil
		s.settle(t)
	} else {
		s.schedule(t, now, s.patience(t))
	}
	return n, nil
}

// Base returns the lowest number of the own stream to the peer that is not acknowledged; what a receiver misses below
// it never comes again. It rides on each envelope to the peer, as the acknowledgement does.
func (s *Streams) Base(p wire.PeerID) uint64 {
	if t := s.look(p); t != nil {
		return t.acked() + 1
	}
	return 1
}

// Lends says whether an envelope to the peer that it has not acknowledged carries a loan.
func (s *Streams) Lends(p wire.PeerID, n LoanName) bool {
	t := s.look(p)
	return t != nil && slices.ContainsFunc(t.out, func(x sending) bool {
		return slices.ContainsFunc(x.env.Fills, func(f wire.Fill) bool {
			l, ok := f.Value.(*value.Loan)
			return ok && NameOf(l) == n
		})
	})
}

// Holds says whether the outbox holds the envelope that asks the question of the peer.
func (s *Streams) Holds(p wire.PeerID, r wire.Request) bool {
	t := s.look(p)
	return t != nil && r.IsSet() && slices.ContainsFunc(t.out, func(x sending) bool { return x.env.Request == r })
}

// NewEpoch starts the own streams anew: all that is unacknowledged keeps its order and gets the numbers from 1 of the
// new epoch. A restore that cannot vouch for its tail does this, because receivers may hold numbers that are unknown
// here. The epoch must be newer than the current one, else the error is an *EpochError.
func (s *Streams) NewEpoch(epoch uint64) error {
	if epoch <= s.epoch {
		return &EpochError{epoch, s.epoch}
	}
	old := s.epoch
	s.epoch = epoch
	s.touchAll()
	for i := range s.peers.rows {
		t := s.peers.rows[i].v
		// Each stream is changed by itself, so the order of the table does not show.
		for i := range t.out {
			again := *t.out[i].env
			if s.lives && !again.Origin.IsSet() {
				again.Origin = wire.Origin{Epoch: old, Number: again.Number, Start: t.givenIn(again.Number, s.start)}
				again.Version = wire.CurrentVersion
			}
			again.Epoch, again.Number, again.Redelivered = epoch, uint64(i)+1, true
			t.out[i].env = &again
		}
		t.next, t.born = uint64(len(t.out))+1, 1
		if t.resync != nil {
			t.forgetLives()
		}
	}
	return nil
}
