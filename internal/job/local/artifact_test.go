package local

import (
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// begunElsewhere makes a directory of the job as another release would have begun it: its program is not the one that
// this compiler makes of the settings. Here it is that of another learning rate.
func begunElsewhere(t *testing.T, dir string) (want *job.Result, art *compile.Artifact) {
	t.Helper()
	other := *jobtest.Short()
	other.LearningRate = 0.07
	art, err := other.Compile()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := rundir.Record{State: rundir.StateNew, Job: jobtest.Short().Settings(),
		Artifact: hex.EncodeToString(art.Digest[:])}
	keepFirst(r.Job)
	if err := journal.WriteSealed(vfs.OS(), filepath.Join(dir, rundir.RunFile), r); err != nil {
		t.Fatal(err)
	}
	if err := rundir.KeepArtifact(vfs.OS(), dir, art); err != nil {
		t.Fatal(err)
	}
	return run(t, Options{Dir: filepath.Join(t.TempDir(), "want"), Job: &other}), art
}

// keepFirst leaves only the settings that the first release knew.
func keepFirst(set map[string]string) {
	first := []string{"name", "data", "rounds", "clients", "seed", "alpha", "hidden", "epochs", "batch",
		"learning_rate", "momentum",
		"cohort", "over", "quorum", "deadline", "heartbeat"}
	maps.DeleteFunc(set, func(key, _ string) bool { return !slices.Contains(first, key) })
}

// TestStoredProgramRuns: a run goes on with the program that is stored in its directory, not with what this compiler
// makes of its settings; so do those who look at it and fork it.
func TestStoredProgramRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	want, art := begunElsewhere(t, dir)
	got := run(t, Options{Dir: dir, Job: jobtest.Short(), Keep: 100})
	if got.ModelSHA256 != want.ModelSHA256 || got.Artifact != hex.EncodeToString(art.Digest[:]) {
		t.Fatalf("%+v, want the model of %+v", got, want)
	}
	states, err := archive.Inspect(vfs.OS(), dir)
	if err != nil || len(states) != 4 || states[0].Err != nil {
		t.Fatalf("looked at: %v, %v", states, err)
	}
	f, err := archive.Fork(archive.ForkOptions{Dir: dir, At: 3})
	if err != nil {
		t.Fatal(err)
	}
	if fork := run(t, Options{Dir: f.Dir}); fork.ModelSHA256 != want.ModelSHA256 {
		t.Errorf("its fork: %+v", fork)
	}
}

// TestLostProgram: a program that is lost or damaged is made again where this release makes the same one; else the run
// is refused, with the file that is missing, and nothing is changed.
func TestLostProgram(t *testing.T) {
	for name, damage := range map[string]func(string) error{
		"gone": os.Remove, "cut": func(p string) error { return os.Truncate(p, 40) },
		"another": func(p string) error {
			art, err := federated.Default().Compile()
			if err == nil {
				err = rundir.KeepArtifact(vfs.OS(), filepath.Dir(p), art)
			}
			return err
		},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		want := run(t, Options{Dir: dir, Job: jobtest.Tiny()})
		path := filepath.Join(dir, rundir.ArtifactFile)
		if err := damage(path); err != nil {
			t.Fatal(err)
		}
		if got := run(t, Options{Dir: dir, Job: jobtest.Tiny()}); got.ModelSHA256 != want.ModelSHA256 {
			t.Errorf("%s: %+v, at first %+v", name, got, want)
		}
		if _, _, err := rundir.ReadArtifact(vfs.OS(), path, want.Artifact); err != nil {
			t.Errorf("%s: not made again: %v", name, err)
		}

		dir = filepath.Join(t.TempDir(), "elsewhere")
		begunElsewhere(t, dir)
		if err := damage(filepath.Join(dir, rundir.ArtifactFile)); err != nil {
			t.Fatal(err)
		}
		before := jobtest.Content(t, dir)
		_, err := Open(Options{Dir: dir, Job: jobtest.Short()})
		var refused *job.StateError
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, rundir.ArtifactFile) ||
			!strings.Contains(refused.Reason, "another release") {
			t.Errorf("%s: %v", name, err)
		}
		after := jobtest.Content(t, dir)
		delete(after, "lock")
		if !maps.Equal(before, after) {
			t.Errorf("%s: a refused start changed the directory", name)
		}
	}
}

// TestClientsBeyondALocalRun: a number of clients that a local run cannot have is refused wherever it comes from, and a
// directory that an earlier release filled with more is seen whole, cleared whole and migrated whole.
func TestClientsBeyondALocalRun(t *testing.T) {
	cfg := *jobtest.Tiny()
	cfg.Data, cfg.Batch = job.DataSynthetic, 8
	more := cfg
	more.Clients = 70
	dir := filepath.Join(t.TempDir(), "run")
	for name, o := range map[string]Options{"in the file": {Dir: dir, Job: &more},
		"beside it": {Dir: dir, Job: &cfg, Set: map[string]string{"clients": "70"}}} {
		var refused *job.ConfigError
		if _, err := Open(o); !errors.As(err, &refused) || refused.Key != "clients" || !strings.Contains(refused.Want,
			"1 to 64 in a local run") {
			t.Errorf("%s: %v", name, err)
		}
	}
	run(t, Options{Dir: dir, Job: &cfg})
	for _, name := range []string{"client-64", "client-101"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(dir, "client-01"))); err != nil {
			t.Fatal(err)
		}
	}
	if f, err := rundir.Survey(vfs.OS(), dir); err != nil || f.Nodes != 5 {
		t.Errorf("%d nodes are seen, %v", f.Nodes, err)
	}
	if m, err := archive.Migrate(vfs.OS(), dir); err != nil || len(m) != 6 {
		t.Errorf("migrated %v, %v", m, err)
	}
	l, err := Open(Options{Dir: dir, Job: &cfg, Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for _, name := range []string{"server", "client-01", "client-64", "client-101"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left behind: %v", name, err)
		}
	}
}

// TestRunsOfTheFirstRelease: a run that keeps no program goes on with the one that the first release made, to the model
// that it made then, whose products were rounded before they were added; the digest is one that its binary told.
func TestRunsOfTheFirstRelease(t *testing.T) {
	told := federated.Default()
	told.Rounds = 400
	art, err := told.CompileFirst()
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(art.Digest[:]); got[:12] != "834f9db81eff" {
		t.Errorf("400 rounds of digits were the program 834f9db81eff, and are %.12s", got)
	}
	chunks := federated.Default()
	chunks.Chunk = 1
	if _, err := chunks.CompileFirst(); err == nil || !strings.Contains(err.Error(), "the release that began it") {
		t.Errorf("a run whose parameters travel by a program that is gone: %v", err)
	}
	if art, err = jobtest.Tiny().CompileFirst(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := rundir.Record{State: rundir.StateNew, Job: jobtest.Tiny().Settings(),
		Artifact: hex.EncodeToString(art.Digest[:])}
	keepFirst(r.Job)
	if err := journal.WriteSealed(vfs.OS(), filepath.Join(dir, rundir.RunFile), r); err != nil {
		t.Fatal(err)
	}
	const then = "f67660c3cd44fa94b4987872ea2510635a0adbb272ee98faf645826cb06f1d62"
	got := run(t, Options{Dir: dir, Job: jobtest.Tiny()})
	if got.ModelSHA256 != then || got.Artifact != r.Artifact {
		t.Errorf("%+v, then the model %s", got, then)
	}
}
