package twins

import "testing"

// TestTwins runs some seeds: a node and those that were restored from its snapshots, at any moment, cannot be told apart. The
// prover runs many more.
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
