package chaos

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/sim"
)

// TestSeeds runs some seeds: none breaks a promise, and the faults of every kind that plans draw have struck. The
// prover runs many more.
func TestSeeds(t *testing.T) {
	seeds := uint64(120)
	if testing.Short() {
		seeds = 20
	}
	var events uint64
	var counts sim.Counts
	for seed := range seeds {
		p := Draw(seed)
		r := Run(p, Options{})
		if r.Err != nil {
			t.Errorf("%v\n  %v", p, r.Err)
		}
		events += r.Events
		counts.Add(&r.Counts)
	}
	for _, f := range striking {
		if counts[f] == 0 {
			t.Errorf("%v never struck", f)
		}
	}
	t.Logf("%d seeds, %d events, %d faults", seeds, events, counts.Total())
}

// TestSeedsThatFailed runs seeds that once broke a promise: two of nodes with more lives than an envelope names, and
// one in which an empty envelope kept the number of a question that was withdrawn, which was taken for a fault.
func TestSeedsThatFailed(t *testing.T) {
	for _, seed := range []uint64{4000810, 4001681, 1002128} {
		if r := Run(Draw(seed), Options{}); r.Err != nil {
			t.Errorf("%v\n  %v", Draw(seed), r.Err)
		}
	}
}

// TestSameSeedSameBytes: two runs of one seed have one hash.
func TestSameSeedSameBytes(t *testing.T) {
	for seed := range uint64(20) {
		a, b := Run(Draw(seed), Options{}), Run(Draw(seed), Options{Trace: func(sim.Line) {}})
		if a.Hash != b.Hash || a.Hash == 0 || a.Events != b.Events || a.Counts != b.Counts {
			t.Errorf("seed %d: %x after %d events, then %x after %d", seed, a.Hash, a.Events, b.Hash, b.Events)
		}
	}
}

// TestMass crashes half of all nodes in each round: the model is that of an undisturbed run, to the bit. The prover
// runs it with a thousand nodes.
func TestMass(t *testing.T) {
	const clients, rounds = 60, 6
	r := Mass(3, clients, rounds)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if r.Crashes < clients*rounds/3 {
		t.Fatalf("only %d crashes in %d rounds of %d nodes", r.Crashes, rounds, clients+1)
	}
}
