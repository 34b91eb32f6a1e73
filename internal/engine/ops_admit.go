package engine

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// govern changes the governor's lists and does what follows for the peers that are let in or kept out by it: for one,
// or, where none is named, for all that are known.
func (e *Engine) govern(only wire.PeerID, change func() error) error {
	if !e.rules(1) {
		e.listed++
		return change()
	}
	peers := []wire.PeerID{only}
	if only == "" {
		peers = e.known()
	}
	was := make([]bool, len(peers))
	for i, p := range peers {
		was[i] = e.st.governor.Admit(p) == nil
	}
	if err := change(); err != nil {
		return err
	}
	e.listed++
	for i, p := range peers {
		switch is := e.st.governor.Admit(p) == nil; {
		case was[i] && !is:
			e.keepOut(p)
		case !was[i] && is:
			e.letIn(p)
		}
	}
	return nil
}

// known returns the peers with an entry in the book or something under way, ascending.
func (e *Engine) known() []wire.PeerID {
	peers := append(e.st.book.Peers(), e.st.streams.Peers()...)
	slices.Sort(peers)
	return slices.DeleteFunc(slices.Compact(peers), func(p wire.PeerID) bool { return p == e.st.self })
}

// keepOut gives up what is under way to a peer that is not admitted any more: its envelopes leave the outbox, and
// questions to it fail as if their deadline had passed.
func (e *Engine) keepOut(p wire.PeerID) {
	e.giveUp(p, PeerBlocked, value.Fail(value.CodeStranger, string(p), e.st.governor.Admit(p).Error()))
}

// giveUp gives up what is under way to a peer, and says why.
func (e *Engine) giveUp(p wire.PeerID, kind PeerKind, why *value.Failure) {
	envelopes, questions := e.st.streams.Abandon(p), 0
	for range envelopes {
		e.m.Count("envelope.abandoned")
	}
	if kind == PeerBlocked {
		e.owedAgain(envelopes)
	}
	e.st.streams.TakeAck(p) // nothing is told to it any more
	for _, q := range e.st.requests.Abandon(p) {
		questions++
		e.m.Count("request.abandoned")
		e.m.DisarmRequest(p, q.Envelope.Request)
		e.answerEnded(p, q.Envelope.Request)
		e.unanswered(q.Edge, p, q.Context, why)
	}
	if kind != PeerBlocked { // one that is let in again goes on where it was
		e.st.requests.Forsake(p)
		e.st.loans.Forget(p)
		e.noLender(p, why)
	}
	e.announce(kind, p, fmt.Sprintf("%s; given up: envelopes %d, questions %d", why.Message, len(envelopes), questions))
	e.notifyWatchers(p, false)
	e.m.WakeForRoom()
}

// letIn has a peer tried again at once.
func (e *Engine) letIn(p wire.PeerID) {
	e.st.backoff.Success(p)
	e.wantAgain(p)
	e.serve(p)
	e.askHeld(p)
	e.announce(PeerUnblocked, p, "")
	if a := e.st.book.Lookup(p); len(a) > 0 {
		e.sendAddresses(p)
	}
}

// outcast returns the failure of sending to a peer that is not admitted, or nil.
func (e *Engine) outcast(p wire.PeerID, where string) *value.Failure {
	if !e.rules(1) {
		return nil
	}
	if bad := e.noPeer(p, where); bad != nil {
		return bad
	}
	if err := e.st.governor.Admit(p); err != nil {
		return value.Fail(value.CodeStranger, where, err.Error())
	}
	if e.rules(2) && e.st.roster.Parted(p) {
		return value.Fail(value.CodeStranger, where, "peer "+string(p)+" is no member any more")
	}
	return nil
}

// noPeer returns the failure of a value that names no peer, such as one that came over the wire: no envelope could be
// for it, and no table could be restored with it.
func (e *Engine) noPeer(p wire.PeerID, where string) *value.Failure {
	why := p.Fault()
	if why == "" || !e.rules(2) {
		return nil
	}
	return value.Fail(value.CodeType, where, fmt.Sprintf("%.32q of %d bytes names no peer; %s", string(p), len(p), why))
}

// unanswered starts the activation of an answer that never comes: each value is the failure.
func (e *Engine) unanswered(question int32, p wire.PeerID, context value.Value, why *value.Failure) {
	edge := &e.prog.Edges[e.prog.Edges[question].Reply]
	recv := e.prog.RecvOf(edge.ID)
	if recv == program.None {
		return
	}
	inputs := make([]value.Value, len(edge.Sites), len(edge.Sites)+2)
	for i := range inputs {
		inputs[i] = why
	}
	e.m.Open(&e.prog.Funcs[recv], append(inputs, value.Peer(p), context))
}
