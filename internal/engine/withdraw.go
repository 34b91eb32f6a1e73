package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// A question can be taken back: by a newer one to the same peer, along an edge of which only the latest matters, or by
// the component that knows that nobody needs the answer. So a peer that is away holds no more than the newest question,
// and one that comes back does not work through all that it missed.

// withdraw takes a question back: it is not open any more, and leaves the outbox where it was not acknowledged. What
// its answer would start does not start.
func (e *Engine) withdraw(p wire.PeerID, r wire.Request) {
	q, open := e.st.requests.Answered(p, r)
	if !open {
		return
	}
	if q.Deadline > 0 {
		e.m.DisarmRequest(p, r)
	}
	e.st.streams.Withdraw(p, r)
	e.m.Count("request.withdrawn")
	e.answerEnded(p, r)
}

// supersede takes back what was asked along the edge before of the peers that are to be asked now, and returns those
// that have room for a question of so many bytes, and those whose part of the outbox is full of something else.
func (e *Engine) supersede(edge *program.Edge, to []wire.PeerID, bytes int) (room, full []wire.PeerID) {
	if !edge.Latest || !e.rules(2) {
		return to, nil
	}
	room = to[:0]
	withdrawn := false
	for _, p := range to {
		for _, r := range e.st.requests.OpenTo(p, int32(edge.ID)) {
			e.withdraw(p, r)
			withdrawn = true
		}
		if e.st.streams.RoomOf(p, bytes) {
			room = append(room, p)
		} else {
			full = append(full, p)
		}
	}
	if withdrawn {
		e.m.WakeForRoom()
	}
	return room, full
}

// skip tells of peers that a question did not go to because their part of the outbox is full: the others do not wait
// for them.
func (e *Engine) skip(o *program.Op, edge *program.Edge, full []wire.PeerID, context value.Value) {
	for _, p := range full {
		e.m.Drop("request.skipped", string(p))
		e.unanswered(int32(edge.ID), p, context, value.Fail(value.CodeSend, o.Name,
			fmt.Sprintf("the outbox has no room for %s, who has not acknowledged earlier messages", p)))
	}
}

// Withdraw takes back the questions along the edge of that name whose context matches and that were not answered, and
// returns how many. An answer that is under way is dropped when it comes.
func (c *Context) Withdraw(edge string, match func(context value.Value) bool) int {
	e, n := c.e, 0
	if !e.rules(2) {
		return 0
	}
	for i := range e.prog.Edges {
		x := &e.prog.Edges[i]
		if x.Name != edge || x.From != e.prog.Place || x.Reply == program.None {
			continue
		}
		peers, requests := e.st.requests.OpenAlong(int32(x.ID), func(q *peer.Question) bool { return match(q.Context) })
		for k, p := range peers {
			e.withdraw(p, requests[k])
		}
		n += len(peers)
	}
	if n > 0 {
		e.m.WakeForRoom()
	}
	return n
}

// expire gives up on a question that nobody answered: the activation of its answer starts with failures.
func (e *Engine) expire(p wire.PeerID, req wire.Request) {
	q, ok := e.st.requests.Answered(p, req)
	if !ok {
		return
	}
	e.m.Count("request.expired")
	e.answerEnded(p, req)
	e.m.WakeForRoom()
	edge := &e.prog.Edges[e.prog.Edges[q.Edge].Reply]
	e.unanswered(q.Edge, p, q.Context, value.Fail(value.CodeDeadline, string(p),
		fmt.Sprintf("no answer on edge %s in time", edge.Name)))
}
