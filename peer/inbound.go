package peer

import (
	"maps"
	"slices"

	"github.com/rhizome-ml/rhizome/wire"
)

// InboundState says what is known of a question of another.
type InboundState uint8

// The states of a question of another.
const (
	InboundFresh    InboundState = iota // it was not seen, or its answer is forgotten: work on it
	InboundUnderWay                     // it is worked on: its answer will come
	InboundAnswered                     // it was answered: the answer can be sent again
)

// Inbound returns what is known of a peer's question, and the envelope that answered it.
func (r *Requests) Inbound(from wire.PeerID, req wire.Request) (InboundState, *wire.Envelope) {
	switch e := r.inbound[requestKey{from, req}]; {
	case e == nil:
		return InboundFresh, nil
	case e.answer == nil:
		return InboundUnderWay, nil
	default:
		return InboundAnswered, e.answer
	}
}

// Begin notes that the activation exec works on a peer's question. Errors are *FullError and *DuplicateError; the caller
// then starts nothing.
func (r *Requests) Begin(from wire.PeerID, req wire.Request, exec uint64) error {
	k := requestKey{from, req}
	if r.inbound[k] != nil {
		return &DuplicateError{from, req}
	}
	if r.underWay >= r.lim.Inbound {
		return &FullError{"questions under way", r.lim.Inbound}
	}
	r.order++
	put(&r.inbound, k, &inbound{exec: exec, order: r.order})
	r.underWay++
	return nil
}

// Finish keeps the envelope that answers a peer's question, which nobody changes from then on, and says whether the
// question was under way. The peer's oldest answers beyond the bound are forgotten, and the oldest of all while their charge
// is too large; an answer that is too large by itself is not kept.
func (r *Requests) Finish(from wire.PeerID, req wire.Request, answer *wire.Envelope) bool {
	k := requestKey{from, req}
	e := r.inbound[k]
	if e == nil || e.answer != nil {
		return false
	}
	r.order++
	r.underWay--
	e.exec, e.answer, e.order = 0, answer, r.order
	r.keep(k, e)
	r.trim(from)
	return true
}

// keep adds an answered entry to the derived tables.
func (r *Requests) keep(k requestKey, e *inbound) {
	r.answered = append(r.answered, k)
	put(&r.answers, k.peer, r.answers[k.peer]+1)
	r.answerBytes += Charge(e.answer)
}

// trim forgets answers until the bounds hold again after one to p was added.
func (r *Requests) trim(p wire.PeerID) {
	if r.answers[p] > r.lim.Answers {
		r.forget(slices.IndexFunc(r.answered, func(k requestKey) bool { return k.peer == p }))
	}
	for r.answerBytes > r.lim.AnswerBytes {
		r.forget(0)
	}
}

// forget drops the answered question at place i.
func (r *Requests) forget(i int) {
	k := r.answered[i]
	r.answered = slices.Delete(r.answered, i, i+1)
	r.answerBytes -= Charge(r.inbound[k].answer)
	delete(r.inbound, k)
	if r.answers[k.peer]--; r.answers[k.peer] == 0 {
		delete(r.answers, k.peer)
	}
}

// sortedInbound returns the questions of others in the order of their last change.
func (r *Requests) sortedInbound() []requestKey {
	return slices.SortedFunc(maps.Keys(r.inbound), func(a, b requestKey) int {
		if r.inbound[a].order < r.inbound[b].order {
			return -1
		}
		return 1
	})
}
