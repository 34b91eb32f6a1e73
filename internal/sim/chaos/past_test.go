package chaos

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/sim"
)

// TestDirectoriesGoBack: federated jobs of which directories go back and copies run beside them, at every role, end
// with the model that their accepted sets give, each contribution counted once.
func TestDirectoriesGoBack(t *testing.T) {
	most := 24
	if testing.Short() {
		most = 6
	}
	runs, ended := 0, 0
	var counts sim.Counts
	for seed := uint64(0); runs < most; seed++ {
		p := Draw(seed)
		if p.Scenario != "federated" || !p.strikes(sim.Rollback) && !p.strikes(sim.Twin) {
			continue
		}
		runs++
		r := Run(p, Options{})
		if r.Err != nil {
			t.Errorf("%v\n  %v", p, r.Err)
		}
		if r.Waits == "" && !r.Excused {
			ended++
		}
		counts.Add(&r.Counts)
	}
	if counts[sim.Rollback] < uint64(2*runs) || counts[sim.Twin] < uint64(runs) || ended < runs-1 {
		t.Errorf("%d rollbacks and %d twins in %d runs, of which %d ended", counts[sim.Rollback], counts[sim.Twin],
			runs, ended)
	}
}
