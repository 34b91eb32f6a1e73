package rounds_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// answers stands for an aggregator: it asks Accept and then settles, as a component of another slot.
type answers struct{ st struct{} }

func (a *answers) State() any      { return &a.st }
func (a *answers) Restored() error { return nil }

func (a *answers) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	r := ctx.Dep("rounds").(*rounds.Component)
	round, who := int64(in[0].(value.Int)), wire.PeerID(in[1].(value.Peer))
	if f := r.Accept(round, who); f != nil && method != "Force" {
		return nil, f
	}
	r.Settle(ctx, round, who)
	return []value.Value{value.Trigger{}}, nil
}

func setup(config string) *componenttest.Setup {
	return &componenttest.Setup{Slots: []componenttest.Slot{
		{Name: "rounds", Factory: rounds.Factory, Config: config, Ops: []componenttest.Op{
			{Method: "Open", In: 2, Out: 1}, {Method: "Await", In: 2, Out: 1}, {Method: "Close", In: 2, Out: 1}}},
		{Name: "answers", Factory: func(node.Env) (engine.Component, error) { return &answers{}, nil },
			Deps: []string{"rounds"},
			Ops:  []componenttest.Op{{Method: "Settle", In: 2, Out: 1}, {Method: "Force", In: 2, Out: 1}}},
	}}
}

type bench struct {
	*componenttest.Bench
	t interface{ Fatal(...any) }
}

func start(t interface{ Fatal(...any) }, config string) bench {
	b, err := componenttest.New(setup(config))
	if err != nil {
		t.Fatal(err)
	}
	return bench{b, t}
}

func peers(ids ...int) value.Value {
	out := make([]value.Value, len(ids))
	for i, p := range ids {
		out[i] = value.Peer(componenttest.Peer(p))
	}
	return value.NewList(out...)
}

// sorted is the peers in the order of their ids, as members come.
func sorted(ids ...int) []value.Value {
	l := slices.Clone(peers(ids...).(*value.List).Items())
	slices.SortFunc(l, func(a, b value.Value) int {
		return strings.Compare(string(a.(value.Peer)),
			string(b.(value.Peer)))
	})
	return l
}

func (b bench) open(round int, ids ...int) *value.Failure {
	return b.Invoke("rounds", "Open", value.Int(round), peers(ids...)).Failure
}

func (b bench) settle(round, who int) string {
	if f := b.Invoke("answers", "Settle", value.Int(round), value.Peer(componenttest.Peer(who))).Failure; f != nil {
		return f.Code
	}
	return ""
}

func (b bench) await(round int) componenttest.Call {
	c := b.Invoke("rounds", "Await", value.Int(round), value.Trigger{})
	if c.Failure != nil {
		b.t.Fatal(c.Failure)
	}
	return c
}

// is checks whom a call of Await got, or that it waits when no ids are given.
func is(t *testing.T, c componenttest.Call, ids ...int) {
	t.Helper()
	out, done := c.Outputs()
	switch {
	case done != (len(ids) > 0):
		t.Errorf("done is %v, want %v", done, ids)
	case done && !slices.Equal(out[0].(*value.List).Items(), sorted(ids...)):
		t.Errorf("members %v, want %v", out[0].(*value.List).Items(), sorted(ids...))
	}
}

func TestWholeCohort(t *testing.T) {
	b := start(t, ``)
	if f := b.open(0, 3, 1, 2); f != nil {
		t.Fatal(f)
	}
	first, second := b.await(0), b.await(0)
	for _, who := range []int{2, 3} {
		if code := b.settle(0, who); code != "" {
			t.Fatal(code)
		}
		is(t, first)
	}
	b.settle(0, 1)
	is(t, first, 1, 2, 3)
	is(t, second, 1, 2, 3)
	is(t, b.await(0), 1, 2, 3) // after the round closed
}

func TestQuorums(t *testing.T) {
	for config, need := range map[string]int{
		`{"quorum":2}`: 2, `{"quorum_percent":50}`: 3, `{"quorum_percent":34}`: 2, `{"quorum_percent":100,"over":1}`: 4,
		`{"over":3}`: 2, `{"quorum_percent":1}`: 1, ``: 5,
	} {
		b := start(t, config)
		b.open(0, 1, 2, 3, 4, 5)
		c := b.await(0)
		for who := 1; who < need; who++ {
			b.settle(0, who)
			is(t, c)
		}
		b.settle(0, need)
		if _, done := c.Outputs(); !done {
			t.Errorf("%s: did not close with %d", config, need)
		}
	}
	for _, config := range []string{`{"quorum":6}`, `{"over":5}`} {
		if f := start(t, config).open(0, 1, 2, 3, 4, 5); f == nil || f.Code != value.CodeError {
			t.Errorf("%s: a round that cannot close was opened: %v", config, f)
		}
	}
}

// Each answer that does not count is told apart, also after the round closed and was forgotten.
func TestLateDuplicateStranger(t *testing.T) {
	b := start(t, `{"quorum":2,"remember":1}`)
	check := func(round, who int, want string) {
		t.Helper()
		if got := b.settle(round, who); got != want {
			t.Errorf("round %d, peer %d: %q, want %q", round, who, got, want)
		}
	}
	b.open(0, 1, 2, 3)
	check(0, 1, "")
	check(0, 1, value.CodeDuplicate)
	check(0, 9, value.CodeStranger)
	check(5, 1, value.CodeStranger)
	check(0, 2, "")
	check(0, 3, value.CodeLate)
	check(0, 2, value.CodeDuplicate)
	check(0, 9, value.CodeStranger)
	b.open(1, 1, 2, 3)
	check(1, 1, "")
	check(1, 2, "") // round 0 is forgotten now
	check(0, 3, value.CodeLate)
	check(0, 9, value.CodeLate)
	if f := b.open(0, 1, 2); f == nil || f.Code != value.CodeDuplicate {
		t.Errorf("a forgotten round was opened again: %v", f)
	}
	if f := b.open(1, 1, 2); f == nil || f.Code != value.CodeDuplicate {
		t.Errorf("a round was opened twice: %v", f)
	}
	if f := b.Invoke("rounds", "Await", value.Int(0), value.Trigger{}).Failure; f == nil || f.Code != value.CodeError {
		t.Errorf("Await of a forgotten round: %v", f)
	}
}

func TestSettleWithoutAcceptDoesNotCount(t *testing.T) {
	b := start(t, ``)
	b.open(0, 1, 2)
	c := b.await(0)
	for _, who := range []int{1, 1, 9} {
		b.Invoke("answers", "Force", value.Int(0), value.Peer(componenttest.Peer(who)))
	}
	is(t, c)
	b.settle(0, 2)
	is(t, c, 1, 2)
}

func TestDeadline(t *testing.T) {
	b := start(t, `{"deadline_ms":1000,"least":2}`)
	b.open(0, 1, 2, 3, 4)
	c := b.await(0)
	b.settle(0, 4)
	b.settle(0, 2)
	b.Advance(1000e6 - 1)
	is(t, c)
	b.Advance(1)
	is(t, c, 2, 4)
	if code := b.settle(0, 1); code != value.CodeLate {
		t.Errorf("after the deadline: %q", code)
	}
	if n := b.Counter("rounds.deadline"); n != 1 {
		t.Errorf("%d deadlines counted", n)
	}
}

// A round that lost its clients goes on when they are back.
func TestDeadlineWithTooFewLeavesItOpen(t *testing.T) {
	b := start(t, `{"deadline_ms":1000,"least":2}`)
	b.open(0, 1, 2, 3, 4)
	c := b.await(0)
	b.settle(0, 4)
	b.Advance(3600e9)
	is(t, c)
	b.settle(0, 3)
	is(t, c, 3, 4)
}

// One timer serves all rounds, whatever order they close in.
func TestDeadlinesOfSeveralRounds(t *testing.T) {
	b := start(t, `{"deadline_ms":1000}`)
	var calls []componenttest.Call
	for r := range 4 {
		b.open(r, 1, 2)
		calls = append(calls, b.await(r))
		b.settle(r, 1)
		b.Advance(100e6)
	}
	b.settle(0, 2) // the round that the timer was armed for
	is(t, calls[0], 1, 2)
	b.Advance(700e6 - 1)
	is(t, calls[1])
	b.Advance(1)
	is(t, calls[1], 1)
	is(t, calls[2])
	b.Advance(100e6)
	is(t, calls[2], 1)
	b.Advance(100e6)
	is(t, calls[3], 1)
	b.open(4, 1, 2)
	c := b.await(4)
	b.settle(4, 2)
	b.Advance(1000e6)
	is(t, c, 2)
}

func TestBounds(t *testing.T) {
	b := start(t, `{"max_open":2}`)
	b.open(0, 1)
	b.open(1, 1)
	if f := b.open(2, 1); f == nil || f.Code != value.CodeOverflow {
		t.Errorf("a third round where two are allowed: %v", f)
	}
	for i := range 65 {
		f := b.Invoke("rounds", "Await", value.Int(0), value.Trigger{}).Failure
		if over := i >= 64; over != (f != nil) || over && f.Code != value.CodeOverflow {
			t.Fatalf("call %d: %v", i, f)
		}
	}
	for name, cohort := range map[string]value.Value{
		"no list": value.Int(1), "no peers": value.NewList(value.Int(1)), "nobody": value.NewList(),
		"one twice": peers(1, 1),
	} {
		if f := start(t, ``).Invoke("rounds", "Open", value.Int(0), cohort).Failure; f == nil {
			t.Errorf("a cohort with %s was accepted", name)
		}
	}
	many := make([]value.Value, 1<<16+1)
	for i := range many {
		many[i] = value.Peer(fmt.Sprint(i))
	}
	r, _ := rounds.New("rounds", rounds.Config{})
	if _, err := r.Invoke(nil, "Open", []value.Value{value.Int(0), value.NewList(many...)}); value.AsFailure(err,
		"").Code != value.CodeOverflow {
		t.Errorf("a cohort over the bound: %v", err)
	}
	for _, in := range [][]value.Value{{}, {value.Int(0)}, {value.Trigger{}, peers(1)}} {
		if _, err := r.Invoke(nil, "Open", in); value.AsFailure(err, "").Code != value.CodeType {
			t.Errorf("%v: %v", in, err)
		}
	}
	if f := b.Invoke("rounds", "Close", value.Int(0), value.Trigger{}).Failure; f == nil || !strings.Contains(f.Message,
		"Await") {
		t.Errorf("unknown op: %v", f)
	}
}

// Whatever is asked in whatever order: a round counts exactly those of its cohort that were let pass before it closed,
// each once, and closes when the quorum is complete.
func TestCountsEachOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		quorum := rapid.IntRange(1, 5).Draw(t, "quorum")
		b := start(t, fmt.Sprintf(`{"quorum":%d}`, quorum))
		b.open(0, 0, 1, 2, 3, 4)
		c := b.await(0)
		counted := map[int]bool{}
		for range 30 {
			who := rapid.IntRange(0, 7).Draw(t, "who")
			code, want := b.settle(0, who), ""
			switch {
			case counted[who]:
				want = value.CodeDuplicate
			case who > 4:
				want = value.CodeStranger
			case len(counted) == quorum:
				want = value.CodeLate
			default:
				counted[who] = true
			}
			if code != want {
				t.Fatalf("peer %d: %q, want %q", who, code, want)
			}
			if _, done := c.Outputs(); done != (len(counted) == quorum) {
				t.Fatalf("done is %v with %d of %d", done, len(counted), quorum)
			}
		}
	})
}

func TestConfig(t *testing.T) {
	for in, ok := range map[string]bool{
		`{}`: true, `{"quorum":3,"over":1,"deadline_ms":5,"least":2}`: true, `{"quorum":3,"quorum_percent":50}`: false,
		`{"quorum_percent":101}`: false, `{"deadline_ms":-1}`: false, `{"max_open":100}`: false,
		`{"dealine_ms":1}`: false,
	} {
		if _, err := rounds.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestConforms(t *testing.T) {
	step := func(name string, do func(bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: func(b *componenttest.Bench) { do(bench{b, t}) }}
	}
	var steps []componenttest.Step
	for r := range 4 {
		steps = append(steps,
			step("open", func(b bench) { b.open(r, 1, 2, 3) }),
			step("await", func(b bench) { b.await(r); b.await(r) }),
			step("settle", func(b bench) { b.settle(r, 2) }),
			step("stranger", func(b bench) { b.settle(r, 9); b.settle(r, 2) }),
			step("time", func(b bench) { b.Advance(400e6) }))
	}
	steps = append(steps,
		step("close", func(b bench) { b.settle(2, 3); b.settle(2, 1) }),
		step("deadlines", func(b bench) { b.Advance(2e9) }),
		step("late", func(b bench) { b.settle(0, 1); b.settle(2, 1) }),
		step("too many", func(b bench) { b.open(9, 1, 2); b.open(10, 1, 2); b.open(11, 1) }),
		step("rest", func(b bench) { b.Advance(5e9) }))
	componenttest.Run(t, componenttest.Suite{Setup: *setup(`{"deadline_ms":1000,"remember":2,"max_open":3}`),
		Steps: steps})
}
