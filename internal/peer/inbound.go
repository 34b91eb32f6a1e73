package peer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
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

// Begin notes that the activation exec works on a peer's question. Errors are *FullError and *DuplicateError; the
// caller then starts nothing.
func (r *Requests) Begin(from wire.PeerID, req wire.Request, exec uint64) error {
	k := requestKey{from, req}
	if r.inbound[k] != nil {
		return &DuplicateError{from, req}
	}
	if r.underWay >= r.lim.Inbound {
		return &FullError{"questions under way", r.lim.Inbound}
	}
	r.order++
	put(&r.inbound, k, &inbound{key: k, exec: exec, order: r.order})
	r.underWay++
	return nil
}

// Finish keeps the envelope that answers a peer's question, which nobody changes from then on, and says whether the
// question was under way. The peer's oldest answers beyond the bound are forgotten, and the oldest of all while their
// charge is too large; an answer that is too large by itself is not kept.
func (r *Requests) Finish(from wire.PeerID, req wire.Request, answer *wire.Envelope) bool {
	k := requestKey{from, req}
	e := r.inbound[k]
	if e == nil || e.answer != nil {
		return false
	}
	r.order++
	r.underWay--
	e.exec, e.answer, e.order = 0, answer, r.order
	r.keep(e)
	r.trim(from)
	return true
}

// keep adds an answered entry to the derived tables.
func (r *Requests) keep(e *inbound) {
	if e.prev = r.newest; e.prev != nil {
		e.prev.next = e
	} else {
		r.oldest = e
	}
	r.newest = e
	p := e.key.peer
	put(&r.answers, p, append(r.answers[p], e))
	r.answerBytes += Charge(e.answer)
}

// trim forgets answers until the bounds hold again after one to p was added.
func (r *Requests) trim(p wire.PeerID) {
	if list := r.answers[p]; len(list) > r.lim.Answers {
		i := -1
		if r.lim.Lending > r.lim.Answers {
			i = slices.IndexFunc(list, func(e *inbound) bool { return !e.lends() })
		}
		if i >= 0 || len(list) > r.lim.Lending {
			r.forget(list[max(i, 0)])
		}
	}
	for r.answerBytes > r.lim.AnswerBytes {
		r.forget(r.oldest)
	}
}

// Outdate forgets what was answered to a peer along an edge with values that are lent: it asks for something newer.
func (r *Requests) Outdate(p wire.PeerID, edge int32) {
	for _, e := range slices.Clone(r.answers[p]) {
		if e.answer.Edge == edge && e.lends() {
			r.forget(e)
		}
	}
}

// Forsake forgets the answers to a peer with values that are lent, before those are ended: it could not be given again.
func (r *Requests) Forsake(p wire.PeerID) {
	for _, e := range slices.Clone(r.answers[p]) {
		if e.lends() {
			r.forget(e)
		}
	}
}

// lends says whether the answer lends a value.
func (e *inbound) lends() bool {
	return slices.ContainsFunc(e.answer.Fills, func(f wire.Fill) bool { _, lent := f.Value.(*value.Loan); return lent })
}

// Trim forgets the oldest answer that lends values which its asker has returned, and says whether there was one.
func (r *Requests) Trim() bool {
	for e := r.oldest; e != nil; e = e.next {
		if r.loans.returned(e.answer) {
			r.forget(e)
			return true
		}
	}
	return false
}

// forget drops an answered question.
func (r *Requests) forget(e *inbound) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		r.oldest = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		r.newest = e.prev
	}
	r.answerBytes -= Charge(e.answer)
	r.loans.End(e.answer)
	delete(r.inbound, e.key)
	list := r.answers[e.key.peer]
	at := slices.Index(list, e)
	if list = slices.Delete(list, at, at+1); len(list) > 0 {
		r.answers[e.key.peer] = list
	} else {
		delete(r.answers, e.key.peer)
	}
}
