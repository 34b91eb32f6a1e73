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
	out := t.out
	for _, env := range out {
		s.bytes -= Charge(env)
	}
	s.count -= len(out)
	t.out, t.resends = nil, 0
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
