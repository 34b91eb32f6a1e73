package local

import (
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestClientsTellTheirLoss: with client_metrics each client says its loss on a batch of its own before its training and
// after it, whole models and those in chunks; the model is the same to the bit as without. Nobody told it before.
func TestClientsTellTheirLoss(t *testing.T) {
	for name, chunk := range map[string]int{"whole": 0, "in chunks": 1} {
		t.Run(name, func(t *testing.T) {
			plain := *jobtest.Tiny()
			plain.Chunk = chunk
			asks := plain
			asks.ClientMetrics = true
			want := run(t, Options{Dir: filepath.Join(t.TempDir(), "plain"), Job: &plain})
			dir := filepath.Join(t.TempDir(), "asks")
			got := run(t, Options{Dir: dir, Job: &asks})
			if got.ModelSHA256 != want.ModelSHA256 || got.Artifact == want.Artifact {
				t.Errorf("%+v, without %+v", got, want)
			}
			v, err := archive.Look(vfs.OS(), dir)
			if err != nil {
				t.Fatal(err)
			}
			all := v.Inspect("server")
			if len(all) != 1 || all[0].Err != nil {
				t.Fatalf("%+v", all)
			}
			told := observe.MeasuresOf(all[0].Restored.Node)
			for _, m := range told {
				if m.LossBefore == nil || m.LossAfter == nil || !(*m.LossBefore > 0) || !(*m.LossAfter > 0) ||
					*m.LossAfter >= *m.LossBefore {
					t.Errorf("%+v", m)
				}
			}
			if len(told) != asks.Clients {
				t.Errorf("%d clients told it", len(told))
			}
		})
	}
}
