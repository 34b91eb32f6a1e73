package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Withdraw takes the envelope that asks a question of the peer out of the outbox, where it is not acknowledged, and
// says whether it was there. Its number is spent: when it is the first one, the base that the next envelope tells lets
// the receiver go on after it; in the middle an empty envelope keeps its number.
func (s *Streams) Withdraw(p wire.PeerID, r wire.Request) bool {
	t := s.stream(p)
	if t == nil || !r.IsSet() {
		return false
	}
	there := false
	for i := range t.out {
		old := t.out[i].env
		if old.Request != r {
			continue
		}
		there = true
		s.release(t, &t.out[i])
		t.out[i].env, t.out[i].deadline, t.out[i].fan = spent(old), 0, 0
	}
	if there {
		s.trim(t)
	}
	return there
}

// WithdrawClosed takes every question out of the outbox that is not open any more: its receiver has answered it, or
// nobody waits.
func (s *Streams) WithdrawClosed(open func(p wire.PeerID, r wire.Request) bool) {
	for i := range s.peers.rows {
		t := s.peers.rows[i].v
		var closed []wire.Request // an outbox is trimmed as they go
		for k := range t.out {
			if r := t.out[k].env.Request; r.IsSet() && !open(t.peer, r) {
				closed = append(closed, r)
			}
		}
		for _, r := range closed {
			s.Withdraw(t.peer, r)
		}
	}
}

// Answering says whether the outbox holds the answer to a question of the peer.
func (s *Streams) Answering(p wire.PeerID, r wire.Request) bool {
	t := s.look(p)
	return t != nil && r.IsSet() && slices.ContainsFunc(t.out, func(x sending) bool { return x.env.Answer == r })
}

// RoomOf says whether one more envelope of that charge fits into the peer's own part of the outbox.
func (s *Streams) RoomOf(p wire.PeerID, bytes int) bool {
	t := s.look(p)
	return t == nil || len(t.out) < s.lim.PeerEnvelopes && t.bytes+bytes <= s.lim.PeerBytes
}

// spent returns the envelope that keeps the number of another.
func spent(old *wire.Envelope) *wire.Envelope {
	return &wire.Envelope{Version: wire.PlainVersion, From: old.From, To: old.To, Digest: old.Digest, Edge: -1,
		Epoch:  old.Epoch,
		Number: old.Number, Redelivered: old.Redelivered}
}

// trim drops the spent numbers at the beginning of the outbox.
func (s *Streams) trim(t *stream) {
	n := 0
	for n < len(t.out) && isSpent(t.out[n].env) {
		n++
	}
	if n == 0 {
		return
	}
	t.out = slices.Delete(t.out, 0, n)
	s.count -= n
	if len(t.out) == 0 {
		t.out = nil
		s.settle(t)
	}
}

// isSpent says whether an envelope only keeps its number.
func isSpent(env *wire.Envelope) bool {
	return len(env.Fills) == 0 && env.Edge < 0 && !env.Request.IsSet()
}

// OpenTo returns the questions along an edge that the peer has not answered, by (epoch, number).
func (r *Requests) OpenTo(p wire.PeerID, edge int32) []wire.Request {
	var out []wire.Request
	for _, req := range r.asked[p] {
		if r.outbound[requestKey{p, req}].Edge == edge {
			out = append(out, req)
		}
	}
	return out
}

// OpenAlong returns the questions along an edge that nobody answered, with whom they were asked of, by (peer, epoch,
// number).
func (r *Requests) OpenAlong(edge int32, match func(*Question) bool) (peers []wire.PeerID, requests []wire.Request) {
	for _, p := range sorted(r.asked) {
		for _, req := range r.asked[p] {
			if q := r.outbound[requestKey{p, req}]; q.Edge == edge && match(q) {
				peers, requests = append(peers, p), append(requests, req)
			}
		}
	}
	return peers, requests
}

// note keeps the list of what is asked of each peer in step with the table.
func (r *Requests) note(k requestKey) {
	put(&r.asked, k.peer, append(r.asked[k.peer], k.req))
}

// drop takes an own question out of the table.
func (r *Requests) drop(k requestKey) {
	r.loans.End(r.outbound[k].Envelope)
	delete(r.outbound, k)
	list := r.asked[k.peer]
	i := slices.Index(list, k.req)
	if list = slices.Delete(list, i, i+1); len(list) == 0 {
		delete(r.asked, k.peer)
	} else {
		r.asked[k.peer] = list
	}
}
