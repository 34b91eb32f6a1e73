package neighbour_test

import (
	"testing"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/selector/neighbour"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

func setup(peers ...wire.PeerID) componenttest.Setup {
	return componenttest.Setup{Seed: 5, Targets: map[string][]wire.PeerID{"peers": peers}, Slots: []componenttest.Slot{{
		Name: "selector", Factory: neighbour.Factory, Config: `{"place":"peers"}`, Derived: []string{"self", "peers"},
		Ops: []componenttest.Op{{Method: "Peer", In: 1, Out: 1}, {Method: "Sample", In: 1, Out: 1}},
	}}}
}

func bench(t *testing.T, peers ...wire.PeerID) *componenttest.Bench {
	t.Helper()
	s := setup(peers...)
	b, err := componenttest.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Each neighbour is as likely as another, the node itself is never chosen, and a tick has one choice.
func TestChoiceIsUniformAndAFunction(t *testing.T) {
	b := bench(t, componenttest.Peer(1), componenttest.Self(), componenttest.Peer(2), componenttest.Peer(3))
	again := bench(t, componenttest.Peer(3), componenttest.Self(), componenttest.Peer(2), componenttest.Peer(1))
	drawn := map[value.Value]int{}
	const ticks = 3000
	for i := range ticks {
		out, ok := b.Invoke("selector", "Peer", value.Int(i)).Outputs()
		if !ok {
			t.Fatal("no peer")
		}
		drawn[out[0]]++
		if i%100 == 0 {
			if same, _ := again.Invoke("selector", "Peer", value.Int(i)).Outputs(); same[0] != out[0] {
				t.Fatalf("tick %d: %v and %v", i, out[0], same[0])
			}
		}
	}
	for i := range 3 {
		if n := drawn[value.Peer(componenttest.Peer(i+1))]; n < ticks/3*9/10 || n > ticks/3*11/10 {
			t.Errorf("peer %d was drawn %d times of %d", i+1, n, ticks/3)
		}
	}
	if drawn[value.Peer(componenttest.Self())] > 0 {
		t.Error("the node talks to itself")
	}
}

func TestRefusals(t *testing.T) {
	for _, b := range []*componenttest.Bench{bench(t), bench(t, componenttest.Self())} {
		if f := b.Invoke("selector", "Peer", value.Int(1)).Failure; f == nil || f.Code != value.CodeError {
			t.Errorf("nobody is there: %v", f)
		}
	}
	b := bench(t, componenttest.Peer(1))
	if f := b.Invoke("selector", "Peer", value.Trigger{}).Failure; f == nil || f.Code != value.CodeType {
		t.Errorf("no tick: %v", f)
	}
	if f := b.Invoke("selector", "Sample", value.Int(1)).Failure; f == nil || f.Code != value.CodeError {
		t.Errorf("another op: %v", f)
	}
	for in, ok := range map[string]bool{`{"place":"x"}`: true, `{}`: false, `{"place":"x","n":1}`: false} {
		if _, err := neighbour.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestConforms(t *testing.T) {
	tick := func(i int) componenttest.Step {
		return componenttest.Step{Name: "tick",
			Do: func(b *componenttest.Bench) { b.Invoke("selector", "Peer", value.Int(i)) }}
	}
	componenttest.Run(t, componenttest.Suite{Setup: setup(componenttest.Peer(1), componenttest.Peer(2)),
		Steps: []componenttest.Step{tick(0), tick(1), tick(2)}})
}
