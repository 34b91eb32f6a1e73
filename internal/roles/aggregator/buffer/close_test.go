package buffer_test

import (
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/buffer"
	"github.com/rhizome-ml/rhizome/value"
)

const ms = 1_000_000

func (x table) st() *buffer.State { return x.Component(slot).State().(*buffer.State) }

// open holds that a version is not closed, and how many updates it has.
func (x table) open(what string, call componenttest.Call, folded int) {
	x.t.Helper()
	if _, made := call.Outputs(); made || x.st().Closed || len(x.st().Folded) != folded {
		x.t.Fatalf("%s: %+v; want a version of %d updates that is open", what, x.st(), folded)
	}
}

// give contributes what must be taken.
func (x table) give(call, who int, first float32) {
	x.t.Helper()
	if f := x.contribute(call, who, update(first, 0, 0), 10); f != nil {
		x.t.Fatal(f)
	}
}

// owing is who owes an answer, and to which call.
func (x table) owing() map[string]int64 {
	out := map[string]int64{}
	for _, q := range x.st().Out {
		out[q.Peer] = q.Call
	}
	return out
}

// TestAVersionClosesByItsGrace: when the quorum of a version has answered, the others have some time more; whoever
// comes after that counts in the next version, by its age, and is asked by the one after that. It is no part of the
// quorum of the next one, which does not wait when nobody is left who could come.
func TestAVersionClosesByItsGrace(t *testing.T) {
	x := begun(t, "semisync power=1", 4, `,"quorum":2,"grace_ms":100`)
	x.put(0, 1, 2, 3, 4)
	first := x.await(0)
	x.give(0, 1, 2)
	x.Advance(500 * ms)
	x.open("one of the quorum", first, 1)
	x.give(0, 2, 4)
	x.open("within the grace", first, 2)
	if n := len(x.owing()); n != 2 {
		t.Fatalf("%d owe an answer: whoever gave was asked again by the same version", n)
	}
	x.Advance(60 * ms)
	x.give(0, 3, 6)
	x.open("still within it", first, 3)
	x.Advance(50 * ms)
	x.made(first, 4, 1, 0, 0, 0)
	x.give(0, 4, 8) // too late for it
	if f := x.load(0, 9); f != nil {
		t.Fatal(f)
	}
	owing := x.owing()
	if _, late := owing[string(componenttest.Peer(4))]; late || len(owing) != 3 {
		t.Fatalf("by version 1 were asked %v; want all but the one that was late", owing)
	}
	second := x.await(1)
	x.open("late ones alone", second, 1)
	x.put(1, 1, 2, 3)
	x.give(1, 1, 2)
	x.Advance(500 * ms)
	x.open("one of the quorum and one that was late", second, 2)
	x.give(1, 2, 4)
	x.open("within the grace", second, 3)
	x.give(1, 3, 6)
	x.made(second, (8.0/2+2+4+6)/3.5, 3.5/4, 1, 0, 0, 0)
	x.load(1, 9)
	if n := len(x.owing()); n != 4 || x.st().Grace != 0 {
		t.Fatalf("by version 2 %d were asked; %+v", n, x.st())
	}
}

// TestAVersionClosesByItsDeadline: with what there is then, or with the first that comes; who is late is waited for by
// the next one as well, up to its deadline.
func TestAVersionClosesByItsDeadline(t *testing.T) {
	x := begun(t, "semisync power=1 max-staleness=1", 3, `,"deadline_ms":500`)
	x.put(0, 1, 2, 3)
	first := x.await(0)
	x.Advance(600 * ms)
	x.open("nobody came", first, 0)
	x.give(0, 2, 5)
	x.made(first, 5, 1, 0)
	if f := x.load(0, 9); f != nil {
		t.Fatal(f)
	}
	if owing := x.owing(); len(owing) != 3 || owing[string(componenttest.Peer(2))] != 1 {
		t.Fatalf("by version 1 %v", owing)
	}
	x.put(1, 2)
	second := x.await(1)
	x.give(1, 2, 3)
	x.give(0, 1, 6)
	x.open("one is missing", second, 2)
	x.Advance(510 * ms)
	x.made(second, 4, 0.75, 0, 1)
	x.load(1, 9)
	if n := x.Counter(slot + ".withdrawn"); n != 1 {
		t.Errorf("%d questions were withdrawn of what is too old by now", n)
	}
	if owing := x.owing(); len(owing) != 3 || x.st().Deadline == 0 {
		t.Errorf("by version 2 %v, until %d", owing, x.st().Deadline)
	}
}

// TestAVersionClosesWithAll: without a quorum it is made of all who were asked: of those who are there, of none who was
// removed, and of fewer where an answer was refused; whoever is silent holds up nobody.
func TestAVersionClosesWithAll(t *testing.T) {
	why := value.NewList(value.String("error"), value.String("x"), value.String("it is wrong"))
	x := begun(t, "semisync", 4)
	x.put(0, 1, 2, 3, 4)
	first := x.await(0)
	x.give(0, 1, 1)
	x.Invoke(slot, "Refuse", value.Int(0), value.Peer(componenttest.Peer(2)), why)
	x.give(0, 3, 3)
	x.open("one is missing", first, 2)
	x.give(0, 4, 5)
	x.made(first, 3, 1, 0, 0, 0)
	x.load(0, 9)
	x.put(1, 1, 2, 3, 4)
	second := x.await(1)
	x.give(1, 1, 1)
	for range 18 { // heartbeats that none sends
		x.Advance(1000 * ms)
	}
	x.made(second, 1, 1, 0)
}

// TestACohortIsAsked: of more clients as many as the cohort has are asked by a version, once each, and nobody in the
// place of one that gave; its quorum is the cohort where none is said.
func TestACohortIsAsked(t *testing.T) {
	x := begun(t, "semisync", 5, `,"most":2`)
	out := x.st().Out
	if len(out) != 2 {
		t.Fatalf("%d are asked", len(out))
	}
	number := func(peer string) int {
		for p := 1; p <= 5; p++ {
			if string(componenttest.Peer(p)) == peer {
				return p
			}
		}
		return 0
	}
	a, b := number(out[0].Peer), number(out[1].Peer)
	x.put(0, a, b)
	first := x.await(0)
	x.give(0, a, 1)
	x.Advance(2500 * ms)
	x.open("one of two", first, 1)
	if n := len(x.owing()); n != 1 {
		t.Fatalf("%d owe an answer", n)
	}
	x.give(0, b, 3)
	x.made(first, 2, 1, 0, 0)
}

// TestStatesThatCannotBe: a state that no version can have is not taken up.
func TestStatesThatCannotBe(t *testing.T) {
	for what, change := range map[string]func(st *buffer.State){
		"closed without an update":  func(st *buffer.State) { st.Closed, st.Folded, st.Sums = true, nil, nil },
		"closed and awaited":        func(st *buffer.State) { st.Closed = true },
		"closed and given away":     func(st *buffer.State) { st.Closed, st.Taken, st.Waiting = true, true, nil },
		"a grace of nothing":        func(st *buffer.State) { st.Grace, st.Folded, st.Sums = 5, nil, nil },
		"a grace before time":       func(st *buffer.State) { st.Grace = -1 },
		"a deadline before time":    func(st *buffer.State) { st.Deadline = -1 },
		"a deadline of what closed": func(st *buffer.State) { st.Closed, st.Deadline, st.Waiting = true, 5, nil },
		"a deadline behind the end": func(st *buffer.State) { st.Ended, st.Deadline = true, 5 },
	} {
		x := begun(t, "semisync", 3, `,"quorum":2`)
		x.put(0, 1, 2, 3)
		x.await(0)
		x.give(0, 1, 2)
		c := x.Component(slot).(*buffer.Component)
		if err := c.Restored(); err != nil {
			t.Fatal(err)
		}
		if change(x.st()); c.Restored() == nil {
			t.Errorf("%s is taken up", what)
		}
	}
	x := begun(t, "fedbuff", 3)
	if x.st().Deadline = 5; x.Component(slot).(*buffer.Component).Restored() == nil {
		t.Error("a deadline of a version that closes by its number of updates is taken up")
	}
}

func TestConformsWhereVersionsClose(t *testing.T) {
	step := func(name string, do func(x table)) componenttest.Step {
		return componenttest.Step{Name: name, Do: func(b *componenttest.Bench) { do(table{b, t}) }}
	}
	refusal := value.NewList(value.String("error"), value.String("x"), value.String("it is wrong"))
	componenttest.Run(t, componenttest.Suite{
		Setup: *server("semisync", `,"quorum":2,"grace_ms":200,"deadline_ms":900`), Steps: []componenttest.Step{
			step("begin", func(x table) { x.begin(4) }),
			step("put", func(x table) { x.put(0, 1, 2, 3, 4) }),
			step("first", func(x table) { x.contribute(0, 3, update(1, -2, 3), 7) }),
			step("a bad one", func(x table) { x.contribute(0, 2, update(float32(math.NaN()), 0, 0), 7) }),
			step("second", func(x table) { x.contribute(0, 2, update(0.1, 0.2, 0.3), 3) }),
			step("grace", func(x table) { x.Advance(250 * ms) }),
			step("await what is closed", func(x table) { x.await(0) }),
			step("late", func(x table) { x.contribute(0, 1, update(0.5, 0.2, 0.3), 3) }),
			step("load", func(x table) { x.load(0, 9) }),
			step("await again", func(x table) { x.await(1) }),
			step("put again", func(x table) { x.put(1, 1, 2, 3, 4) }),
			step("third", func(x table) { x.contribute(1, 2, update(0.5, 0.2, 0.3), 3) }),
			step("refused", func(x table) {
				x.Invoke(slot, "Refuse", value.Int(0), value.Peer(componenttest.Peer(4)), refusal)
			}),
			step("deadline", func(x table) { x.Advance(1000 * ms) }),
			step("the last", func(x table) { x.load(1, 1) }),
		}})
}
