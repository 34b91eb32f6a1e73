package twins

import (
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/sim/workshop"
)

// TestTwins runs some seeds: a node and those that were restored from its snapshots, at any moment, cannot be told
// apart. The prover runs many more.
func TestTwins(t *testing.T) {
	seeds, born := uint64(25), 0
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		n, err := Twins(seed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		born += n
	}
	if born < 20*int(seeds) {
		t.Errorf("%d twins in %d runs: the schedules do not reach them", born, seeds)
	}
	t.Logf("%d twins in %d runs", born, seeds)
}

// TestADifferenceIsSeen gives an input to a node and not to its twin.
func TestADifferenceIsSeen(t *testing.T) {
	shop, err := workshop.New(1)
	if err != nil {
		t.Fatal(err)
	}
	w := &twins{Shop: shop, rng: rand.New(rand.NewPCG(1, 1))}
	if err := w.add(workshop.Hub); err != nil {
		t.Fatal(err)
	}
	n := w.nodes[0]
	b, err := n.nd.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other, err := n.bear(b, "the beginning")
	if err != nil {
		t.Fatal(err)
	}
	n.twins = []*twin{other}
	if err := n.poll(ms); err != nil {
		t.Fatalf("before there is a difference: %v", err)
	}
	if err := n.nd.Deliver(workshop.Invoke("call", 1)); err != nil {
		t.Fatal(err)
	}
	if err := n.poll(2 * ms); err == nil {
		t.Error("a node did something that its twin did not, and nobody says so")
	}
}
