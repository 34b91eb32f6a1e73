package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// arrival is what came along an edge and waits for values that are lent: it starts what it is for when all of it is
// there. Until then the question that it answers is open, and one that it asks is not under way.
type arrival struct {
	id      uint64
	from    wire.PeerID
	edge    int32
	request wire.Request
	answer  wire.Request
	until   int64         // engine time at which it serves nobody any more; 0 means never
	inputs  []value.Value // in the order of the edge's sites; a value.Loan stands for one that is to come

	missing int // derived: how many of those that is
}

// charge is what an arrival takes beyond what is fetched for it.
func (a *arrival) charge() (n int) {
	for _, v := range a.inputs {
		n += waitCharge(v)
	}
	return n
}

func waitCharge(v value.Value) int {
	if l, ok := v.(*value.Loan); ok {
		return formCharge * l.Bytes()
	}
	return min(v.Bytes(), beforeMost)
}

// hold keeps what came along an edge until the values are there that it has by loan, and says whether it did: what has
// none, or none but for components, starts at once. before says that the number was taken in an earlier life.
func (e *Engine) hold(env *wire.Envelope, edge *program.Edge, fn *program.Func, before bool) bool {
	if !e.rules(3) || !carriesLoan(env) {
		return false
	}
	inputs, unplaced, missing := e.fillsInOrder(env, edge)
	defer clear(inputs)
	var fetch []int
	for i, v := range inputs {
		if l, ok := v.(*value.Loan); ok && !e.takesLoan(fn, program.Slot(i)) {
			if inputs[i] = e.readLoan(env.From, edge, l, len(fetch)); inputs[i] == v {
				fetch = append(fetch, i)
			}
		}
	}
	if len(fetch) == 0 {
		return false
	}
	if !e.awaited(env, edge, before) {
		e.countFills(unplaced, missing)
		e.giveBackInputs(env.From, inputs)
		return true
	}
	// what is fetched for something else, or for a site before it, cannot come twice
	fetch = slices.DeleteFunc(fetch, func(i int) bool {
		n := peer.NameOf(inputs[i].(*value.Loan))
		_, twice := e.findBorrowed(env.From, n)
		twice = twice || slices.ContainsFunc(inputs[:i],
			func(v value.Value) bool { l, ok := v.(*value.Loan); return ok && peer.NameOf(l) == n })
		if twice {
			inputs[i] = lentAlready(env.From)
		}
		return twice
	})
	if len(fetch) == 0 {
		return false
	}
	e.countFills(unplaced, missing)
	a := &arrival{id: e.m.Numbers(1), from: env.From, edge: env.Edge, request: env.Request, answer: env.Answer,
		inputs: slices.Clone(inputs), missing: len(fetch)}
	if env.Deadline > 0 {
		a.until = e.m.After(e.m.Now(), env.Deadline)
		e.m.ArmArrival(a.id, a.until)
	}
	e.st.arrivals = append(e.st.arrivals, a)
	e.st.waiting += a.charge()
	for _, i := range fetch {
		e.noteLoan(&borrowed{loan: a.inputs[i].(*value.Loan), arrival: a.id, input: i, component: -1})
	}
	e.m.Count("arrival.waits")
	e.fetchNext()
	return true
}

func carriesLoan(env *wire.Envelope) bool {
	return slices.ContainsFunc(env.Fills, func(f wire.Fill) bool { _, ok := f.Value.(*value.Loan); return ok })
}

// giveBackInputs gives back the loans among the inputs of what came and does not start, those that are filed nowhere.
func (e *Engine) giveBackInputs(from wire.PeerID, inputs []value.Value) {
	for _, v := range inputs {
		if l, ok := v.(*value.Loan); ok && wire.PeerID(l.Lender) == from {
			if _, there := e.findBorrowed(from, peer.NameOf(l)); !there {
				e.notifyLoan(from, loanReturn, peer.NameOf(l))
			}
		}
	}
}

// awaited says whether what came is to be waited for: an answer to a question that is open, or a question that is not
// known yet. What waits already for the same, and what it makes out of date, waits no more.
func (e *Engine) awaited(env *wire.Envelope, edge *program.Edge, before bool) bool {
	switch {
	case edge.Answer:
		if _, open := e.st.requests.Question(env.From, env.Answer); !open {
			e.m.Drop("answer.unknown", "no such question is open to "+string(env.From))
			return false
		}
		return e.replaces(env, func(a *arrival) bool { return a.answer == env.Answer })
	case edge.Reply != program.None:
		if _, ok := e.contextOf(env, edge, before); !ok {
			return false
		}
		if edge.Latest {
			e.st.requests.Outdate(env.From, int32(edge.Reply))
			e.endArrivals(func(a *arrival) bool {
				return a.from == env.From && a.edge == env.Edge &&
					a.request != env.Request
			})
		}
		return e.replaces(env, func(a *arrival) bool { return a.request == env.Request })
	}
	return true
}

// replaces ends what waits for the same as an envelope with other loans, and returns false where that has the same
// loans: it is a duplicate.
func (e *Engine) replaces(env *wire.Envelope, same func(*arrival) bool) bool {
	again := false
	e.endArrivals(func(a *arrival) bool {
		if a.from != env.From || !same(a) {
			return false
		}
		for _, b := range e.st.borrowed {
			if b.arrival == a.id && slices.ContainsFunc(env.Fills, func(f wire.Fill) bool {
				l, ok := f.Value.(*value.Loan)
				return ok && peer.NameOf(l) == peer.NameOf(b.loan)
			}) {
				again = true
			}
		}
		return !again
	})
	if again {
		e.m.Drop("arrival.duplicate", string(env.From))
	}
	return !again
}

// endArrivals ends the arrivals that match, and gives back what they have borrowed.
func (e *Engine) endArrivals(match func(*arrival) bool) {
	var ended []*arrival
	e.st.arrivals = slices.DeleteFunc(e.st.arrivals, func(a *arrival) bool {
		over := match(a)
		if over {
			ended = append(ended, a)
		}
		return over
	})
	for _, a := range ended {
		e.st.waiting -= a.charge()
		e.m.Count("arrival.ended")
		e.m.DisarmArrival(a.id)
		e.giveBack(func(b *borrowed) bool { return b.arrival == a.id })
	}
	if len(ended) > 0 {
		e.fetchNext()
	}
}

// answerEnded ends what is fetched of the answer to a question that is not open any more: nobody needs it.
func (e *Engine) answerEnded(p wire.PeerID, r wire.Request) {
	if len(e.st.arrivals) > 0 {
		e.endArrivals(func(a *arrival) bool { return a.from == p && a.answer == r })
	}
}

// settle puts a value, or the failure that stands for it, in its place in an arrival, which starts what it is for when
// it is whole.
func (e *Engine) settle(b *borrowed, v value.Value) {
	at, _ := slices.BinarySearchFunc(e.st.arrivals, b.arrival,
		func(a *arrival, id uint64) int { return cmp.Compare(a.id, id) })
	a := e.st.arrivals[at]
	e.st.waiting += waitCharge(v) - waitCharge(a.inputs[b.input])
	a.inputs[b.input] = v
	if a.missing--; a.missing > 0 {
		return
	}
	e.st.waiting -= a.charge()
	e.st.arrivals = slices.Delete(e.st.arrivals, at, at+1)
	e.m.DisarmArrival(a.id)
	env := wire.Envelope{From: a.from, Edge: a.edge, Request: a.request, Answer: a.answer}
	if a.until > 0 {
		env.Deadline = max(1, a.until-e.m.Now())
	}
	edge := &e.prog.Edges[a.edge]
	context := value.Value(value.Trigger{})
	if edge.Answer {
		q, ok := e.takeQuestion(&env)
		if !ok {
			return
		}
		context = q
	}
	e.openRecv(&env, edge, append(make([]value.Value, 0, len(a.inputs)+2), a.inputs...), context)
}

func (r *restorer) arrivals(t *snapshot.TransientSnapshot) error {
	for i := range t.Framework.Arrivals {
		x := &t.Framework.Arrivals[i]
		a := &arrival{id: x.ID, from: wire.PeerID(x.Peer), edge: x.Edge, request: wire.Request{Epoch: x.RequestEpoch,
			ID: x.Request},
			answer: wire.Request{Epoch: x.AnswerEpoch, ID: x.Answer}, until: x.Until, inputs: slices.Clone(x.Inputs)}
		if n := len(r.st.arrivals); x.ID == 0 || x.ID >= r.m.Upcoming() || n > 0 && r.st.arrivals[n-1].id >= x.ID ||
			x.Peer == "" || x.Until < 0 {
			return fmt.Errorf("arrival %d is out of order, or of nobody", x.ID)
		}
		if x.Edge < 0 || int(x.Edge) >= len(r.e.prog.Edges) ||
			r.e.prog.RecvOf(program.EdgeID(x.Edge)) == program.None ||
			len(x.Inputs) != len(r.e.prog.Edges[x.Edge].Sites) || slices.Contains(x.Inputs, nil) {
			return fmt.Errorf("arrival %d came along edge %d, which does not end here or has other values", x.ID,
				x.Edge)
		}
		r.st.arrivals = append(r.st.arrivals, a)
		r.st.waiting += a.charge()
	}
	return nil
}
