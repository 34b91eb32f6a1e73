package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/wire"
)

// Peers returns the peers with which a stream exists, ascending.
func (s *Streams) Peers() []wire.PeerID { return s.peers.sorted() }

// Abandon takes everything out of the outbox that is for the peer and returns it in the order of its numbers. The numbers
// are spent: the base that the next envelope tells lets the receiver go on after them.
func (s *Streams) Abandon(p wire.PeerID) []*wire.Envelope {
	t := s.stream(p)
	if t == nil || len(t.out) == 0 {
		return nil
	}
	out := make([]*wire.Envelope, len(t.out))
	for i := range t.out {
		out[i] = t.out[i].env
	}
	s.bytes -= t.bytes
	s.count -= len(out)
	t.out, t.bytes, t.resends = nil, 0, 0
	t.awaited, t.level = 0, Trusted
	s.unschedule(t)
	return out
}

// Hurry sends what is unacknowledged to the peer again soon: a link came after one had ended, and what was under way then may
// be lost.
func (s *Streams) Hurry(p wire.PeerID, now int64, rand func() uint64) {
	if t := s.stream(p); t != nil && len(t.out) > 0 {
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
		delete(r.outbound, k)
	}
	return out
}
