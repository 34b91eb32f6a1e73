package peer

import (
	"cmp"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Peers returns the peers with which a stream exists, ascending.
func (s *Streams) Peers() []wire.PeerID { return s.peers.sorted() }

// Abandon takes everything out of the outbox that is for the peer and returns it in the order of its numbers. The
// numbers are spent: the base that the next envelope tells lets the receiver go on after them.
func (s *Streams) Abandon(p wire.PeerID) []*wire.Envelope {
	t := s.stream(p)
	if t == nil || len(t.out) == 0 {
		return nil
	}
	out := make([]*wire.Envelope, len(t.out))
	for i := range t.out {
		out[i] = t.out[i].env
		s.release(t, &t.out[i])
	}
	s.count -= len(out)
	t.out, t.bytes, t.resends = nil, 0, 0
	if t.vitals != nil {
		t.awaited, t.level = 0, Trusted
		t.calm()
	}
	s.settle(t)
	return out
}

// Owes says whether something to the peer is not acknowledged, or something of it.
func (s *Streams) Owes(p wire.PeerID) bool {
	t := s.look(p)
	return t != nil && t.owes()
}

func (t *stream) owes() bool { return len(t.out) > 0 || t.ackDue }

// Full says whether there is no room for a stream with the peer.
func (s *Streams) Full(p wire.PeerID) bool { return s.peers.len() >= s.lim.Peers && s.look(p) == nil }

// Free returns with how many more peers there can be a stream.
func (s *Streams) Free() int { return max(0, s.lim.Peers-s.peers.len()) }

// Evict forgets up to n streams that owe nothing and in which nothing numbered was ever sent, so that no number is
// given twice: of those that may go, the ones whose last sign of life, which may tells, is the oldest. It returns how
// many.
func (s *Streams) Evict(n int, may func(wire.PeerID) (last int64, ok bool)) int {
	type old struct {
		peer wire.PeerID
		last int64
	}
	var all []old
	for i := range s.peers.rows {
		if t := s.peers.rows[i].v; !t.owes() && t.next == 1 {
			if last, ok := may(t.peer); ok {
				all = append(all, old{t.peer, last})
			}
		}
	}
	// The choice goes by time and name alone, whatever the order of the table.
	slices.SortFunc(all, func(a, b old) int { return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.peer, b.peer)) })
	all = all[:min(n, len(all))]
	for _, x := range all {
		t := s.look(x.peer)
		s.unschedule(t)
		s.forgot(t)
		s.peers.remove(x.peer)
	}
	return len(all)
}

// Level returns what the silence of the peer says of it.
func (s *Streams) Level(p wire.PeerID) Level {
	if t := s.look(p); t != nil && t.vitals != nil {
		return t.level
	}
	return Trusted
}

// RetryNow sends what is unacknowledged to the peer again soon: a link came after one had ended, and what was under way
// then may be lost.
func (s *Streams) RetryNow(p wire.PeerID, now int64, rand func() uint64) {
	if t := s.stream(p); t != nil && t.resendAt != 0 {
		t.resends = 0
		s.schedule(t, now, upTo(resendBaseNs, rand))
	}
}

// Abandon takes the questions that the peer has not answered from the table and returns them by (epoch, number).
func (r *Requests) Abandon(p wire.PeerID) []Question {
	var keys []requestKey
	for k := range r.outbound {
		if k.peer == p {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, compareKeys)
	out := make([]Question, len(keys))
	for i, k := range keys {
		out[i] = *r.outbound[k]
		r.drop(k)
	}
	return out
}
