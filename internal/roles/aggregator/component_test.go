package aggregator_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// server is a node with a registry, rounds, a model of one layer [2, 1] and an aggregator.
func server(config string) *componenttest.Setup {
	return &componenttest.Setup{Slots: []componenttest.Slot{
		{Name: "registry", Factory: registry.Factory},
		{Name: "rounds", Factory: rounds.Factory, Config: `{"max_open":8}`,
			Ops: []componenttest.Op{{Method: "Open", In: 2, Out: 1}, {Method: "Await", In: 2, Out: 1}}},
		{Name: "model", Factory: model.Factory, Config: `{"mlp":[2,1]}`},
		{Name: "aggregator", Factory: aggregator.Factory, Config: config, Derived: []string{"spare", "combine", "past"},
			Deps: []string{"rounds", "registry", "model"},
			Ops: []componenttest.Op{{Method: "Contribute", In: 4, Out: 1}, {Method: "Aggregate", In: 2, Out: 2},
				{Method: "Average", In: 1, Out: 1},
				{Method: "Mean", In: 2, Out: 4}, {Method: "Trust", In: 3, Out: 4}}},
	}}
}

func bench(t *testing.T, s *componenttest.Setup) *componenttest.Bench {
	t.Helper()
	b, err := componenttest.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func join(b *componenttest.Bench, peers ...int) {
	for _, p := range peers {
		b.Message("registry", componenttest.Peer(p), "join", value.Int(100), value.String(""))
	}
}

func peer(i int) value.Value { return value.Peer(componenttest.Peer(i)) }

func cohort(peers ...int) value.Value {
	out := make([]value.Value, len(peers))
	for i, p := range peers {
		out[i] = peer(p)
	}
	return value.NewList(out...)
}

func open(b *componenttest.Bench, round int, peers ...int) {
	if f := b.Invoke("rounds", "Open", value.Int(round), cohort(peers...)).Failure; f != nil {
		panic(f)
	}
}

func floats(shape []int, x ...float32) value.Value {
	t, err := tensor.FromFloat32(shape, x)
	if err != nil {
		panic(err)
	}
	return value.Tensor{Tensor: t}
}

// weights is an update of the model: two weights and a bias.
func weights(a, b, c float32) value.Value {
	return value.NewList(floats([]int{2, 1}, a, b), floats([]int{1}, c))
}

func contribute(b *componenttest.Bench, round, who int, update value.Value, samples int) *value.Failure {
	return b.Invoke("aggregator", "Contribute", value.Int(round), peer(who), update, value.Int(samples)).Failure
}

func TestARound(t *testing.T) {
	b := bench(t, server(`{"model":"model"}`))
	join(b, 1, 2, 3)
	open(b, 0, 1, 2, 3)
	await := b.Invoke("rounds", "Await", value.Int(0), value.Trigger{})
	for i, who := range []int{3, 1, 2} {
		if _, done := await.Outputs(); done {
			t.Fatal("the round closed early")
		}
		if f := contribute(b, 0, who, weights(float32(who), -1, 0.5), 10*who); f != nil {
			t.Fatalf("contribution %d: %v", i, f)
		}
	}
	members, done := await.Outputs()
	if !done {
		t.Fatal("the round did not close")
	}
	out, ok := b.Invoke("aggregator", "Aggregate", value.Int(0), members[0]).Outputs()
	if !ok {
		t.Fatal(b.Failures())
	}
	mean, total := out[0].(*value.List), out[1].(value.Int)
	// (1·10 + 2·20 + 3·30) / 60
	want := []float32{float32(140.0 / 60), -1, 0.5}
	got := append(slices.Clone(mean.At(0).(value.Tensor).Float32()), mean.At(1).(value.Tensor).Float32()...)
	if !slices.Equal(got, want) || total != 60 {
		t.Errorf("mean %v of %d samples, want %v of 60", got, total, want)
	}
	if s := mean.At(0).(value.Tensor).Shape(); !slices.Equal(s, []int{2, 1}) {
		t.Errorf("shape %v", s)
	}
	if f := b.Invoke("aggregator", "Aggregate", value.Int(0), members[0]).Failure; f == nil ||
		f.Code != value.CodeError {
		t.Errorf("the same round a second time: %v", f)
	}
}

// Traps buffer-before-sum and declared-weight: a bad update costs only itself. Nothing of it stays, and the peer may
// still send a good one.
func TestARefusedUpdateChangesNothing(t *testing.T) {
	b := bench(t, server(`{"model":"model","variances":[1]}`))
	join(b, 1, 2, 3, 4)
	open(b, 0, 1, 2, 3)
	open(b, 1, 1, 2, 3)
	if f := contribute(b, 0, 1, weights(1, 2, 3), 10); f != nil {
		t.Fatal(f)
	}
	states := func() (all []byte) {
		for _, slot := range []string{"aggregator", "rounds", "registry"} {
			s, err := snapshot.Marshal(value.NewRegistry(), b.Component(slot).State())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s...)
		}
		return all
	}
	before := states()
	wide, _ := tensor.FromFloat64([]int{2, 1}, []float64{1, 2})
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name, code string
		who        int
		update     value.Value
		samples    value.Value
	}{
		{"not a number", value.CodeError, 2, weights(1, nan, 3), value.Int(10)},
		{"infinite", value.CodeError, 2, weights(inf, 2, 3), value.Int(10)},
		{"minus infinite", value.CodeError, 2, weights(1, 2, -inf), value.Int(10)},
		{"too large", value.CodeError, 2, weights(1, 2, 1<<20), value.Int(10)},
		{"too large, negative", value.CodeError, 2, weights(1, 2, -1<<20), value.Int(10)},
		{"a variance below 0", value.CodeError, 2, weights(1, 2, -1e-9), value.Int(10)},
		{"no samples", value.CodeOverflow, 2, weights(1, 2, 3), value.Int(0)},
		{"negative samples", value.CodeOverflow, 2, weights(1, 2, 3), value.Int(-5)},
		{"overflowing samples", value.CodeOverflow, 2, weights(1, 2, 3), value.Int(1 << 24)},
		{"more samples than it joined with", value.CodeError, 2, weights(1, 2, 3), value.Int(101)},
		{"one tensor", value.CodeError, 2, value.NewList(floats([]int{2, 1}, 1, 2)), value.Int(10)},
		{"none", value.CodeError, 2, value.NewList(), value.Int(10)},
		{"another shape", value.CodeError, 2, value.NewList(floats([]int{1, 2}, 1, 2), floats([]int{1}, 3)),
			value.Int(10)},
		{"another type", value.CodeError, 2, value.NewList(value.Tensor{Tensor: wide}, floats([]int{1}, 3)),
			value.Int(10)},
		{"no tensor", value.CodeType, 2, value.NewList(value.Int(1), floats([]int{1}, 3)), value.Int(10)},
		{"no list", value.CodeType, 2, value.Int(1), value.Int(10)},
		{"samples as text", value.CodeType, 2, weights(1, 2, 3), value.String("10")},
		{"twice", value.CodeDuplicate, 1, weights(1, 2, 3), value.Int(10)},
		{"not of the cohort", value.CodeStranger, 4, weights(1, 2, 3), value.Int(10)},
	} {
		for round := range 2 { // with and without an earlier contribution
			if c.name == "twice" && round == 1 {
				continue
			}
			f := b.Invoke("aggregator", "Contribute", value.Int(round), peer(c.who), c.update, c.samples).Failure
			if f == nil || f.Code != c.code {
				t.Errorf("%s, round %d: got %v, want code %q", c.name, round, f, c.code)
			}
		}
		if !bytes.Equal(states(), before) {
			t.Fatalf("%s: a refused update changed the state", c.name)
		}
	}
	if n := b.Counter("aggregator.refused.duplicate"); n != 1 {
		t.Errorf("%d duplicates counted", n)
	}
	for _, who := range []int{2, 3} {
		if f := contribute(b, 0, who, weights(1, 2, 3), 10); f != nil {
			t.Errorf("a good update after bad ones: %v", f)
		}
	}
	if f := contribute(b, 0, 2, weights(1, 2, 3), 10); f == nil || f.Code != value.CodeDuplicate {
		t.Errorf("after the round closed, again: %v", f)
	}
	if f := contribute(b, 7, 2, weights(1, 2, 3), 10); f == nil || f.Code != value.CodeStranger {
		t.Errorf("a round that was never opened: %v", f)
	}
}

// Trap buffer-before-sum: what cannot be aggregated stays until it can.
func TestAggregateKeepsWhatItCannotCompute(t *testing.T) {
	b := bench(t, server(``))
	join(b, 1, 2)
	open(b, 0, 1, 2)
	for _, who := range []int{1, 2} {
		if f := contribute(b, 0, who, value.NewList(floats([]int{1}, 4)), who); f != nil {
			t.Fatal(f)
		}
	}
	for name, members := range map[string]value.Value{
		"too few": cohort(1), "another": cohort(1, 3), "too many": cohort(1, 2, 3), "one twice": cohort(1, 1),
		"none":     value.NewList(),
		"no peers": value.NewList(value.Int(1), value.Int(2)), "no list": value.Trigger{},
	} {
		if f := b.Invoke("aggregator", "Aggregate", value.Int(0), members).Failure; f == nil {
			t.Errorf("members %s were accepted", name)
		}
	}
	if _, ok := b.Invoke("aggregator", "Aggregate", value.Int(0), cohort(2, 1)).Outputs(); !ok {
		t.Errorf("the round was lost: %v", b.Failures())
	}
	if f := b.Invoke("aggregator", "Average", value.Trigger{}).Failure; f == nil || !strings.Contains(f.Message,
		"Aggregate") {
		t.Errorf("unknown op: %v", f)
	}
}

func TestTheFirstUpdateGivesTheShapesWithoutAModel(t *testing.T) {
	b := bench(t, server(`{"max_elements":4,"max_open":1}`))
	join(b, 1, 2)
	open(b, 0, 1, 2)
	open(b, 1, 1, 2)
	if f := contribute(b, 0, 1, value.NewList(floats([]int{5}, 1, 2, 3, 4, 5)), 1); f == nil ||
		f.Code != value.CodeOverflow {
		t.Errorf("5 elements where 4 are allowed: %v", f)
	}
	if f := contribute(b, 0, 1, value.NewList(floats([]int{3}, 1, 2, 3)), 1); f != nil {
		t.Fatal(f)
	}
	if f := contribute(b, 0, 2, value.NewList(floats([]int{2}, 1, 2)), 1); f == nil || f.Code != value.CodeError {
		t.Errorf("another shape than the first: %v", f)
	}
	if f := contribute(b, 1, 1, value.NewList(floats([]int{3}, 1, 2, 3)), 1); f == nil || f.Code != value.CodeOverflow {
		t.Errorf("a second open round where one is allowed: %v", f)
	}
}

// TestUpdatesAreCombined: where a strategy wants all updates at once, they are kept until the round closes, and the
// mean is what it makes of them.
func TestUpdatesAreCombined(t *testing.T) {
	b := bench(t, server(`{"combine":"trimmed-mean share=0.34"}`))
	join(b, 1, 2, 3)
	open(b, 0, 1, 2, 3)
	for who, x := range map[int]float32{1: 1000, 2: 3, 3: -7} {
		if f := contribute(b, 0, who, value.NewList(floats([]int{2}, x, 1)), 30*who); f != nil {
			t.Fatal(f)
		}
	}
	if f := contribute(b, 0, 3, value.NewList(floats([]int{3}, 1, 1, 1)), 1); f == nil {
		t.Error("another update of the same client, of another shape")
	}
	out, ok := b.Invoke("aggregator", "Mean", value.Int(0), cohort(1, 2, 3)).Outputs()
	if !ok {
		t.Fatal("no mean")
	}
	if got := out[0].(*value.List).At(0).(value.Tensor).Float32(); got[0] != 3 || got[1] != 1 {
		t.Errorf("of 1000, 3 and -7 without an end each is made %v", got)
	}
	for _, bad := range []string{`{"combine":"fedavg"}`, `{"combine":"nothing"}`, `{"combine":"median share=1"}`} {
		if _, err := aggregator.ParseConfig([]byte(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// TestKeptUpdatesAreBounded: updates that are kept have so many elements in all, whatever rounds they are of; one that
// does not fit is refused with the figures, and the round goes on.
func TestKeptUpdatesAreBounded(t *testing.T) {
	b := bench(t, server(`{"combine":"median"}`))
	b.Component("aggregator").(*aggregator.Component).KeepAtMost(5)
	join(b, 1, 2, 3)
	open(b, 0, 1, 2, 3)
	for who := range 3 {
		f := contribute(b, 0, who+1, value.NewList(floats([]int{2}, float32(who), 1)), 50)
		if who < 2 != (f == nil) || f != nil && (f.Code != value.CodeOverflow || !strings.Contains(f.Message,
			"4 elements, this one 2 more; at most 5")) {
			t.Errorf("update %d: %v", who, f)
		}
	}
}

// A member that lapsed in the meantime has an answer under way; it still counts.
func TestALapsedMemberMayAnswer(t *testing.T) {
	b := bench(t, server(``))
	join(b, 1)
	open(b, 0, 1)
	b.Advance(3600e9)
	if n := b.Counter("registry.lapsed"); n != 1 {
		t.Fatalf("%d members lapsed", n)
	}
	if f := contribute(b, 0, 1, value.NewList(floats([]int{1}, 4)), 1); f != nil {
		t.Error(f)
	}
}

func TestConforms(t *testing.T) {
	step := func(name string, do func(b *componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	steps := []componenttest.Step{
		step("join", func(b *componenttest.Bench) { join(b, 1, 2, 3) }),
		step("open", func(b *componenttest.Bench) { open(b, 0, 1, 2, 3); open(b, 1, 1, 2) }),
		step("await", func(b *componenttest.Bench) { b.Invoke("rounds", "Await", value.Int(0), value.Trigger{}) }),
	}
	for i, who := range []int{2, 3, 1} {
		steps = append(steps,
			step(fmt.Sprintf("contribution %d", i),
				func(b *componenttest.Bench) { contribute(b, 0, who, weights(float32(who)/3, 0.1, -7e5), who) }),
			step("a bad one", func(b *componenttest.Bench) {
				contribute(b, 1, who, weights(float32(math.NaN()), 0, 0),
					who)
			}),
			step("a duplicate", func(b *componenttest.Bench) { contribute(b, 0, who, weights(0, 0, 0), who) }),
			step("another round", func(b *componenttest.Bench) { contribute(b, 1, who, weights(1, 2, 3), who) }))
	}
	steps = append(steps,
		step("aggregate", func(b *componenttest.Bench) {
			b.Invoke("aggregator", "Aggregate", value.Int(0),
				cohort(1, 2, 3))
		}),
		step("aggregate the other", func(b *componenttest.Bench) {
			b.Invoke("aggregator", "Aggregate", value.Int(1),
				cohort(1, 2))
		}))
	componenttest.Run(t, componenttest.Suite{Setup: *server(`{"model":"model"}`), Steps: steps})
	componenttest.Run(t, componenttest.Suite{Setup: *server(`{"model":"model","combine":"median"}`), Steps: steps})
	refusal := value.NewList(value.String("error"), value.String("x"), value.String("it is wrong"))
	steps = append(steps[:len(steps):len(steps)],
		step("a third round", func(b *componenttest.Bench) { open(b, 2, 1, 2, 3) }),
		step("far away", func(b *componenttest.Bench) { contribute(b, 2, 1, weights(900, 3, 4), 50) }),
		step("refused", func(b *componenttest.Bench) {
			b.Invoke("aggregator", "Refuse", value.Int(2), peer(2),
				refusal)
		}),
		step("skipped", func(b *componenttest.Bench) {
			b.Invoke("aggregator", "Aggregate", value.Int(2),
				value.NewList())
		}))
	componenttest.Run(t,
		componenttest.Suite{Setup: *figured(`{"model":"model","figures":true,"clip":2,"max_samples":40,"skips":true}`),
			Steps: steps})
}
