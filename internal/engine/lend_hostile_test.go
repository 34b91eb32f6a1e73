package engine

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// throw delivers values from the first node to the second along an edge, in an envelope that no node of this program
// makes.
func (w *world) throw(edge int32, values ...value.Value) {
	n := w.nodes[1]
	env := &wire.Envelope{Version: wire.PlainVersion, From: "node0", To: "node1", Digest: n.e.prog.Digest,
		Incarnation: 1, Epoch: 1, Edge: edge}
	for i, v := range values {
		env.Fills = append(env.Fills, wire.Fill{Site: uint32(n.e.prog.Edges[edge].Sites[i]), Value: v})
	}
	raw, err := wire.Append(nil, n.cfg.Registry, env)
	if err != nil {
		w.t.Fatal(err)
	}
	w.to(netPacket{"node0", "node1", raw})
	n.poll()
}

// feed gives the second node all that it asks the first one for of some loans.
func (w *world) feed(loans map[*value.Loan]value.Value) {
	n := w.nodes[1]
	for again := true; again; {
		again = false
		for _, b := range n.e.st.borrowed {
			for l, v := range loans {
				if l.Number == b.loan.Number && len(b.wanted) > 0 {
					k := int(b.wanted[0])
					w.to(n.from(w.nodes[0], 1, wire.Notice{}, wire.Fill{Component: wire.LoanComponent, Op: loanChunk,
						Value: value.NewList(value.Int(l.Epoch), value.Int(l.Number), value.Int(k),
							l.Cut(l.Layout(), k, v))}))
					n.poll()
					again = true
					break
				}
			}
			if again {
				break
			}
		}
	}
}

// TestALoanThatIsThereTwice: a peer lends the same twice, in one envelope or in two. What comes second is refused,
// typed; the node can be restored at every point, and what came first comes whole.
func TestALoanThatIsThereTwice(t *testing.T) {
	v := large(100)
	l := value.NewLoan("node0", 1, 1, 64, 1, v)
	for name, throw := range map[string]func(w *world){
		"in one envelope":  func(w *world) { w.throw(3, l, l) },
		"in two envelopes": func(w *world) { w.throw(2, l); w.throw(2, l) },
		"in a later pair":  func(w *world) { w.throw(2, l); w.throw(3, l, value.NewLoan("node0", 1, 2, 64, 1, v)) },
	} {
		w := lenders(t, nil, nil)
		throw(w)
		n := w.nodes[1]
		n.back(n.encode())
		w.feed(map[*value.Loan]value.Value{l: v, value.NewLoan("node0", 1, 2, 64, 1, v): v})
		n.back(n.encode())
		w.nothingBorrowed(name)
		f := n.heard(FailureEvent)
		if len(f) != 1 || value.Failed(f[0]).Code != value.CodeError {
			t.Errorf("%s: %d failures, want one for the second: %v", name, len(f), f)
		}
		if got := append(n.heard("told"), n.heard("first")...); len(got) != 1 || !n.cfg.Registry.Equal(got[0], v) {
			t.Errorf("%s: %d values came, want the first", name, len(got))
		}
	}
}

func (w *world) nothingBorrowed(when string) {
	w.t.Helper()
	if e := w.nodes[1].e; len(e.st.borrowed)+len(e.st.arrivals) > 0 {
		w.t.Fatalf("%s: %d loans are borrowed, and %d arrivals wait", when, len(e.st.borrowed), len(e.st.arrivals))
	}
}

// TestOneLoanTooMany: an envelope with several loans when there is room for fewer takes those for which there is room.
func TestOneLoanTooMany(t *testing.T) {
	w := lenders(t, func(l *Limits) { l.Loans = 2 }, nil)
	n := w.nodes[1]
	loan := func(i uint64) *value.Loan { return value.NewLoan("node0", 1, i, 64, 1, large(100)) }
	w.throw(2, loan(1))
	w.throw(3, loan(2), loan(3))
	if got := len(n.e.st.borrowed); got != 2 {
		t.Errorf("%d loans are borrowed, where 2 may be", got)
	}
	n.back(n.encode())
}

// TestFewerLoanBytesAfterARestart: a restart with lower limits, while something is fetched that is larger than those,
// keeps the old ones.
func TestFewerLoanBytesAfterARestart(t *testing.T) {
	w := lenders(t, nil, nil)
	n := w.nodes[1]
	v := large(100)
	l := value.NewLoan("node0", 1, 1, 64, 1, v)
	w.throw(2, l)
	less := *n.e.limits
	less.LoanBytes = 100
	n.e.wantLimits(less.listed())
	n.e.takeWanted()
	n.cfg.Limits = n.e.Limits()
	n.back(n.encode())
	w.feed(map[*value.Loan]value.Value{l: v})
	if got := n.heard("told"); len(got) != 1 {
		t.Errorf("%d values came", len(got))
	}
}

// TestWhatWaitsForLoansIsBounded: what came with loans is held until those are whole. A peer that lends and gives
// nothing fills a part of what activations may have, whatever it sends beside its loans or as their form, and what it
// lends beyond that is refused, typed.
func TestWhatWaitsForLoansIsBounded(t *testing.T) {
	small := make([]value.Value, 1000)
	for i := range small {
		small[i] = value.NewBytes(make([]byte, 8))
	}
	for name, v := range map[string]func(i uint64) []value.Value{
		"beside it": func(i uint64) []value.Value {
			return []value.Value{value.NewLoan("node0", 1, i, 64, 1, large(100)), value.NewBytes(make([]byte, 10_000))}
		},
		"a form of many parts": func(i uint64) []value.Value {
			return []value.Value{value.NewLoan("node0", 1, i, 64, 1, value.NewList(small...)), value.Trigger{}}
		},
	} {
		w := lenders(t, func(l *Limits) { l.SlotBytes = 1 << 20 }, nil)
		n := w.nodes[1]
		for i := range uint64(200) {
			w.throw(3, v(i+1)...)
		}
		held := 0
		for _, a := range n.e.st.arrivals {
			for _, in := range a.inputs {
				held += in.Bytes()
			}
		}
		if len(n.e.st.arrivals) == 0 || held > 1<<20 || held != n.e.st.waiting && n.e.st.waiting > 1<<20 {
			t.Errorf("%s: %d arrivals hold %d bytes, charged %d", name, len(n.e.st.arrivals), held, n.e.st.waiting)
		}
		if len(n.e.st.arrivals) == 200 {
			t.Errorf("%s: nothing was refused", name)
		}
		n.back(n.encode())
		n.e.endArrivals(func(*arrival) bool { return true })
		if n.e.st.waiting != 0 {
			t.Errorf("%s: %d bytes are charged for nothing", name, n.e.st.waiting)
		}
	}
}

// TestNoInputIsLeftForTheNext: what starts with the sender and the context behind its values leaves none of them for an
// envelope with more values.
func TestNoInputIsLeftForTheNext(t *testing.T) {
	w := lenders(t, nil, nil)
	n := w.nodes[1]
	w.throw(3, value.Int(2), value.Int(3)) // there are places for four from now on
	w.throw(2, value.Int(1))
	w.throw(3, value.Int(2), value.Int(3))
	for name, want := range map[string]value.Value{"told": value.Int(1), "first": value.Int(2),
		"second": value.Int(3)} {
		if got := n.heard(name); len(got) == 0 || got[len(got)-1] != want {
			t.Errorf("%s %v, want %v", name, got, want)
		}
	}
}

// TestChunksOfAnotherSize: along an edge that says how large chunks are, a loan in others is refused, typed: what adds
// up the loans of several peers takes the first one's, and one peer could have all others refused.
func TestChunksOfAnotherSize(t *testing.T) {
	w := lenders(t, nil, nil)
	w.throw(2, value.NewLoan("node0", 1, 1, 8, 1, large(100)))
	f := w.nodes[1].heard(FailureEvent)
	if len(f) != 1 || value.Failed(f[0]).Code != value.CodeError {
		t.Errorf("failures: %v", f)
	}
	w.nothingBorrowed("chunks of 8 bytes along an edge of 64")
}

// TestASmallDeviceTakesChunks: a node with the limits of a server lends to one with those of a small device.
func TestASmallDeviceTakesChunks(t *testing.T) {
	w := lenders(t, func(l *Limits) { l.AppEventBytes = 4 << 20 }, func(edges []program.Edge) {
		for i := range edges {
			edges[i].Chunk = 0
		}
	})
	small := *w.nodes[1].e.limits
	small.Wire = wire.EdgeLimits()
	w.nodes[1].e.bound(&small)
	want := large(300_000)
	w.call("tell", want)
	w.rest()
	if got := w.nodes[1].heard("told"); len(got) != 1 || !w.nodes[1].cfg.Registry.Equal(got[0], want) {
		t.Errorf("%d values came, %d are borrowed", len(got), len(w.nodes[1].e.st.borrowed))
	}
}
