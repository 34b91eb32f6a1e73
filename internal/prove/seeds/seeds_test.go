package seeds

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// TestPart tries one seed as the prover does: it holds, and what it met is counted by the names that floors have.
func TestPart(t *testing.T) {
	r := prove.Single(Part{}, 5)
	if !r.OK || r.Counts["seeds"] != 1 || r.Counts["events"] == 0 || r.Counts["seeds settled in time"] != 1 {
		t.Fatalf("%+v", r)
	}
	for _, f := range (Part{}).Floors() {
		if _, ok := r.Counts[f.What]; !ok && f.What != "rounds" {
			t.Errorf("nothing counts %q, which has a floor", f.What)
		}
	}
	if faults := len((Part{}).Floors()) - 4; faults != int(sim.Faults) || faults < 25 {
		t.Errorf("%d kinds of fault have a floor, and there are %d", faults, sim.Faults)
	}
}
