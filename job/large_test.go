package job

import (
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/sim"
)

// TestChunkedIsTheSameModel runs a job with its parameters whole and in chunks of every kind of size: the model has the same
// bits, and each round the same figures.
func TestChunkedIsTheSameModel(t *testing.T) {
	whole := newVirtual(t, small(), 0, sim.Network{})
	whole.run()
	for _, chunk := range []int{1, 8} {
		c := small()
		c.Chunk = chunk
		v := newVirtual(t, c, 0, sim.Network{})
		v.run()
		if got, want := v.model(), whole.model(); got != want {
			t.Errorf("in chunks of %d KiB the model is %s, whole it is %s", chunk, got, want)
		}
	}
}

// TestChunkedWhateverHappens is TestSameModelWhateverHappens with parameters in chunks: power failures anywhere in the
// download, in training and while updates are gathered, and a network that loses, doubles and reorders.
func TestChunkedWhateverHappens(t *testing.T) {
	c := small()
	c.Rounds, c.Chunk = 2, 1
	plain := newVirtual(t, c, 0, sim.Network{})
	plain.run()
	want, crashes := plain.model(), 0
	seeds := 4
	if testing.Short() {
		seeds = 1
	}
	for seed := range uint64(seeds) {
		v := newVirtual(t, c, seed, sim.Network{
			Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 100 * time.Millisecond}, Loss: 0.05, Duplicate: 0.2, Reorder: 0.2,
		})
		v.powerFailures(seed)
		v.run()
		if got := v.model(); got != want {
			t.Fatalf("seed %d: after %d power failures the model is %s, want %s", seed, v.crashes(), got, want)
		}
		crashes += v.crashes()
	}
	if crashes < 10*seeds {
		t.Fatalf("only %d power failures in %d runs", crashes, seeds)
	}
	t.Logf("%d power failures in %d runs", crashes, seeds)
}
