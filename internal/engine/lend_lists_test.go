package engine

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// TestALenderThatBlocksAndLetsIn: a lender keeps its borrower out while chunks are under way to it, which leave the
// outbox, and lets it in again: the value comes whole.
func TestALenderThatBlocksAndLetsIn(t *testing.T) {
	want := large(1000)
	for at := range 25 {
		w := lenders(t, nil, nil)
		w.call("tell", want)
		for range at {
			w.one()
		}
		n := w.nodes[0]
		n.deliver(&Event{Control: &snapshot.ControlEvent{Op: ControlBlock, Peer: "node1"}})
		n.poll()
		w.net = nil
		w.now += 3e9
		n.deliver(&Event{Control: &snapshot.ControlEvent{Op: ControlUnblock, Peer: "node1"}})
		n.poll()
		w.rest()
		if at < 2 {
			continue // the envelope with the loan itself was given up
		}
		if got := w.nodes[1].heard("told"); len(got) != 1 || !n.cfg.Registry.Equal(got[0], want) {
			t.Errorf("blocked at packet %d: %d values; %d are borrowed, %d lent", at, len(got),
				len(w.nodes[1].e.st.borrowed), n.e.st.loans.Len())
		}
	}
}

// TestAnAnswerThatComesTooLate: a question whose deadline passes while its answer is fetched fails, and what was
// fetched of the answer takes no room any more; so it is when the one who was asked is kept out.
func TestAnAnswerThatComesTooLate(t *testing.T) {
	for name, end := range map[string]func(w *world, n *testNode){
		"deadline": func(w *world, n *testNode) { w.now += 30e9; n.poll() },
		"blocked": func(w *world, n *testNode) {
			n.deliver(&Event{Control: &snapshot.ControlEvent{Op: ControlBlock, Peer: "node1"}})
			n.poll()
		},
	} {
		w := lenders(t, nil, func(edges []program.Edge) { edges[0].Deadline = 20e9 })
		n := w.nodes[0]
		w.call("ask", large(1000))
		for len(n.e.st.arrivals) == 0 && w.one() {
		}
		if len(n.e.st.arrivals) != 1 {
			t.Fatal("no answer is fetched")
		}
		w.net = nil
		end(w, n)
		if a, b := len(n.e.st.arrivals), len(n.e.st.borrowed); a+b > 0 {
			t.Errorf("%s: %d arrivals wait, and %d loans are borrowed", name, a, b)
		}
		if got := n.heard("answered"); len(got) != 0 {
			t.Errorf("%s: answered %v", name, got)
		}
		if f := n.heard(FailureEvent); len(f) != 1 {
			t.Errorf("%s: %d failures", name, len(f))
		}
	}
}

// TestABorrowerThatForgot: one that goes back to before it was lent something, in a new epoch, does not have it; the
// lender does not lend it for ever.
func TestABorrowerThatForgot(t *testing.T) {
	for at := range 30 {
		w := lenders(t, nil, nil)
		n := w.nodes[1]
		w.call("ask", large(1)) // they have met
		w.rest()
		before := n.encode()
		w.call("tell", large(200))
		for range at {
			w.one()
		}
		n.back(before)
		n.deliver(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: n.e.Incarnation() + 1, NewEpoch: true,
			Rules: CurrentRules}})
		n.poll()
		w.rest()
		if l := w.nodes[0].e.st.loans.Len(); l > 0 {
			t.Errorf("back after packet %d: %d values are lent; %d came", at, l, len(n.heard("told")))
		}
	}
}
