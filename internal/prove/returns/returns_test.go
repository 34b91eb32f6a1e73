package returns

import (
	"flag"
	"fmt"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/sim"
)

var traced = flag.Uint64("traced", 0, "run this seed only, and tell it line by line")

// TestReturns tries a few seeds; a hunt tries more.
func TestReturns(t *testing.T) {
	n := uint64(40)
	if testing.Short() {
		n = 8
	}
	first, trace := uint64(0), (func(sim.Line))(nil)
	if *traced != 0 {
		first, n, trace = *traced, 1, func(l sim.Line) { fmt.Println(l) }
	}
	var met sim.Counts
	for seed := first; seed < first+n; seed++ {
		got, err := Try(seed, trace)
		if err != nil {
			t.Error(err)
		}
		met.Add(&got)
	}
	if *traced == 0 && (met[sim.Rollback] < n/2 || met[sim.Twin] < n/2) {
		t.Errorf("%d directories went back and %d copies ran in %d runs", met[sim.Rollback], met[sim.Twin], n)
	}
}
