package local

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
)

// TestPersonalModelsOfARun: a run whose clients keep parameters for themselves leaves the model of each in its folder,
// and says how good it is; so it does where it was killed before all of that was written.
func TestPersonalModelsOfARun(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "run"), Job: jobtest.Short(),
		Set: map[string]string{"strategy": "fedper"}}
	res := run(t, o)
	var models map[string]string
	read := func() map[string]string {
		out := map[string]string{}
		for _, s := range res.Personal {
			b, err := os.ReadFile(filepath.Join(o.Dir, s.Peer, rundir.ModelFile))
			if err != nil {
				t.Fatal(err)
			}
			out[s.Peer] = string(b)
		}
		return out
	}
	models = read()
	var all, held int64
	different := map[string]bool{}
	for _, s := range res.Personal {
		all += s.Samples
		different[models[s.Peer]] = true
	}
	for _, row := range res.Confusion {
		for _, n := range row {
			held += n
		}
	}
	if len(res.Personal) != 3 || len(different) != 3 || all != held {
		t.Fatalf("%d scores, %d models, %d of %d held-out samples", len(res.Personal), len(different), all, held)
	}
	want := fmt.Sprint(res.Personal)
	edged := run(t, Options{Dir: filepath.Join(t.TempDir(), "edged"), Job: jobtest.Short(),
		Set: map[string]string{"strategy": "fedper", "edges": "2"}})
	if len(edged.Personal) != 3 || edged.ModelSHA256 != res.ModelSHA256 {
		t.Errorf("with edges %d scores and model %s, want %s", len(edged.Personal), edged.ModelSHA256, res.ModelSHA256)
	}
	again := Options{Dir: o.Dir}
	if res = run(t, again); !res.Kept || fmt.Sprint(res.Personal) != want {
		t.Errorf("of a run that is finished: %v; want %v", res.Personal, want)
	}
	// It was killed before the scores were there, and between two models.
	unscored := *res
	unscored.Personal = nil
	l, err := Open(again)
	if err != nil {
		t.Fatal(err)
	}
	if err := rundir.WriteResult(l.fs, o.Dir, &unscored); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(o.Dir, job.ClientName(1), rundir.ModelFile)); err != nil {
		t.Fatal(err)
	}
	if res = run(t, again); fmt.Sprint(res.Personal) != want || fmt.Sprint(read()) != fmt.Sprint(models) {
		t.Errorf("behind a kill: %v; want %v, and the same models", res.Personal, want)
	}
	again.Fresh = true
	again.Job, again.Set = jobtest.Short(), map[string]string{"rounds": "1"}
	if res = run(t, again); res.Personal != nil {
		t.Errorf("a job of one model has scores of others: %v", res.Personal)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, job.ClientName(1), rundir.ModelFile)); !os.IsNotExist(err) {
		t.Errorf("the model of an earlier run is still there: %v", err)
	}
}
