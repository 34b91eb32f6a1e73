package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

const (
	chunksMost = 1 << 22 // that a loan may have
	formCharge = 8       // what a loan and how it is cut take in memory, by the bytes that the loan is charged
	// what an arrival is charged of one value, at most: what was fetched is bounded by Limits.LoanBytes
	beforeMost = 4 << 20
)

// Borrower is a Component that takes some of its inputs as loans: it gets the value.Loan in the place of the value,
// adopts it with ctx.Borrow, and asks for its chunks itself, such as to add them up as they come. All other inputs are
// put together before their op runs.
type Borrower interface {
	// Borrows says whether the method takes a loan as input i.
	Borrows(method string, i int) bool
	// Lent is called with a chunk that was asked for with ctx.Fetch: a vector of the type of the tensor that it is of.
	Lent(ctx *Context, l *value.Loan, chunk int, v value.Value)
	// Gone is called when no more chunks of a loan can come; it is over.
	Gone(ctx *Context, l *value.Loan, why *value.Failure)
}

// borrowed is a loan of a peer: an arrival waits for it, it is in a slot of an activation, or a component has it.
type borrowed struct {
	loan      *value.Loan
	arrival   uint64 // that waits for it, or 0
	input     int    // of the arrival
	exec      uint64 // the activation that it came for, or 0; where arrival is 0 too, component has it
	component int32
	// of an arrival, those that are there; a trigger stands for one that is missing. nil before the first is asked for
	chunks []value.Value
	next   uint64   // likewise, the first chunk that was never asked for
	wanted []uint64 // chunks that were asked for and are not there, ascending
	unsaid bool     // there was no room to ask for some of them

	layout *value.Layout // derived
	sheet  *value.Sheet  // derived: the memory of chunks
}

func (b *borrowed) lender() wire.PeerID { return wire.PeerID(b.loan.Lender) }

func (b *borrowed) compare(p wire.PeerID, n peer.LoanName) int {
	return cmp.Or(cmp.Compare(b.lender(), p), cmp.Compare(b.loan.Epoch, n.Epoch), cmp.Compare(b.loan.Number, n.Number))
}

func (e *Engine) findBorrowed(p wire.PeerID, n peer.LoanName) (int, bool) {
	return slices.BinarySearchFunc(e.st.borrowed, n, func(b *borrowed, n peer.LoanName) int { return b.compare(p, n) })
}

// has says whether a loan of a peer is borrowed, or came with what waits for others.
func (e *Engine) has(p wire.PeerID, n peer.LoanName) bool {
	_, there := e.findBorrowed(p, n)
	return there || slices.ContainsFunc(e.st.arrivals, func(a *arrival) bool {
		return a.from == p && slices.ContainsFunc(a.inputs,
			func(v value.Value) bool { l, ok := v.(*value.Loan); return ok && peer.NameOf(l) == n })
	})
}

func lentAlready(from wire.PeerID) *value.Failure {
	return value.Fail(value.CodeError, string(from), "it lends what is lent already, or what nothing here takes")
}

// readLoan returns a loan that may be borrowed, beside some more that came with it, or the failure that stands for it.
// One that is borrowed already takes no room: whoever files it finds that.
func (e *Engine) readLoan(from wire.PeerID, edge *program.Edge, l *value.Loan, beside int) value.Value {
	if wire.PeerID(l.Lender) != from {
		return value.Fail(value.CodeError, string(from), "it lends what is not its own")
	}
	if _, there := e.findBorrowed(from, peer.NameOf(l)); there {
		return l
	}
	if edge.Chunk > 0 && int64(l.Chunk) != edge.Chunk {
		e.notifyLoan(from, loanReturn, peer.NameOf(l))
		return value.Fail(value.CodeError, string(from),
			fmt.Sprintf("it lends in chunks of %d bytes, along an edge on which they have %d", l.Chunk, edge.Chunk))
	}
	if e.st.waiting+formCharge*l.Bytes() > e.limits.SlotBytes/2 {
		e.notifyLoan(from, loanReturn, peer.NameOf(l))
		return value.Fail(value.CodeOverflow, string(from),
			fmt.Sprintf("what came with loans and waits for them has %d bytes; at most %d of them wait", e.st.waiting,
				e.limits.SlotBytes/2))
	}
	if n := l.Layout().Chunks(); l.Large() > int64(e.limits.LoanBytes) || n > chunksMost ||
		len(e.st.borrowed)+beside >= e.limits.Loans {
		e.notifyLoan(from, loanReturn, peer.NameOf(l))
		return value.Fail(value.CodeOverflow, string(from),
			fmt.Sprintf("it lends %d bytes in %d chunks, as one of %d loans; at most %d, %d and %d are taken",
				l.Large(), n, len(e.st.borrowed)+beside+1, e.limits.LoanBytes, chunksMost, e.limits.Loans))
	}
	return l
}

// noteLoan files a loan.
func (e *Engine) noteLoan(b *borrowed) bool {
	at, there := e.findBorrowed(b.lender(), peer.NameOf(b.loan))
	if there {
		return false
	}
	b.layout = b.loan.Layout()
	e.st.borrowed = slices.Insert(e.st.borrowed, at, b)
	return true
}

// noteLoans files the loans among the inputs of an activation that is about to start: those that components take.
// Others cannot be among them but those that are not sound.
func (e *Engine) noteLoans(f *dataflow.Frame, from wire.PeerID, edge *program.Edge, inputs []value.Value) {
	for i, v := range inputs {
		l, ok := v.(*value.Loan)
		if !ok {
			continue
		}
		if v := e.readLoan(from, edge, l, 0); v != value.Value(l) {
			inputs[i] = v
			continue
		}
		if !e.rules(3) || !e.takesLoan(f.Func, program.Slot(i)) ||
			!e.noteLoan(&borrowed{loan: l, exec: f.Exec, component: -1}) {
			inputs[i] = lentAlready(from)
			continue
		}
		f.Claims++
	}
}

// takesLoan says whether all that read an input of a function take a loan there.
func (e *Engine) takesLoan(fn *program.Func, s program.Slot) bool {
	if int32(s) >= fn.Inputs {
		return true // nothing reads it
	}
	for _, u := range fn.Uses[fn.UseStart[s]:fn.UseStart[s+1]] {
		o := &fn.Ops[u.Op]
		if o.Code != program.OpComponent {
			return false
		}
		if c, ok := e.comps[o.Component].(Borrower); !ok || !c.Borrows(o.Method, int(u.Input)) {
			return false
		}
	}
	return true
}

// fetchNext begins to fetch what waits for room, in the order of the table: so many bytes may be under way at once.
func (e *Engine) fetchNext() {
	left := int64(e.limits.LoanBytes)
	for _, b := range e.st.borrowed {
		if b.sheet != nil {
			left -= b.loan.Large()
		}
	}
	for _, b := range e.st.borrowed {
		if b.arrival == 0 || b.sheet != nil || b.loan.Large() > left {
			continue
		}
		left -= b.loan.Large()
		b.sheet = value.NewSheet(b.layout)
		b.chunks = b.sheet.Missing()
		e.ahead(b)
	}
}

// ahead asks for as many chunks as may be under way, half of them at a time.
func (e *Engine) ahead(b *borrowed) {
	n := min(uint64(b.loan.Ahead-len(b.wanted)), uint64(b.layout.Chunks())-b.next)
	if n == 0 || len(b.wanted) > b.loan.Ahead/2 {
		return
	}
	first := b.next
	for range n {
		b.wanted = append(b.wanted, b.next)
		b.next++
	}
	e.want(b, first, n)
}

func (e *Engine) want(b *borrowed, first, n uint64) {
	if !e.notifyLoan(b.lender(), loanWant, peer.NameOf(b.loan), value.Int(first), value.Int(n)) {
		b.unsaid = true
	}
}

// borrowedOf returns what is borrowed of a peer.
func (e *Engine) borrowedOf(p wire.PeerID) []*borrowed {
	first, _ := e.findBorrowed(p, peer.LoanName{})
	n := first
	for n < len(e.st.borrowed) && e.st.borrowed[n].lender() == p {
		n++
	}
	return e.st.borrowed[first:n]
}

// wantUnsaid asks a peer for what there was no room to ask it for before.
func (e *Engine) wantUnsaid(p wire.PeerID) {
	if slices.ContainsFunc(e.borrowedOf(p), func(b *borrowed) bool { return b.unsaid }) {
		e.wantAgain(p)
	}
}

// wantAgain asks a peer again for what was asked for and did not come: the question or the answer may be lost.
func (e *Engine) wantAgain(p wire.PeerID) {
	for _, b := range e.borrowedOf(p) {
		b.unsaid = false
		for i := 0; i < len(b.wanted); {
			n := 1
			for i+n < len(b.wanted) && b.wanted[i+n] == b.wanted[i]+uint64(n) {
				n++
			}
			e.want(b, b.wanted[i], uint64(n))
			i += n
		}
	}
}

// lenders returns those of whom something is borrowed, ascending.
func (e *Engine) lenders() (out []wire.PeerID) {
	for _, b := range e.st.borrowed {
		if p := b.lender(); len(out) == 0 || out[len(out)-1] != p {
			out = append(out, p)
		}
	}
	return out
}

// takeChunk takes a chunk, and says whether it was waited for.
func (e *Engine) takeChunk(from wire.PeerID, n peer.LoanName, chunk int64, v value.Value) bool {
	at, there := e.findBorrowed(from, n)
	if !there {
		e.m.Drop("chunk.unknown", "of a loan of "+string(from)+" that is over")
		return false
	}
	b := e.st.borrowed[at]
	i, waited := slices.BinarySearch(b.wanted, uint64(chunk))
	if !waited {
		e.m.Drop("chunk.duplicate", fmt.Sprintf("chunk %d of %s is there, or was not asked for", chunk, from))
		return false
	}
	x := b.layout.Fits(int(chunk), v)
	if x == nil {
		e.endBorrowed(at, value.Fail(value.CodeType, string(from),
			fmt.Sprintf("chunk %d of what it lends is a %s; want a vector of %d elements", chunk, v.Type(),
				b.layout.Len(int(chunk)))))
		return true
	}
	b.wanted = slices.Delete(b.wanted, i, i+1)
	if b.arrival == 0 {
		c, ok := e.comps[b.component].(Borrower)
		if !ok {
			e.m.Broken("a loan is of a component that borrows nothing")
		}
		ctx := e.enter(b.component, nil, -1)
		c.Lent(ctx, b.loan, int(chunk), v)
		e.leave()
		return true
	}
	put, err := b.sheet.Put(int(chunk), x)
	if err != nil {
		e.endBorrowed(at, value.Fail(value.CodeOverflow, string(from), err.Error()))
		return true
	}
	b.chunks[chunk] = put
	if !b.sheet.Whole() {
		e.ahead(b)
		return true
	}
	e.endBorrowed(at, b.loan.Value(b.sheet))
	return true
}

// endBorrowed ends a loan: the value, or the failure that stands for it, goes where the loan came for, and the lender
// is told.
func (e *Engine) endBorrowed(at int, v value.Value) {
	b := e.st.borrowed[at]
	e.st.borrowed = slices.Delete(e.st.borrowed, at, at+1)
	e.notifyLoan(b.lender(), loanReturn, peer.NameOf(b.loan))
	e.hand(b, v)
	e.fetchNext()
}

// loanIsGone ends a loan that its lender does not lend any more, and says whether there was one. A question that was to
// be answered with it is asked again; one that came with it is over, or is asked again by its asker.
func (e *Engine) loanIsGone(from wire.PeerID, n peer.LoanName, why *value.Failure) bool {
	at, there := e.findBorrowed(from, n)
	if !there {
		return false
	}
	e.m.Count("loan.gone")
	b := e.st.borrowed[at]
	if i := slices.IndexFunc(e.st.arrivals, func(a *arrival) bool { return a.id == b.arrival }); i >= 0 {
		if a := e.st.arrivals[i]; a.answer.IsSet() || a.request.IsSet() {
			e.endArrivals(func(x *arrival) bool { return x == a })
			if q, open := e.st.requests.Question(from, a.answer); open {
				e.sendAgain(q.Envelope)
			}
			return true
		}
	}
	e.st.borrowed = slices.Delete(e.st.borrowed, at, at+1)
	e.hand(b, why)
	e.fetchNext()
	return true
}

// hand gives what came of a loan to whoever it came for.
func (e *Engine) hand(b *borrowed, v value.Value) {
	switch {
	case b.arrival != 0:
		e.settle(b, v)
	case b.exec != 0:
		e.m.Frame(b.exec).Claims-- // the loan itself is in the slot; who adopts it is told that it is over
	default:
		c, why := e.comps[b.component].(Borrower), value.Failed(v)
		ctx := e.enter(b.component, nil, -1)
		c.Gone(ctx, b.loan, why)
		e.leave()
	}
}

// giveBack returns the loans that match to their lenders.
func (e *Engine) giveBack(match func(*borrowed) bool) {
	var ended []*borrowed
	e.st.borrowed = slices.DeleteFunc(e.st.borrowed, func(b *borrowed) bool {
		over := match(b)
		if over {
			ended = append(ended, b)
		}
		return over
	})
	for _, b := range ended {
		e.notifyLoan(b.lender(), loanReturn, peer.NameOf(b.loan))
	}
}

// giveUpLoans returns what an activation that ends has borrowed and no component has adopted.
func (e *Engine) giveUpLoans(f *dataflow.Frame) {
	f.Claims = 0
	e.giveBack(func(b *borrowed) bool { return b.exec == f.Exec })
}

// noLender ends all loans of a peer that is no member any more.
func (e *Engine) noLender(p wire.PeerID, why *value.Failure) {
	e.endArrivals(func(a *arrival) bool { return a.from == p })
	var names []peer.LoanName
	for _, b := range e.borrowedOf(p) {
		names = append(names, peer.NameOf(b.loan))
	}
	for _, n := range names {
		e.loanIsGone(p, n, why)
	}
}

// Borrow makes a loan that is an input of the op which is being invoked the component's own, beyond the end of the
// activation: it calls Fetch for chunks, and Return in the end. It fails when the loan is over already.
func (c *Context) Borrow(l *value.Loan) *value.Failure {
	at, there := c.e.findBorrowed(wire.PeerID(l.Lender), peer.NameOf(l))
	if !there || c.f == nil || c.e.st.borrowed[at].exec != c.f.Exec || c.f.Exec == 0 {
		return value.Fail(value.CodeSend, c.slot(), "what "+string(l.Lender)+" lent is over, or of another component")
	}
	b := c.e.st.borrowed[at]
	b.exec, b.component = 0, c.component
	c.f.Claims--
	return nil
}

// own returns a loan that the component has, or nil.
func (c *Context) own(l *value.Loan) (at int, b *borrowed) {
	at, there := c.e.findBorrowed(wire.PeerID(l.Lender), peer.NameOf(l))
	if !there {
		return 0, nil
	}
	if b = c.e.st.borrowed[at]; b.exec != 0 || b.arrival != 0 || b.component != c.component {
		return 0, nil
	}
	return at, b
}

// Fetch asks for a chunk of a loan that the component has; Lent is called with it. It returns false where the loan is
// over.
func (c *Context) Fetch(l *value.Loan, chunk int) bool {
	_, b := c.own(l)
	if b == nil || chunk < 0 || chunk >= b.layout.Chunks() {
		return false
	}
	i, waits := slices.BinarySearch(b.wanted, uint64(chunk))
	if !waits {
		b.wanted = slices.Insert(b.wanted, i, uint64(chunk))
		c.e.want(b, uint64(chunk), 1)
	}
	return true
}

// Return gives a loan back that the component has.
func (c *Context) Return(l *value.Loan) {
	if at, b := c.own(l); b != nil {
		c.e.st.borrowed = slices.Delete(c.e.st.borrowed, at, at+1)
		c.e.notifyLoan(b.lender(), loanReturn, peer.NameOf(b.loan))
	}
}

func (e *Engine) snapBorrowed() (out []snapshot.BorrowedSnapshot, arrivals []snapshot.ArrivalSnapshot) {
	for _, b := range e.st.borrowed {
		out = append(out, snapshot.BorrowedSnapshot{Loan: b.loan, Arrival: b.arrival, Input: uint32(b.input),
			Exec: b.exec, Component: b.component,
			Chunks: slices.Clone(b.chunks), Next: b.next, Wanted: slices.Clone(b.wanted), Unsaid: b.unsaid})
	}
	for _, a := range e.st.arrivals {
		arrivals = append(arrivals, snapshot.ArrivalSnapshot{ID: a.id, Peer: string(a.from), Edge: a.edge,
			RequestEpoch: a.request.Epoch, Request: a.request.ID,
			AnswerEpoch: a.answer.Epoch, Answer: a.answer.ID, Until: a.until, Inputs: slices.Clone(a.inputs)})
	}
	return out, arrivals
}

func (r *restorer) borrowed(t *snapshot.TransientSnapshot) error {
	if err := r.arrivals(t); err != nil {
		return err
	}
	for i := range t.Framework.Borrowed {
		x := &t.Framework.Borrowed[i]
		l, ok := x.Loan.(*value.Loan)
		if !ok {
			return fmt.Errorf("entry %d is no loan", i)
		}
		b := &borrowed{loan: l, arrival: x.Arrival, input: int(x.Input), exec: x.Exec, component: x.Component,
			chunks: slices.Clone(x.Chunks), next: x.Next,
			wanted: slices.Clone(x.Wanted), unsaid: x.Unsaid, layout: l.Layout()}
		if n := len(r.st.borrowed); n > 0 && r.st.borrowed[n-1].compare(b.lender(), peer.NameOf(l)) >= 0 ||
			n >= r.e.limits.Loans {
			return fmt.Errorf("loan %d of %s is out of order, or one too many", l.Number, l.Lender)
		}
		if err := r.place(b); err != nil {
			return fmt.Errorf("loan %d of %s: %w", l.Number, l.Lender, err)
		}
		all := uint64(b.layout.Chunks())
		if l.Large() > int64(r.e.limits.LoanBytes) || all > chunksMost || b.next > all {
			return fmt.Errorf("loan %d of %s is larger than what is taken", l.Number, l.Lender)
		}
		if len(b.chunks) > 0 {
			b.sheet = value.NewSheet(b.layout)
			if err := b.sheet.Restore(b.chunks); err != nil || b.arrival == 0 {
				return fmt.Errorf("loan %d of %s: its chunks are not those of its form: %v", l.Number, l.Lender, err)
			}
		}
		for k, c := range b.wanted {
			if b.arrival != 0 && (b.sheet == nil || c >= b.next || b.chunks[c] != (value.Trigger{})) || c >= all ||
				k > 0 && c <= b.wanted[k-1] {
				return fmt.Errorf("chunk %d of loan %d of %s cannot be waited for", c, l.Number, l.Lender)
			}
		}
		r.st.borrowed = append(r.st.borrowed, b)
	}
	for _, a := range r.st.arrivals {
		if a.missing == 0 {
			return fmt.Errorf("arrival %d waits for nothing", a.id)
		}
	}
	return nil
}

// place finds what a loan is for.
func (r *restorer) place(b *borrowed) error {
	switch {
	case b.arrival != 0:
		i := slices.IndexFunc(r.st.arrivals, func(a *arrival) bool { return a.id == b.arrival })
		if i < 0 || b.exec != 0 || b.component != -1 || b.input < 0 || b.input >= len(r.st.arrivals[i].inputs) ||
			r.st.arrivals[i].from != b.lender() {
			return fmt.Errorf("no arrival %d waits for it", b.arrival)
		}
		a := r.st.arrivals[i]
		l, ok := a.inputs[b.input].(*value.Loan)
		if !ok || peer.NameOf(l) != peer.NameOf(b.loan) {
			return fmt.Errorf("arrival %d waits for another", b.arrival)
		}
		a.missing++
	case b.exec != 0:
		f := r.m.Frame(b.exec)
		if f == nil || b.component != -1 {
			return fmt.Errorf("activation %d does not live", b.exec)
		}
		f.Claims++
	default:
		if b.component < 0 || int(b.component) >= len(r.e.comps) {
			return fmt.Errorf("component %d does not live here", b.component)
		}
		if _, ok := r.e.comps[b.component].(Borrower); !ok {
			return fmt.Errorf("component %d borrows nothing", b.component)
		}
	}
	return nil
}
