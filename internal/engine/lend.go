package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// A value that is too large for an envelope is lent: the envelope carries a value.Loan, the value stays here, and
// whoever has the envelope takes it in chunks, at its own pace. This file is the lender's side, borrow.go the
// borrower's. What they say to each other are messages for wire.LoanComponent, numbered and applied once like all
// others.

// What is lent, and how.
const (
	lentOver = 1 << 20 // values with tensors of more bytes, where the edge says nothing else
	// with what stands beside it, it fits into an envelope to a small device; see wire.EdgeLimits
	chunkMost    = 32 << 10
	chunkLeast   = 8 << 10
	underWayMost = 8 << 20 // bytes of one value that are under way at once, to all who borrow it
	aheadLeast   = 8       // chunks of it that each of them may wait for at least
	aheadMost    = 4 << 20 // bytes of it that each of them may wait for at most
	chunksHeld   = 12      // by earlier rules, in the place of aheadLeast
	chunksOwed   = 64      // chunks of it that each of them may wait for, whatever their size: a loan says no more
)

// What the nodes say to each other about a loan.
const (
	loanWant   = "want"   // epoch, number, first chunk, how many
	loanChunk  = "chunk"  // epoch, number, chunk, its elements as a vector
	loanReturn = "return" // epoch, number: it is not needed any more
	loanGone   = "gone"   // epoch, number: it is not lent any more
	loanHeld   = "held"   // epoch, number: it is to be returned by one that does not have it
)

func (l *Limits) loans() peer.LoanLimits {
	return peer.LoanLimits{Loans: l.Loans, Bytes: int64(l.LoanBytes), Chunks: chunksOwed}
}

// lending is what a send is about to lend.
type lending struct {
	loans  []*value.Loan
	values []value.Value
	bytes  int64
}

// loansFor puts loans in the place of the values that are too large to go along an edge to so many peers. Nothing is
// lent yet.
func (e *Engine) loansFor(edge *program.Edge, fills []wire.Fill, peers int) (l lending) {
	if !e.rules(3) {
		return l
	}
	over, chunk := lentOver, min(chunkMost, e.limits.Wire.FillBytes/2)
	each := aheadLeast
	if !e.rules(4) {
		each = chunksHeld
	}
	for chunk > chunkLeast && chunk*each*peers > underWayMost {
		chunk /= 2
	}
	if edge.Chunk > 0 {
		over, chunk = int(edge.Chunk), int(edge.Chunk)
	}
	whole := func(v value.Value, large int64) bool {
		return large <= int64(over) && v.Bytes() <= e.limits.Wire.FillBytes
	}
	for i := range fills {
		v := fills[i].Value
		if v == nil || whole(v, int64(v.Bytes())) {
			continue
		}
		number := e.m.Upcoming() + uint64(len(l.loans)) // one row of numbers is enough: none is given twice
		if x := value.NewLoan(value.Peer(e.st.self), e.asks(), number, chunk, 1, v); x != nil && !whole(v, x.Large()) {
			if e.rules(4) {
				x.Ahead = min(max(aheadLeast, min(aheadMost, underWayMost/max(1, peers))/x.Chunk), chunksOwed)
			}
			fills[i].Value = x
			l.loans, l.values, l.bytes = append(l.loans, x), append(l.values, v), l.bytes+x.Large()
		}
	}
	return l
}

// lend keeps what is lent. kept says that it goes with a question or an answer.
func (e *Engine) lend(l lending, kept bool) {
	for i, x := range l.loans {
		e.st.loans.Lend(x, l.values[i], kept)
	}
	e.m.Numbers(len(l.loans))
}

// roomToLend says whether there is room for what is about to be lent, and whether there ever could be. Answers make
// room that their askers have got whole.
func (e *Engine) roomToLend(l lending) (now, ever bool) {
	for {
		if now, ever = e.st.loans.Room(len(l.loans), l.bytes); now || !ever || !e.st.requests.Trim() {
			return now, ever
		}
	}
}

// Loans returns how many values the node lends, and how many it has borrowed.
func (e *Engine) Loans() (lent, borrowed int) { return e.st.loans.Len(), len(e.st.borrowed) }

// isLoan says whether an envelope is about loans alone.
func isLoan(env *wire.Envelope) bool {
	return env.Edge < 0 && len(env.Fills) > 0 && env.Fills[0].Op != "" && env.Fills[0].Component == wire.LoanComponent
}

// notifyLoan sends a message about a loan. It returns false when there is no room for it.
func (e *Engine) notifyLoan(to wire.PeerID, op string, n peer.LoanName, more ...value.Value) bool {
	in := append([]value.Value{value.Int(n.Epoch), value.Int(n.Number)}, more...)
	env := e.plain(to)
	env.Fills = []wire.Fill{{Component: wire.LoanComponent, Op: op, Value: value.NewList(in...)}}
	if err := e.send(&env, true); err != nil {
		e.m.Drop("loan.untold", op+" to "+string(to)+": "+err.Error())
		return false
	}
	return true
}

// takeLoan handles a message about a loan, and says whether that changed anything.
func (e *Engine) takeLoan(from wire.PeerID, fill *wire.Fill) bool {
	in, ok := fill.Value.(*value.List)
	if !ok || in.Len() < 2 {
		return e.badLoan(from, fill.Op)
	}
	n := peer.LoanName{}
	epoch, ok1 := in.At(0).(value.Int)
	number, ok2 := in.At(1).(value.Int)
	if n.Epoch, n.Number = uint64(epoch), uint64(number); !ok1 || !ok2 || epoch < 0 || number < 0 {
		return e.badLoan(from, fill.Op)
	}
	switch {
	case fill.Op == loanWant && in.Len() == 4:
		first, ok1 := in.At(2).(value.Int)
		count, ok2 := in.At(3).(value.Int)
		if !ok1 || !ok2 || first < 0 || count < 1 || first > 1<<40 {
			return e.badLoan(from, fill.Op)
		}
		known, dropped := e.st.loans.Want(from, n, uint64(first), uint64(count))
		if !known {
			e.m.Count("loan.unknown")
			return e.notifyLoan(from, loanGone, n)
		}
		for range dropped {
			e.m.Count("loan.toomany")
		}
		e.serve(from)
		return dropped == 0
	case fill.Op == loanChunk && in.Len() == 4:
		k, ok := in.At(2).(value.Int)
		if !ok || k < 0 {
			return e.badLoan(from, fill.Op)
		}
		return e.takeChunk(from, n, int64(k), in.At(3))
	case fill.Op == loanReturn:
		if e.st.loans.Return(from, n) {
			e.m.WakeForRoom()
		}
		return true
	case fill.Op == loanHeld:
		if !e.has(from, n) {
			e.notifyLoan(from, loanReturn, n)
		}
		return true
	case fill.Op == loanGone:
		return e.loanIsGone(from, n, value.Fail(value.CodeSend, string(from), "what it lent it does not lend any more"))
	}
	return e.badLoan(from, fill.Op)
}

func (e *Engine) badLoan(from wire.PeerID, op string) bool {
	e.m.Drop("loan.refused", fmt.Sprintf("%s says %q of a loan in a form that is not known", from, cut(op)))
	return false
}

// serve gives a peer the chunks that it waits for, as many as there is room for in its part of the outbox.
func (e *Engine) serve(p wire.PeerID) {
	for e.st.loans.Len() > 0 && e.outcast(p, "") == nil {
		n, k, size, owed := e.st.loans.Owed(p)
		if !owed {
			return
		}
		e.sc.peers = append(e.sc.peers[:0], p)
		if room, _ := e.st.streams.RoomFor(e.sc.peers, size+256); !room {
			e.m.Count("loan.waits")
			return
		}
		if !e.notifyLoan(p, loanChunk, n, value.Int(k), e.st.loans.Give(p, n)) {
			e.st.loans.Want(p, n, k, 1) // nobody is going to ask for it again
			return
		}
	}
}

// askHeld asks a peer, which may have lost what it had acknowledged, for the return of what it does not have any more.
// It has no question or answer to end that; what it has not acknowledged comes again.
func (e *Engine) askHeld(p wire.PeerID) {
	for _, n := range e.st.loans.SentTo(p) {
		if !e.st.streams.Lends(p, n) {
			e.notifyLoan(p, loanHeld, n)
		}
	}
}

// owedAgain notes that chunks are owed again which left the outbox because their receiver is kept out: it does not know
// that they are lost, and waits for them when it is let in.
func (e *Engine) owedAgain(envelopes []*wire.Envelope) {
	for _, env := range envelopes {
		if !isLoan(env) || env.Fills[0].Op != loanChunk {
			continue
		}
		if in, ok := env.Fills[0].Value.(*value.List); ok && in.Len() == 4 {
			epoch, _ := in.At(0).(value.Int)
			number, _ := in.At(1).(value.Int)
			k, _ := in.At(2).(value.Int)
			e.st.loans.Want(env.To, peer.LoanName{Epoch: uint64(epoch), Number: uint64(number)}, uint64(k), 1)
		}
	}
}
