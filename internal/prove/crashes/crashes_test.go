package crashes

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove"
)

// TestCrashBench runs a few places of the bench; the whole is `rhizome prove crashes`.
func TestCrashBench(t *testing.T) {
	seeds, all := uint64(12), prove.Counts{}
	if testing.Short() {
		seeds = 2
	}
	for i := range seeds {
		r := prove.Single(Part{}, 1+i*17)
		for _, f := range r.Failures {
			t.Error(f.Text)
		}
		for what, n := range r.Counts {
			all[what] += n
		}
	}
	if all["recoveries"] < 400*seeds || all["refused with the place"] == 0 || all["repaired and said so"] == 0 {
		t.Errorf("the bench tried too little: %v", all)
	}
}

// TestPlaces: a lap of seeds strikes every operation of both nodes with every kind.
func TestPlaces(t *testing.T) {
	seen := map[strike]bool{}
	for seed := range uint64(places()) {
		seen[place(seed+1)] = true
	}
	ops := operations()
	for victim, n := range ops {
		for at := 1; at <= n; at++ {
			for _, k := range Kinds {
				if !seen[strike{victim, at, k}] {
					t.Fatalf("no seed strikes %v", strike{victim, at, k})
				}
			}
		}
	}
	if len(Kinds) < 8 || ops[0] < 60 || ops[1] < 60 {
		t.Errorf("%d kinds, operations %v", len(Kinds), ops)
	}
}

// TestTheBenchSeesLosses is its canary: judged as if only a crash had struck, files that were cut must be failures.
func TestTheBenchSeesLosses(t *testing.T) {
	for seed := uint64(1); ; seed++ {
		if s := place(seed); s.kind == vfs.Truncation && s.at > 40 {
			if r := prove.Single(Part{strict: true}, seed); r.OK || len(r.Again) == 0 {
				t.Errorf("%v was not noticed", s)
			}
			return
		}
	}
}
