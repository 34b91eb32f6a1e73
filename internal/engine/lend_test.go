package engine

import (
	"fmt"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// large is a list with a tensor of n elements and one that is small.
func large(n int) value.Value {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i) / 4
	}
	t, err := tensor.FromFloat32([]int{n}, x)
	if err != nil {
		panic(err)
	}
	return value.NewList(value.Tensor{Tensor: t}, value.String("beside it"))
}

// lenders are two nodes: the first asks the second with a large value by the call "ask", and tells it by the call
// "tell"; what it is asked, the second answers with the value that it got.
func lenders(t *testing.T, limits func(*Limits), edges func([]program.Edge)) *world {
	one, other := newBuilder("one"), newBuilder("other")
	list := []program.Edge{
		{ID: 0, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{0}, Trigger: []bool{false}, Reply: 1,
			Chunk: 64},
		{ID: 1, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Answer: true, Reply: program.None, Chunk: 64},
		{ID: 2, Name: "tell", From: "one", To: "other", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Reply: program.None, Chunk: 64},
		{ID: 3, Name: "pair", From: "one", To: "other", Sites: []program.SiteID{0, 1}, Trigger: []bool{false, false},
			Reply: program.None, Chunk: 64},
	}
	if edges != nil {
		edges(list)
	}
	one.p.Edges, other.p.Edges = list, list
	back := one.fn(program.KindRecv, "back", 3)
	back.get().Edge = 1
	back.add(program.Op{Code: program.OpAppEmit, Label: "answered"}, 1, 0)
	at := other.fn(program.KindRecv, "at", 3)
	at.get().Edge = 0
	at.add(program.Op{Code: program.OpReply, Name: "reply", Edge: 1}, 1, 0)
	told := other.fn(program.KindRecv, "told", 3)
	told.get().Edge = 2
	told.add(program.Op{Code: program.OpAppEmit, Label: "told"}, 1, 0)
	pair := other.fn(program.KindRecv, "pair", 4)
	pair.get().Edge = 3
	pair.add(program.Op{Code: program.OpAppEmit, Label: "first"}, 1, 0)
	pair.add(program.Op{Code: program.OpAppEmit, Label: "second"}, 1, 1)
	node1 := func(f *fn) program.Slot { return f.constant(value.Peer("node1")) }
	ask := one.fn(program.KindInvoke, "ask", 1)
	ask.add(program.Op{Code: program.OpRequest, Name: "ask", Edge: 0}, 1, node1(ask), 0, 0)
	tell := one.fn(program.KindInvoke, "tell", 1)
	tell.add(program.Op{Code: program.OpSend, Name: "tell", Edge: 2}, 1, node1(tell), 0)
	w := &world{t: t}
	for i, p := range []*program.Program{one.link(t), other.link(t)} {
		cfg := testConfig(p)
		cfg.Self = wire.PeerID(fmt.Sprintf("node%d", i))
		cfg.Anyone = []string{"one", "other"}
		if limits != nil {
			limits(&cfg.Limits)
		}
		e, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		n := &testNode{w: w, cfg: cfg, e: e}
		w.nodes = append(w.nodes, n)
		n.poll()
	}
	return w
}

func (w *world) call(name string, v value.Value) {
	w.nodes[0].deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: name, Inputs: []value.Value{v}}})
	w.nodes[0].poll()
}

// one delivers the first packet of the network, and says whether there was one.
func (w *world) one() bool {
	if len(w.net) == 0 {
		return false
	}
	p := w.net[0]
	w.net = w.net[1:]
	w.to(p)
	w.node(p.to).poll()
	return true
}

// rest delivers everything, and what is sent again later.
func (w *world) rest() {
	for range 40 {
		for w.one() {
		}
		w.now += 3e9
		for _, n := range w.nodes {
			n.poll()
		}
	}
}

// heard returns the app events of a node with a name that were not acknowledged.
func (n *testNode) heard(name string) (out []value.Value) {
	t, err := n.e.Snapshot()
	if err != nil {
		n.w.t.Fatal(err)
	}
	for _, ev := range t.AppEvents {
		if ev.Name == name {
			out = append(out, ev.Value)
		}
	}
	return out
}

// nothingLent fails where something is still lent or borrowed.
func (w *world) nothingLent(t *testing.T) {
	t.Helper()
	for _, n := range w.nodes {
		for n.e.st.requests.Trim() { // answers are kept, in case they are asked for again
		}
		if lent, borrowed := n.e.st.loans.Len(), len(n.e.st.borrowed); lent+borrowed > 0 ||
			n.e.m.Figures().Activations > 0 {
			t.Errorf("%s lends %d values, has borrowed %d, and %d activations live", n.e.st.self, lent, borrowed,
				n.e.m.Figures().Activations)
		}
	}
}

// TestALargeValueIsLent: a value above what an edge carries arrives whole, by question, answer and message, in
// envelopes of about a chunk; and afterwards nothing is lent any more.
func TestALargeValueIsLent(t *testing.T) {
	w := lenders(t, nil, nil)
	want := large(1000)
	w.call("ask", want)
	w.call("tell", want)
	longest := 0
	for len(w.net) > 0 {
		longest = max(longest, len(w.net[0].raw))
		w.one()
	}
	w.rest()
	for i, name := range []string{"answered", "told"} {
		got := w.nodes[i].heard(name)
		if len(got) != 1 || !w.nodes[i].cfg.Registry.Equal(got[0], want) {
			t.Errorf("%s: %d values", name, len(got))
		}
	}
	if longest > 64+512 {
		t.Errorf("an envelope has %d bytes", longest)
	}
	w.nothingLent(t)
}

// TestLentWhateverIsLost: wherever lender or borrower goes back to an earlier state and opens a new epoch, the value
// comes, or, where it was answered already, the answer is there.
func TestLentWhateverIsLost(t *testing.T) {
	want := large(200)
	for who := range 2 {
		for at := range 60 {
			w := lenders(t, nil, nil)
			n := w.nodes[who]
			w.call("ask", want)
			for range at {
				w.one()
			}
			before, now := n.encode(), w.now
			for range 7 {
				w.one()
			}
			n.back(before)
			n.deliver(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: n.e.Incarnation() + 1, NewEpoch: true,
				Rules: CurrentRules}})
			n.poll()
			w.rest()
			got := w.nodes[0].heard("answered")
			if len(got) == 0 || !n.cfg.Registry.Equal(got[len(got)-1], want) {
				t.Fatalf("node %d back to packet %d, at %d: %d answers, last %.200v", who, at, now, len(got), got)
			}
		}
	}
}

// back puts a node back to an earlier state.
func (n *testNode) back(b []byte) {
	var s snapshot.NodeSnapshot
	if err := snapshot.Unmarshal(b, &s, n.cfg.Registry, snapshot.DefaultLimits()); err != nil {
		n.w.t.Fatal(err)
	}
	e, err := Restore(n.cfg, s.Incarnation, &s.Transient)
	if err != nil {
		n.w.t.Fatal(err)
	}
	n.e = e
}

// TestAWithdrawnLoanIsOver: a newer question along an edge of which only the latest matters ends what went with the
// older one, and the answer to it; there is never more than one of each.
func TestAWithdrawnLoanIsOver(t *testing.T) {
	w := lenders(t, nil, func(edges []program.Edge) { edges[0].Latest = true })
	for i := range 5 {
		w.call("ask", large(100+i))
		for range 9 + 3*i {
			w.one()
		}
		if n := w.nodes[0].e.st.loans.Len(); n > 1 {
			t.Fatalf("%d values are lent to the peer that is asked", n)
		}
	}
	w.rest()
	got := w.nodes[0].heard("answered")
	if len(got) == 0 || !w.nodes[0].cfg.Registry.Equal(got[len(got)-1], large(104)) {
		t.Fatalf("%d answers", len(got))
	}
	if n := w.nodes[1].e.st.loans.Len(); n != 1 || w.nodes[0].e.st.loans.Len() != 0 {
		t.Errorf("%d answers are kept, want the newest", n)
	}
	if counted(w.nodes[1].e, "arrival.ended") == 0 {
		t.Error("no older question made room for a newer one before it was whole")
	}
}

// TestAnEndedActivationGivesBack: a deadline that passes while a value is fetched ends the loan at both ends.
func TestAnEndedActivationGivesBack(t *testing.T) {
	w := lenders(t, nil, func(edges []program.Edge) { edges[2].Deadline = 5e9 })
	w.call("tell", large(1000))
	for range 6 {
		w.one()
	}
	if len(w.nodes[1].e.st.borrowed) != 1 {
		t.Fatal("nothing is borrowed")
	}
	w.net = nil
	w.now += 6e9
	w.rest()
	if got := w.nodes[1].heard("told"); len(got) != 0 {
		t.Errorf("told %d values after the deadline", len(got))
	}
	w.nothingLent(t)
}

// TestLoansAreBounded: what is larger than all that may be lent fails at its sender, what a borrower does not take
// fails there, typed, and what has no room waits for its turn.
func TestLoansAreBounded(t *testing.T) {
	w := lenders(t, func(l *Limits) { l.LoanBytes = 900 }, nil)
	w.call("tell", large(1000))
	if f := w.nodes[0].heard(FailureEvent); len(f) != 1 || value.Failed(f[0]).Code != value.CodeOverflow {
		t.Errorf("a value above all that may be lent: %v", f)
	}
	for range 3 {
		w.call("tell", large(200))
	}
	if n := w.nodes[0].e.st.loans.Len(); n != 1 || counted(w.nodes[0].e, "lend.waits") == 0 {
		t.Errorf("%d values of 800 bytes are lent, where 900 may be", n)
	}
	w.rest()
	if got := w.nodes[1].heard("told"); len(got) != 3 {
		t.Errorf("%d of 3 values came", len(got))
	}
	w.nothingLent(t)

	w = lenders(t, nil, nil)
	less := w.nodes[1].e.limits.WithDefaults()
	less.LoanBytes = 700
	w.nodes[1].e.bound(&less)
	w.call("tell", large(200))
	w.rest()
	if f := w.nodes[1].heard(FailureEvent); len(f) != 1 || value.Failed(f[0]).Code != value.CodeOverflow {
		t.Errorf("a loan that the borrower does not take: %v", f)
	}
	w.nothingLent(t)
}

// TestLoansOfStrangers: what a peer says of loans that there are not, or not of it, changes nothing and is counted; a
// chunk that is no chunk ends the loan, typed.
func TestLoansOfStrangers(t *testing.T) {
	w := lenders(t, nil, nil)
	w.call("tell", large(200))
	say := func(op string, in ...value.Value) {
		w.to(w.nodes[0].from(w.nodes[1], 1, wire.Notice{}, wire.Fill{Component: wire.LoanComponent, Op: op,
			Value: value.NewList(in...)}))
		w.nodes[0].poll()
	}
	one := value.Int(1)
	l := w.nodes[0].e.st.loans.Snapshot()[0].Loan.(*value.Loan)
	epoch, number := value.Int(l.Epoch), value.Int(l.Number)
	for _, in := range [][]value.Value{
		nil, {one}, {value.String("a"), one}, {value.Int(-1), one}, {epoch, number, value.Int(-1), one},
		{epoch, number, one, value.Int(0)},
		{epoch, number, value.Int(1 << 50), one}, {epoch, number, one},
	} {
		say(loanWant, in...)
	}
	say("other", epoch, number)
	if n := counted(w.nodes[0].e, "loan.refused"); n < 8 {
		t.Errorf("%d messages were refused", n)
	}
	say(loanWant, value.Int(99), one, one, one)
	if counted(w.nodes[0].e, "loan.unknown") != 1 {
		t.Error("a loan that there is not")
	}
	say(loanWant, epoch, number, value.Int(0), value.Int(1<<40))
	if counted(w.nodes[0].e, "loan.toomany") == 0 {
		t.Error("a peer may ask for any number of chunks at once")
	}
	say(loanChunk, epoch, number, one, one)
	say(loanGone, epoch, number)
	if w.nodes[0].e.st.loans.Len() != 1 {
		t.Error("the loan is over")
	}
	w.net = nil
	n := w.nodes[1]
	ask := func(v value.Value) *value.Failure {
		env := &wire.Envelope{Version: wire.PlainVersion, From: "node0", To: "node1", Digest: n.e.prog.Digest,
			Incarnation: 1, Epoch: 1, Edge: 2,
			Fills: []wire.Fill{{Site: uint32(n.e.prog.Edges[2].Sites[0]), Value: v}}}
		raw, err := wire.Append(nil, n.cfg.Registry, env)
		if err != nil {
			t.Fatal(err)
		}
		before := len(n.heard(FailureEvent))
		w.to(netPacket{"node0", "node1", raw})
		n.poll()
		if f := n.heard(FailureEvent); len(f) > before {
			return value.Failed(f[len(f)-1])
		}
		return nil
	}
	theirs := value.NewLoan("node7", 1, 1, 64, 1, large(100))
	if f := ask(theirs); f == nil || f.Code != value.CodeError {
		t.Errorf("it lends what is another's: %v", f)
	}
	vast := &value.Loan{Lender: "node0", Epoch: 1, Number: 5, Chunk: 64, Ahead: 8,
		Form: value.Form{DType: tensor.Float32, Shape: []int{1 << 27}}}
	raw, err := n.cfg.Registry.Append(nil, vast)
	if err != nil {
		t.Fatal(err)
	}
	again, err := n.cfg.Registry.Decode(value.TypeLoan, raw, value.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if f := ask(again); f == nil || f.Code != value.CodeOverflow {
		t.Errorf("it lends more chunks than are taken: %v", f)
	}
	if f := ask(value.NewLoan("node0", 1, 6, 64, 1, large(100))); f != nil || len(n.e.st.borrowed) != 1 {
		t.Fatalf("a loan: %v", f)
	}
	w.to(n.from(w.nodes[0], 1, wire.Notice{}, wire.Fill{Component: wire.LoanComponent, Op: loanChunk,
		Value: value.NewList(one, value.Int(6), value.Int(0), value.String("x"))}))
	n.poll()
	if f := n.heard(FailureEvent); value.Failed(f[len(f)-1]).Code != value.CodeType || len(n.e.st.borrowed) != 0 {
		t.Errorf("a chunk that is none: %v", f[len(f)-1])
	}
}

// TestAnAnswerOfAPartedPeerIsForgotten: what was lent with an answer ends when its asker is no member any more, and the
// answer with it: kept, it would be given again without its value, and asked for again without an end.
func TestAnAnswerOfAPartedPeerIsForgotten(t *testing.T) {
	w := lenders(t, nil, nil)
	w.call("ask", large(200))
	w.rest()
	n := w.nodes[1]
	if n.e.st.loans.Len() != 1 {
		t.Fatal("no answer is kept")
	}
	n.e.giveUp("node0", PeerRemoved, value.Fail(value.CodeStranger, "node0", "it was removed"))
	if n.e.st.loans.Len() != 0 {
		t.Error("it is still lent")
	}
	if s, _ := n.e.st.requests.Inbound("node0", wire.Request{Epoch: 1, ID: 1}); s == peer.InboundAnswered {
		t.Error("the answer is kept without its value")
	}
}

// TestAMissingFillIsCountedOnce: also where another of the same envelope is lent, whether it is waited for or not.
func TestAMissingFillIsCountedOnce(t *testing.T) {
	w := lenders(t, nil, nil)
	n := w.nodes[1]
	edge := &n.e.prog.Edges[3]
	// of a third party, which is refused at once, and of the sender, which is fetched
	for k, lender := range []value.Peer{"node7", "node0"} {
		raw, err := wire.Append(nil, n.cfg.Registry, &wire.Envelope{Version: wire.PlainVersion, From: "node0",
			To: "node1", Digest: n.e.prog.Digest,
			Incarnation: 1, Epoch: 1, Number: uint64(k) + 1, Edge: 3, Fills: []wire.Fill{
				{Site: uint32(edge.Sites[0]), Value: value.NewLoan(lender, 1, 7, 64, 1, large(100))},
				{Site: 1 << 20, Value: value.Int(1)}}})
		if err != nil {
			t.Fatal(err)
		}
		w.to(netPacket{"node0", "node1", raw})
		n.poll()
		for _, name := range []string{"fill.missing", "fill.unplaced"} {
			if got := counted(n.e, name); got != uint64(k)+1 {
				t.Errorf("%s is %d after %d envelopes", name, got, k+1)
			}
		}
	}
	if len(n.e.st.arrivals) != 1 {
		t.Errorf("%d envelopes wait for what is lent", len(n.e.st.arrivals))
	}
}
