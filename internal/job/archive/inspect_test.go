package archive

import (
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestInspectBesideARun looks at the nodes of a run again and again while it runs: each look finds states that are
// whole.
func TestInspectBesideARun(t *testing.T) {
	c := jobtest.Tiny()
	c.Rounds, c.Clients, c.Hidden = 12, 3, 300
	dir := filepath.Join(t.TempDir(), "run")
	started, looked, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	first := true
	go func() {
		_, err := try(t.Context(), local.Options{Dir: dir, Job: c, Chaos: 1, OnRound: func(r job.Round) {
			if first {
				first = false
				close(started)
			}
			if r.Number == c.Rounds { // the run may be faster than two looks
				select {
				case <-looked:
				case <-t.Context().Done():
				}
			}
		}})
		ended <- err
	}()
	<-started
	looks := 0
	for {
		states, err := Inspect(vfs.OS(), dir)
		if err != nil || len(states) != 4 {
			t.Fatalf("%d states, %v", len(states), err)
		}
		for _, s := range states {
			if s.Err != nil {
				t.Errorf("%s: %v", s.Name, s.Err)
			}
		}
		if looks++; looks == 2 {
			close(looked)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			if looks < 2 {
				t.Errorf("%d looks", looks)
			}
			return
		default:
		}
	}
}
