package mix_test

import (
	"math"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/mix"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// inStep is a node with two neighbours.
func inStep(config string) componenttest.Setup {
	return componenttest.Setup{Seed: 5,
		Targets: map[string][]wire.PeerID{
			"peers": {componenttest.Peer(1), componenttest.Peer(2), componenttest.Self()}},
		Slots: []componenttest.Slot{
			{Name: "model", Factory: model.Factory, Config: `{"mlp":[1,1]}`, Derived: []string{"graph", "source"},
				Ops: []componenttest.Op{{Method: "LoadParameters", In: 1, Out: 1}}},
			{Name: "mix", Factory: mix.Factory, Config: config, Deps: []string{"model"}, Ops: []componenttest.Op{
				{Method: "Offer", In: 2, Out: 3}, {Method: "Take", In: 4, Out: 1}, {Method: "Await", In: 2, Out: 1},
				{Method: "Share", In: 1, Out: 2}}},
		}}
}

func stepping(t *testing.T, config string) *componenttest.Bench {
	t.Helper()
	s := inStep(config)
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func taken(b *componenttest.Bench, who, round int, l *value.List, degree int) componenttest.Call {
	return b.Invoke("mix", "Take", value.Peer(componenttest.Peer(who)), value.Int(round), l, value.Int(degree))
}

func offered(b *componenttest.Bench, round int, l *value.List) componenttest.Call {
	b.Invoke("mix", "Offer", value.Int(round), l)
	return b.Invoke("mix", "Await", value.Int(round), value.Trigger{})
}

// TestMixing: a round waits for all neighbours, whatever comes first and however often, weighs them by the greater
// degree of the two, and takes what comes for the next round as well.
func TestMixing(t *testing.T) {
	b := stepping(t, `{}`)
	taken(b, 2, 0, params(t, 10, 20), 3)
	taken(b, 2, 1, params(t, 0, 0), 3) // it is a round ahead
	taken(b, 2, 0, params(t, 99, 99), 3)
	waits := offered(b, 0, params(t, 1, 2))
	if _, ok := waits.Outputs(); ok {
		t.Fatal("it does not wait for the other neighbour")
	}
	taken(b, 1, 0, params(t, 4, 5), 1)
	if _, ok := waits.Outputs(); !ok {
		t.Fatal("it waits on")
	}
	own, one, two := 1-1.0/3-1.0/4, 1.0/3, 1.0/4
	mean := func(x, a, b float64) float32 { return float32(float64(x*own) + float64(a*one) + float64(b*two)) }
	holds(t, b, mean(1, 4, 10), mean(2, 5, 20), 1)
	taken(b, 1, 0, params(t, 7, 7), 1) // late
	waits = offered(b, 1, params(t, 3, 3))
	taken(b, 1, 1, params(t, 6, 6), 2)
	if _, ok := waits.Outputs(); !ok {
		t.Fatal("the second round waits on")
	}
	holds(t, b, mean(3, 6, 0), mean(3, 6, 0), 2)
}

// TestWhoIsGone: with a deadline a neighbour that says nothing holds up a round for so long, and one that has gone on
// without this node not at all; a model that is refused is none. What these would weigh goes to the own model.
func TestWhoIsGone(t *testing.T) {
	b := stepping(t, `{"deadline_ms":1000}`)
	waits := offered(b, 0, params(t, 3, 3))
	taken(b, 1, 0, params(t, 6, 6), 2)
	b.Advance(int64(999 * time.Millisecond))
	if _, ok := waits.Outputs(); ok {
		t.Fatal("the round ends before its deadline")
	}
	b.Advance(int64(2 * time.Millisecond))
	if _, ok := waits.Outputs(); !ok {
		t.Fatal("the round goes on behind its deadline")
	}
	holds(t, b, 4, 4, 1)
	taken(b, 2, 9, params(t, 1, 1), 2)
	waits = offered(b, 1, params(t, 3, 3))
	if f := taken(b, 1, 1, params(t, float32(math.Inf(1)), 0), 2).Failure; f == nil {
		t.Error("an infinite model is taken")
	}
	if _, ok := waits.Outputs(); !ok {
		t.Fatal("it waits for one that is far ahead, or whose model was refused")
	}
	holds(t, b, 3, 3, 2)
	for name, f := range map[string]*value.Failure{
		"a stranger's model": taken(b, 7, 2, params(t, 1, 1), 2).Failure,
		"a degree of 0":      taken(b, 1, 2, params(t, 1, 1), 0).Failure,
		"a round below 0":    taken(b, 1, -1, params(t, 1, 1), 1).Failure,
		"another round":      b.Invoke("mix", "Offer", value.Int(5), params(t, 1, 1)).Failure,
		"an early wait":      b.Invoke("mix", "Await", value.Int(2), value.Trigger{}).Failure,
	} {
		if f == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestRoundsConform(t *testing.T) {
	step := func(name string, do func(*componenttest.Bench)) componenttest.Step {
		return componenttest.Step{Name: name, Do: do}
	}
	componenttest.Run(t, componenttest.Suite{Setup: inStep(`{"deadline_ms":1000}`), Steps: []componenttest.Step{
		step("ahead", func(b *componenttest.Bench) { taken(b, 2, 1, params(t, 1, 1), 2) }),
		step("offer", func(b *componenttest.Bench) { offered(b, 0, params(t, 1, 2)) }),
		step("take", func(b *componenttest.Bench) { taken(b, 2, 0, params(t, 3, 4), 2) }),
		step("take", func(b *componenttest.Bench) { taken(b, 1, 0, params(t, 5, 6), 4) }),
		step("offer", func(b *componenttest.Bench) { offered(b, 1, params(t, 1, 2)) }),
		step("late", func(b *componenttest.Bench) { b.Advance(int64(2 * time.Second)) }),
	}})
}
