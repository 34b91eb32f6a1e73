package selector_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/component/componenttest"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/value"
)

func setup(config string, seed uint64) *componenttest.Setup {
	return &componenttest.Setup{Seed: seed, Slots: []componenttest.Slot{
		{Name: "registry", Factory: registry.Factory, Config: `{"heartbeat_ms":1000}`,
			Ops: []componenttest.Op{{Method: "Await", In: 1, Out: 1}}},
		{Name: "selector", Factory: selector.Factory, Config: config, Deps: []string{"registry"},
			Ops: []componenttest.Op{
				{Method: "Sample", In: 2, Out: 1}, {Method: "View", In: 1, Out: 1}, {Method: "Near", In: 1, Out: 1}}},
	}}
}

func start(t interface{ Fatal(...any) }, config string, seed uint64, peers ...int) *componenttest.Bench {
	b, err := componenttest.New(setup(config, seed))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		join(b, p)
	}
	return b
}

func join(b *componenttest.Bench, p int) {
	b.Message("registry", componenttest.Peer(p), "join", value.Int(1), value.String(""))
}

func count(n int) (out []int) {
	for i := range n {
		out = append(out, i)
	}
	return out
}

func sample(t interface{ Fatal(...any) }, b *componenttest.Bench, round int) []value.Value {
	c := b.Invoke("selector", "Sample", value.Trigger{}, value.Int(round))
	out, ok := c.Outputs()
	if !ok {
		t.Fatal(c.Failure)
	}
	return out[0].(*value.List).Items()
}

// The cohort is a function of seed, round and members: not of the order in which they joined, nor of earlier draws.
func TestTheSampleIsAFunction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		order := rapid.Permutation(count(12)).Draw(t, "order")
		a, b := start(t, `{"n":4}`, seed, count(12)...), start(t, `{"n":4}`, seed, order...)
		for _, r := range rapid.SliceOfN(rapid.IntRange(0, 50), 1, 5).Draw(t, "rounds") {
			sample(t, b, r)
		}
		round := rapid.IntRange(0, 1000).Draw(t, "round")
		x, y := sample(t, a, round), sample(t, b, round)
		if !slices.Equal(x, y) || len(x) != 4 {
			t.Fatalf("%v and %v", x, y)
		}
		seen := map[value.Value]bool{}
		for i, p := range x {
			if seen[p] || i > 0 && x[i-1].(value.Peer) >= p.(value.Peer) {
				t.Fatalf("%v is not sorted, or holds a peer twice", x)
			}
			seen[p] = true
		}
	})
}

func TestTheSampleIsUniform(t *testing.T) {
	b := start(t, `{"n":3,"over":1}`, 5, count(10)...)
	drawn := map[value.Value]int{}
	const rounds = 3000
	for r := range rounds {
		for _, p := range sample(t, b, r) {
			drawn[p]++
		}
	}
	if len(drawn) != 10 {
		t.Errorf("only %d peers were ever drawn", len(drawn))
	}
	for p, n := range drawn {
		if n < rounds*4/10*90/100 || n > rounds*4/10*110/100 {
			t.Errorf("%v was drawn %d times of %d", p, n, rounds*4/10)
		}
	}
}

func TestHowMany(t *testing.T) {
	for _, c := range []struct {
		config        string
		members, want int
	}{
		{``, 5, 5}, {`{"n":0}`, 1, 1}, {`{"n":2}`, 5, 2}, {`{"n":2,"over":2}`, 5, 4}, {`{"n":2,"over":9}`, 5, 5},
		{`{"n":9}`, 5, 5},
	} {
		b := start(t, c.config, 1, count(c.members)...)
		if got := sample(t, b, 0); len(got) != c.want {
			t.Errorf("%s of %d: %d peers, want %d", c.config, c.members, len(got), c.want)
		}
		if out, _ := b.Invoke("selector", "View", value.Trigger{}).Outputs(); out[0].(*value.List).Len() != c.members {
			t.Errorf("%s: the view holds %d of %d", c.config, out[0].(*value.List).Len(), c.members)
		}
	}
}

// Who joins or lapses between the answer of Await and the draw must not change the cohort.
func TestTheMembersOfARoundAreFixed(t *testing.T) {
	b := start(t, ``, 1, 1, 2)
	b.Invoke("registry", "Await", value.Int(7))
	join(b, 3)
	b.Advance(3e9)
	join(b, 4)
	if got := sample(t, b, 7); len(got) != 2 {
		t.Errorf("%d peers in round 7, two were members when it began", len(got))
	}
	if got := sample(t, b, 8); len(got) != 1 {
		t.Errorf("%d peers in round 8, one is a member now", len(got))
	}
}

func TestRefusals(t *testing.T) {
	b := start(t, ``, 1)
	for method, in := range map[string][]value.Value{
		"Sample": {value.Trigger{}, value.Int(0)}, // nobody is there
		"Near":   {value.Trigger{}},
	} {
		if f := b.Invoke("selector", method, in...).Failure; f == nil || f.Code != value.CodeError {
			t.Errorf("%s: %v", method, f)
		}
	}
	if f := b.Invoke("selector", "Sample", value.Trigger{}, value.Trigger{}).Failure; f == nil ||
		f.Code != value.CodeType {
		t.Errorf("no round: %v", f)
	}
	for in, ok := range map[string]bool{`{}`: true, `{"n":3,"over":2}`: true, `{"over":2}`: false, `{"n":-1}`: false,
		`{"size":3}`: false} {
		if _, err := selector.ParseConfig([]byte(in)); (err == nil) != ok {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestConforms(t *testing.T) {
	steps := []componenttest.Step{{Name: "join",
		Do: func(b *componenttest.Bench) { join(b, 1); join(b, 2); join(b, 3) }}}
	for r := range 3 {
		steps = append(steps, componenttest.Step{Name: fmt.Sprint("round ", r), Do: func(b *componenttest.Bench) {
			b.Invoke("registry", "Await", value.Int(r))
			b.Invoke("selector", "Sample", value.Trigger{}, value.Int(r))
		}})
	}
	componenttest.Run(t, componenttest.Suite{Setup: *setup(`{"n":2}`, 9), Steps: steps})
}
