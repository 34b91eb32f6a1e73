package restores

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
)

// TestRestoredRunsEqual tries a few programs; the whole is `rhizome prove restores`.
func TestRestoredRunsEqual(t *testing.T) {
	seeds, restores := uint64(20), uint64(0)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		r := prove.Single(Part{}, seed+1)
		for _, f := range r.Failures {
			t.Errorf("seed %d: %s", f.Seed, f.Text)
		}
		restores += r.Counts["restores"]
	}
	if restores < 40*seeds {
		t.Errorf("only %d restores", restores)
	}
}

// TestADifferenceIsSeen is the canary: a node that forgets something in its restores is found.
func TestADifferenceIsSeen(t *testing.T) {
	for seed := uint64(1); seed < 50; seed++ {
		src := programs.Seeded(seed)
		parts, err := programs.Random(src)
		if err != nil {
			t.Fatal(err)
		}
		steps := programs.Schedule(src)
		forget = true
		_, err = compare(parts, steps)
		forget = false
		if err != nil {
			return
		}
	}
	t.Error("probes that forget what they parked were not noticed")
}
