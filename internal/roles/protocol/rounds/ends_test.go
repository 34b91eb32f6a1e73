package rounds_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// refusals is answers that can be refused too: Refuse(round, who, code).
type refusals struct{ answers }

func (a *refusals) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method != "Refuse" {
		return a.answers.Invoke(ctx, method, in)
	}
	r := ctx.Dep("rounds").(*rounds.Component)
	r.Refuse(ctx, int64(in[0].(value.Int)), wire.PeerID(in[1].(value.Peer)), value.Fail(string(in[2].(value.String)),
		"test", "its element 3 is NaN"))
	return []value.Value{value.Trigger{}}, nil
}

func ending(config string) *componenttest.Setup {
	s := setup(config)
	s.Slots = append([]componenttest.Slot{{Name: "registry", Factory: registry.Factory,
		Config: `{"heartbeat_ms":1000}`}}, s.Slots...)
	s.Slots[1].Deps = []string{"registry"}
	s.Slots[1].Ops = append(s.Slots[1].Ops, componenttest.Op{Method: "Asked", In: 2, Out: 1},
		componenttest.Op{Method: "Failed", In: 1, Out: 1})
	s.Slots[2].Factory = func(node.Env) (engine.Component, error) { return &refusals{}, nil }
	s.Slots[2].Ops = append(s.Slots[2].Ops, componenttest.Op{Method: "Refuse", In: 3, Out: 1})
	return s
}

// begin is a bench with rounds that can end, whose peers 1 to n are members.
func begin(t *testing.T, config string, n int) bench {
	t.Helper()
	b, err := componenttest.New(ending(config))
	if err != nil {
		t.Fatal(err)
	}
	x := bench{b, t}
	x.beat(1, n)
	return x
}

// beat has the peers from one to another send a heartbeat.
func (b bench) beat(from, to int) {
	for p := from; p <= to; p++ {
		b.Message("registry", componenttest.Peer(p), "heartbeat", value.Int(10), value.String(fmt.Sprint("site-", p)))
	}
}

func (b bench) refuse(round, who int, code string) {
	b.Invoke("answers", "Refuse", value.Int(round), value.Peer(componenttest.Peer(who)), value.String(code))
}

func (b bench) round(number int) *rounds.Round {
	st := b.Component("rounds").State().(*rounds.State)
	for i := range st.Rounds {
		if st.Rounds[i].Number == int64(number) {
			return &st.Rounds[i]
		}
	}
	return nil
}

// stays has time pass in which only some peers are heard of.
func (b bench) stays(from, to int, seconds int) {
	for range seconds {
		b.Advance(1e9)
		b.beat(from, to)
	}
}

// TestARoundFailsWhenNoMoreCanCome: refused answers are counted, and a round that cannot be completed by those who are
// left fails with who and why, instead of waiting for ever (case 5, U9).
func TestARoundFailsWhenNoMoreCanCome(t *testing.T) {
	b := begin(t, `{"on_failed":"stop","quorum":2}`, 3)
	b.open(0, 1, 2, 3)
	c := b.await(0)
	b.refuse(0, 1, rounds.CodeDiverged)
	is(t, c) // two are left
	if code := b.settle(0, 1); code != value.CodeDuplicate {
		t.Errorf("who was refused contributed after it: %q", code)
	}
	b.refuse(0, 3, rounds.CodeDiverged)
	if r := b.round(0); !r.Failed || !r.Closed || len(r.Refused) != 2 {
		t.Fatalf("the round did not fail: %+v", r)
	}
	if failures := b.Failures(); !slices.ContainsFunc(failures, func(f *value.Failure) bool {
		return strings.Contains(f.Message, "training diverged") && strings.Contains(f.Message,
			"site-3: its element 3 is NaN")
	}) {
		t.Errorf("Await failed with %v", failures)
	}
	out, ok := b.Invoke("rounds", "Failed", value.NewList(value.String("error"), value.String("rounds"),
		value.String("x"))).Outputs()
	if !ok {
		t.Fatal("Failed gives nothing")
	}
	told := out[0].(*value.List)
	if told.At(0) != value.Value(value.Int(0)) || told.At(2).(*value.List).Len() != 2 ||
		!strings.Contains(string(told.At(1).(value.String)), "site-1") {
		t.Errorf("the job tells %v", told)
	}
}

// TestADeadlineClosesWithThoseWhoCan: where a deadline would close a round with fewer, refusals lower what it needs to
// those who can still contribute.
func TestADeadlineClosesWithThoseWhoCan(t *testing.T) {
	b := begin(t, `{"on_failed":"stop","deadline_ms":60000}`, 3)
	b.open(0, 1, 2, 3)
	c := b.await(0)
	b.settle(0, 2)
	b.refuse(0, 1, value.CodeError)
	is(t, c)
	b.settle(0, 3)
	is(t, c, 2, 3)
}

func TestRetryAsksOthersAFewTimes(t *testing.T) {
	b := begin(t, `{"on_failed":"retry","retries":2}`, 6)
	b.open(0, 1, 2)
	c := b.await(0)
	b.settle(0, 2)
	asked := []string{componenttestID(1), componenttestID(2)}
	for try := range 2 {
		for _, p := range b.round(0).Cohort {
			if b.round(0).Owes(p) {
				b.Invoke("answers", "Refuse", value.Int(0), value.Peer(p), value.String(value.CodeError))
			}
		}
		if n := len(b.round(0).Cohort); n != 3+try {
			t.Fatalf("after try %d there are %d of the cohort", try, n)
		}
	}
	is(t, c)
	for _, p := range b.round(0).Cohort {
		if b.round(0).Owes(p) && slices.Contains(asked, p) {
			t.Errorf("%s was asked twice", p)
		}
		if b.round(0).Owes(p) {
			b.Invoke("answers", "Settle", value.Int(0), value.Peer(p))
		}
	}
	if out, done := c.Outputs(); !done || out[0].(*value.List).Len() != 2 {
		t.Errorf("it did not close with two: %v", out)
	}
	if n := b.Counter("rounds.retried"); n != 2 {
		t.Errorf("%d retries %+v", n, b.round(0))
	}
}

func componenttestID(i int) string { return string(componenttest.Peer(i)) }

func TestSkipClosesWithNobody(t *testing.T) {
	b := begin(t, `{"on_failed":"skip"}`, 2)
	b.open(0, 1, 2)
	c := b.await(0)
	b.settle(0, 2)
	b.refuse(0, 1, value.CodeError)
	if out, done := c.Outputs(); !done || out[0].(*value.List).Len() != 0 || !b.round(0).Skipped {
		t.Errorf("a skipped round counts %v", out)
	}
}

// TestADeadlineEndsARoundOfNobody: where that is said; else the round waits on.
func TestADeadlineEndsARoundOfNobody(t *testing.T) {
	for _, empty := range []bool{true, false} {
		b := begin(t, fmt.Sprintf(`{"on_failed":"skip","fewer":true,"deadline_ms":2000,"empty":%v}`, empty), 2)
		b.open(0, 1)
		c := b.await(0)
		b.Advance(1900e6)
		if _, done := c.Outputs(); done {
			t.Error("it closed before its deadline")
		}
		b.Advance(200e6)
		if out, done := c.Outputs(); done != empty || done && out[0].(*value.List).Len() != 0 {
			t.Errorf("empty %v: behind the deadline it is over: %v, with %v", empty, done, out)
		}
	}
}

// TestOthersAreAskedInPlaceOfTheSilent: a round that cannot close without those who went silent asks others who are
// there, so that no loss of a minority holds it up; the round of an exact job waits for its own.
func TestOthersAreAskedInPlaceOfTheSilent(t *testing.T) {
	for _, substitute := range []bool{true, false} {
		b := begin(t, fmt.Sprintf(`{"on_failed":"stop","substitute":%v}`, substitute), 4)
		b.open(0, 1, 2)
		c := b.await(0)
		b.settle(0, 1)
		b.stays(3, 4, 6) // 1 and 2 are silent
		if n := len(b.round(0).Cohort); n != 2 && !substitute || substitute && n != 3 {
			t.Fatalf("substitute %v: %d of the cohort", substitute, n)
		}
		who := 2 // is back
		if substitute {
			for p := 3; p <= 4; p++ {
				if slices.Contains(b.round(0).Cohort, componenttestID(p)) {
					who = p
				}
			}
		}
		b.settle(0, who)
		is(t, c, 1, who)
	}
}

// TestAnUnreachedQuestionIsAskedAgain: a question that did not get to its peer is no answer; the peer is asked again
// when it is there.
func TestAnUnreachedQuestionIsAskedAgain(t *testing.T) {
	b := begin(t, `{"on_failed":"stop"}`, 2)
	b.open(0, 1, 2)
	c := b.await(0)
	b.refuse(0, 1, value.CodeSend)
	b.settle(0, 2)
	if r := b.round(0); r.Failed || len(r.Lost) != 1 {
		t.Fatalf("%+v", r)
	}
	b.Advance(1e9)
	if n := b.Counter("rounds.asked.again"); n != 1 || len(b.round(0).Lost) != 0 {
		t.Errorf("asked again %d times, lost %v", n, b.round(0).Lost)
	}
	b.settle(0, 1)
	is(t, c, 1, 2)
}

func TestGrace(t *testing.T) {
	b := begin(t, `{"on_failed":"stop","quorum":2,"grace_ms":500}`, 4)
	b.open(0, 1, 2, 3, 4)
	c := b.await(0)
	b.settle(0, 1)
	b.Advance(200e6)
	b.settle(0, 2)
	b.Advance(400e6)
	b.settle(0, 3)
	is(t, c)
	b.Advance(100e6)
	is(t, c, 1, 2, 3)
	b.open(1, 1, 2, 3, 4)
	c = b.await(1)
	for who := 1; who <= 4; who++ {
		b.settle(1, who)
	}
	is(t, c, 1, 2, 3, 4) // nobody is left to wait for
}

func TestAskedAreThoseWhoOweAnAnswer(t *testing.T) {
	b := begin(t, `{"on_failed":"stop"}`, 3)
	b.open(0, 1, 2, 3)
	b.settle(0, 1)
	asked := func() []value.Value {
		out, _ := b.Invoke("rounds", "Asked", value.Int(0), peers(1, 2, 3)).Outputs()
		return out[0].(*value.List).Items()
	}
	if got := asked(); !slices.Equal(got, sorted(2, 3)) {
		t.Errorf("asked %v", got)
	}
	b.settle(0, 2)
	b.settle(0, 3)
	if got := asked(); len(got) != 0 {
		t.Errorf("of a round that is closed %v are asked", got)
	}
}

func TestConfigOfEnds(t *testing.T) {
	for in, ok := range map[string]bool{
		`{"on_failed":"stop"}`: true, `{"on_failed":"retry","retries":5}`: true, `{"on_failed":"maybe"}`: false,
		`{"grace_ms":5}`: false,
		`{"cohort":3}`:   false,
		`{"on_failed":"skip","cohort":3,"grace_ms":5,"check_ms":50,"substitute":true,"withdraws":"train"}`: true,
		`{"on_failed":"stop","retries":101}`: false,
	} {
		if _, err := rounds.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestEndsConform(t *testing.T) {
	for _, policy := range []string{"stop", "retry", "skip"} {
		step := func(name string, do func(bench)) componenttest.Step {
			return componenttest.Step{Name: name, Do: func(b *componenttest.Bench) { do(bench{b, t}) }}
		}
		steps := []componenttest.Step{step("members", func(b bench) { b.beat(1, 6) })}
		for r := range 3 {
			steps = append(steps,
				step("open", func(b bench) { b.open(r, 1, 2, 3) }),
				step("await", func(b bench) { b.Invoke("rounds", "Await", value.Int(r), value.Trigger{}) }),
				step("refuse", func(b bench) { b.refuse(r, 1, value.CodeError) }),
				step("unreached", func(b bench) { b.refuse(r, 2, value.CodeSend) }),
				step("settle", func(b bench) { b.settle(r, 3) }),
				step("time", func(b bench) { b.stays(3, 6, 2+r) }),
				step("settle all", func(b bench) {
					for p := 1; p <= 6; p++ {
						b.settle(r, p)
					}
				}),
				step("grace", func(b bench) { b.Advance(300e6) }),
				step("refuse all", func(b bench) {
					for p := 1; p <= 6; p++ {
						b.refuse(r, p, rounds.CodeDiverged)
					}
				}))
		}
		steps = append(steps, step("rest", func(b bench) { b.Advance(9e9) }))
		componenttest.Run(t,
			componenttest.Suite{Setup: *ending(`{"on_failed":"` + policy +
				`","quorum":2,"grace_ms":400,"deadline_ms":5000,"substitute":true,"remember":2,"max_open":3}`),
				Steps: steps})
	}
}
