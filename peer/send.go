package peer

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/planted"
	"github.com/rhizome-ml/rhizome/wire"
)

// Room says whether n more envelopes of that charge in all fit into the outbox now, and whether they could ever fit. A
// sender that can wait asks before it pushes.
func (s *Streams) Room(n, bytes int) (now, ever bool) {
	ever = n <= s.lim.Envelopes && bytes <= s.lim.Bytes
	return ever && n <= s.lim.Envelopes-s.count && bytes <= s.lim.Bytes-s.bytes, ever
}

// Push gives the envelope the next number of the stream to its receiver, and keeps it until it is acknowledged. The
// envelope must be the caller's own: its Epoch, Number and what rides on it are set here, and nobody changes it from then
// on. Push refuses only beyond a reserve over what Room allows, with a *FullError that leaves the envelope unnumbered.
func (s *Streams) Push(env *wire.Envelope, now int64, rand func() uint64) error {
	charge := Charge(env)
	switch {
	case s.count >= reserve(s.lim.Envelopes):
		return &FullError{"outbox envelopes", s.lim.Envelopes}
	case charge > reserve(s.lim.Bytes)-s.bytes:
		return &FullError{"outbox bytes", s.lim.Bytes}
	}
	t, err := s.of(env.To)
	if err != nil {
		return err
	}
	if planted.On(planted.NumberReused) && len(t.out) == 0 {
		t.next = 1
	}
	if planted.On(planted.DedupByContent) {
		if i := slices.IndexFunc(t.out, func(old *wire.Envelope) bool { return sameContent(old, env) }); i >= 0 {
			env.Number = t.out[i].Number
			return nil
		}
	}
	env.Epoch, env.Number = s.epoch, t.next
	env.AckEpoch, env.Ack, env.Base = 0, 0, 0
	t.next++
	t.out = append(t.out, env)
	s.count++
	s.bytes += charge
	if t.resendAt == 0 {
		s.schedule(t, now, resendWait(t.resends, rand))
	}
	return nil
}

// Ack notes that the peer holds everything of the own epoch up to a number, and returns how many envelopes left the
// outbox. An acknowledgement of an earlier epoch, or of what was acknowledged before, is late and releases nothing. One of
// what was never sent is an *AckError: numbers would be dropped by the peer as known that it never saw.
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
	if t == nil || epoch < s.epoch || upTo <= t.acked() {
		return 0, nil
	}
	n := int(upTo - t.acked())
	for _, env := range t.out[:n] {
		s.bytes -= Charge(env)
	}
	s.count -= n
	t.out = slices.Delete(t.out, 0, n)
	t.resends = 0
	if len(t.out) == 0 {
		t.out = nil
		s.unschedule(t)
	} else {
		s.schedule(t, now, resendBaseNs)
	}
	return n, nil
}

// Base returns the lowest number of the own stream to the peer that is not acknowledged; what a receiver misses below it
// never comes again. It rides on each envelope to the peer, as the acknowledgement does.
func (s *Streams) Base(p wire.PeerID) uint64 {
	if t := s.stream(p); t != nil {
		return t.acked() + 1
	}
	return 1
}

// Holds says whether the outbox holds the envelope that asks the question of the peer.
func (s *Streams) Holds(p wire.PeerID, r wire.Request) bool {
	t := s.stream(p)
	return t != nil && r.IsSet() && slices.ContainsFunc(t.out, func(e *wire.Envelope) bool { return e.Request == r })
}

// NewEpoch starts the own streams anew: all that is unacknowledged keeps its order and gets the numbers from 1 of the new
// epoch. A restore that cannot vouch for its tail does this, because receivers may hold numbers that are unknown here. The
// epoch must be newer than the current one, else the error is an *EpochError.
func (s *Streams) NewEpoch(epoch uint64) error {
	if epoch <= s.epoch {
		return &EpochError{epoch, s.epoch}
	}
	s.epoch = epoch
	for i := range s.peers.rows {
		t := s.peers.rows[i].v
		// Each stream is changed by itself, so the order of the table does not show.
		for i, env := range t.out {
			again := *env
			again.Epoch, again.Number, again.Redelivered = epoch, uint64(i)+1, true
			t.out[i] = &again
		}
		t.next = uint64(len(t.out)) + 1
	}
	return nil
}

// sameContent says whether two envelopes carry equal plain values along one edge: what a planted bug takes for a duplicate.
func sameContent(a, b *wire.Envelope) bool {
	return a.Edge == b.Edge && a.Answer == b.Answer && slices.EqualFunc(a.Fills, b.Fills, func(x, y wire.Fill) bool {
		return fmt.Sprint(x.Value) == fmt.Sprint(y.Value)
	})
}
