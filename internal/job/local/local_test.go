package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs a job in a directory to its end.
func run(t *testing.T, o Options) *job.Result {
	t.Helper()
	res, err := try(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func try(ctx context.Context, o Options) (*job.Result, error) {
	l, err := Open(o)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.Run(ctx)
}

// TestRunTellsEveryRound runs a job, and looks at what it tells and leaves.
func TestRunTellsEveryRound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	var rounds []job.Round
	res := run(t, Options{Dir: dir, Job: jobtest.Short(), OnRound: func(r job.Round) { rounds = append(rounds, r) }})
	if len(rounds) != 6 || len(res.History) != 6 || res.Contributions != 18 || res.Restarts != 0 || res.Resumed ||
		res.Rounds != 6 {
		t.Fatalf("%d rounds, %+v", len(rounds), res)
	}
	for i, r := range rounds {
		if r.Number != i+1 || r.Contributions != 3 ||
			res.History[i] != (job.Point{Round: r.Number, Accuracy: r.Accuracy, Loss: r.Loss}) {
			t.Errorf("round %d: %+v, in the history %+v", i+1, r, res.History[i])
		}
		var all, right int64
		for k, row := range r.Confusion {
			for c, n := range row {
				all += n
				if k == c {
					right += n
				}
			}
		}
		if got := job.Number(float32(right) / float32(all)); all < 350 || got-r.Accuracy > 1e-6 ||
			r.Accuracy-got > 1e-6 {
			t.Errorf("round %d: %d of %d on the diagonal, accuracy %v", i+1, right, all, r.Accuracy)
		}
	}
	file, err := os.ReadFile(res.Model)
	if sum := sha256.Sum256(file); err != nil || hex.EncodeToString(sum[:]) != res.ModelSHA256 {
		t.Errorf("the model is not what the result says (%v)", err)
	}
	names, err := vfs.OS().List(filepath.Join(dir, job.ServerName))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if !directory.OwnsFile(name) {
			t.Errorf("a node made %s, which --fresh would not remove", name)
		}
	}
}

// TestInterruptedRunGoesOn stops a run again and again, each time after two more rounds.
func TestInterruptedRunGoesOn(t *testing.T) {
	want := run(t, Options{Dir: filepath.Join(t.TempDir(), "plain"), Job: jobtest.Short()})
	dir := filepath.Join(t.TempDir(), "run")
	last := 0
	for attempt := 0; ; attempt++ {
		if attempt > 10 {
			t.Fatal("the run does not come to its end")
		}
		ctx, cancel := context.WithCancel(t.Context())
		told := 0
		res, err := try(ctx, Options{Dir: dir, Job: jobtest.Short(), OnRound: func(r job.Round) {
			if last = max(last, r.Number); told == 1 {
				cancel()
			}
			told++
		}})
		cancel()
		if err == nil {
			if res.ModelSHA256 != want.ModelSHA256 || res.Contributions != want.Contributions ||
				len(res.History) != 6 || !res.Resumed {
				t.Errorf("%+v, undisturbed %+v", res, want)
			}
			if res.Restarts != uint64(attempt) {
				t.Errorf("%d restarts, the run was started %d times", res.Restarts, attempt+1)
			}
			return
		}
		if !errors.Is(err, job.ErrInterrupted) {
			t.Fatal(err)
		}
	}
}

// TestLostRunFile goes on when run.json is damaged or gone, if the nodes are those of the job that is asked for, and
// else refuses and leaves everything as it was.
func TestLostRunFile(t *testing.T) {
	for name, damage := range map[string]func(string) error{
		"cut":   func(p string) error { return os.Truncate(p, 40) },
		"empty": func(p string) error { return os.Truncate(p, 0) },
		"gone":  os.Remove,
		"altered": func(p string) error {
			return os.WriteFile(p, []byte(`{"format":1,"sha256":"","content":{}}`),
				0o600)
		},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		want := run(t, Options{Dir: dir, Job: jobtest.Short()})
		if err := damage(filepath.Join(dir, rundir.RunFile)); err != nil {
			t.Fatal(err)
		}
		other := *jobtest.Short()
		other.Rounds = 7
		var refused *job.StateError
		if _, err := Open(Options{Dir: dir, Job: &other}); !errors.As(err, &refused) {
			t.Errorf("%s: another job went on with these nodes: %v", name, err)
		}
		other = *jobtest.Short()
		other.Seed++
		if _, err := Open(Options{Dir: dir, Job: &other}); !errors.As(err, &refused) {
			t.Errorf("%s: another seed went on with these nodes: %v", name, err)
		}
		got := run(t, Options{Dir: dir, Job: jobtest.Short()})
		if got.ModelSHA256 != want.ModelSHA256 || !got.Kept {
			t.Errorf("%s: %+v, at first %+v", name, got, want)
		}
	}
}

// TestLostNode refuses to go on without the state of a node that others remember.
func TestLostNode(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run(t, Options{Dir: dir, Job: jobtest.Short()})
	if err := os.RemoveAll(filepath.Join(dir, job.ClientName(1))); err != nil {
		t.Fatal(err)
	}
	var refused *job.StateError
	if _, err := Open(Options{Dir: dir}); !errors.As(err, &refused) || !strings.Contains(err.Error(),
		job.ClientName(1)) {
		t.Errorf("%v", err)
	}
}

// TestHalfCleared starts anew where --fresh was interrupted: what is left is never taken for a run.
func TestHalfCleared(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	want := run(t, Options{Dir: dir, Job: jobtest.Short()})
	if err := os.WriteFile(filepath.Join(dir, rundir.ClearFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, job.ServerName)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, rundir.RunFile), 10); err != nil {
		t.Fatal(err)
	}
	if got := run(t, Options{Dir: dir, Job: jobtest.Short()}); got.ModelSHA256 != want.ModelSHA256 || got.Resumed {
		t.Errorf("%+v, at first %+v", got, want)
	}
	if got := run(t, Options{Dir: dir, Job: jobtest.Short()}); !got.Kept {
		t.Errorf("cleared twice: %+v", got)
	}
}

// TestReadOnlyDisk names the path that cannot be written, and changes nothing.
func TestReadOnlyDisk(t *testing.T) {
	mem := vfs.NewMem()
	mem.SetReadOnly(true)
	var readOnly *vfs.ReadOnlyError
	if _, err := Open(Options{Dir: "run", FS: mem, Job: jobtest.Short()}); !errors.As(err, &readOnly) {
		t.Errorf("an empty read-only disk: %v", err)
	}
	mem.SetReadOnly(false)
	run(t, Options{Dir: "run", FS: mem, Job: jobtest.Short()})
	mem.SetReadOnly(true)
	if _, err := try(t.Context(), Options{Dir: "run", FS: mem}); !errors.As(err, &readOnly) {
		t.Errorf("a read-only disk with a run: %v", err)
	}
}

// TestEveryFailureOfTheDisk lets the operations of the disk fail, one in each run: the run ends with an error or a
// result, never hangs, and goes on afterwards to the same model.
func TestEveryFailureOfTheDisk(t *testing.T) {
	plain := vfs.NewMem()
	want := run(t, Options{Dir: "run", FS: plain, Job: jobtest.Tiny()})
	ops := plain.Ops()
	failed := 0
	for k := 1; k < ops; k += max(1, ops/40*share()) {
		mem := vfs.NewMem()
		mem.FailAt(k, errors.New("a worn disk"))
		if _, err := try(t.Context(), Options{Dir: "run", FS: mem, Job: jobtest.Tiny()}); err != nil {
			failed++
		}
		// How many operations a run takes depends on timing: a failure that it did not reach must not wait for the next
		// run.
		if got := run(t, Options{Dir: "run", FS: mem.Kill(),
			Job: jobtest.Tiny()}); got.ModelSHA256 != want.ModelSHA256 {
			t.Fatalf("after a failure of operation %d of %d: %+v, undisturbed %+v", k, ops, got, want)
		}
	}
	if failed == 0 {
		t.Error("no failure was seen")
	}
}

// share is which part of the points a test tries: all, or in the race run every fifth.
func share() int {
	if testing.Short() {
		return 5
	}
	return 1
}

// TestPowerFailures cuts the power at operations of the disk all over a run, loses what was not synced, in part or
// whole, and lets the run go on: the model is that of an undisturbed run. Every third run is started over first.
func TestPowerFailures(t *testing.T) {
	plain := vfs.NewMem()
	want := run(t, Options{Dir: "run", FS: plain, Job: jobtest.Tiny()})
	rng := rand.New(rand.NewPCG(7, 7))
	ops := plain.Ops()
	var points []int
	for k := range 20 {
		points = append(points, 1+k*3) // while the directory is made
	}
	for k := 0; k < ops; k += ops / 30 {
		points = append(points, 1+k+rng.IntN(ops/30))
	}
	for i, k := range points {
		if i%share() != 0 {
			continue
		}
		mem := vfs.NewMem()
		if i%3 == 0 {
			run(t, Options{Dir: "run", FS: mem, Job: jobtest.Tiny()})
			k += mem.Ops()
		}
		mem.CrashAt(k)
		if _, err := try(t.Context(), Options{Dir: "run", FS: mem, Job: jobtest.Tiny(), Fresh: i%3 == 0}); err == nil &&
			k < ops/2 {
			t.Errorf("the power failed at operation %d and nobody saw it", k)
		}
		disk := mem.Crash(rng)
		if got := run(t, Options{Dir: "run", FS: disk, Job: jobtest.Tiny()}); got.ModelSHA256 != want.ModelSHA256 {
			t.Fatalf("after a power failure at operation %d of %d: %+v, undisturbed %+v", k, ops, got, want)
		}
	}
}

// TestFailureEndsTheRun trains until the numbers leave every range: the server refuses such updates, and the run says
// so, the second time too, instead of waiting for ever.
func TestFailureEndsTheRun(t *testing.T) {
	c := jobtest.Short()
	c.LearningRate, c.Momentum, c.Batch, c.Epochs, c.Rounds = 10, 0.999, 1, 5, 40
	dir, first := filepath.Join(t.TempDir(), "run"), ""
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		_, err := try(ctx, Options{Dir: dir, Job: c})
		cancel()
		var failed *job.FailedError
		if !errors.As(err, &failed) || strings.Contains(err.Error(), "\n") {
			t.Fatalf("%v", err)
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first || len(failed.Clients) == 0 || !strings.HasPrefix(failed.Clients[0], "client-") ||
			failed.Way == "" ||
			!strings.Contains(first, "training diverged") {
			t.Fatalf("%q of %q, after %q", err, failed.Clients, first)
		}
	}
}

// TestCut holds a disk that was cut off: nothing gets through any more, and what was written stays.
func TestCut(t *testing.T) {
	mem := vfs.NewMem()
	disk := newCut(mem)
	f, err := disk.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("before"), 0); err != nil {
		t.Fatal(err)
	}
	lock, err := disk.Lock("lock")
	if err != nil {
		t.Fatal(err)
	}
	disk.cutOff()
	for name, op := range map[string]func() error{
		"write":       func() error { _, err := f.WriteAt([]byte("after"), 0); return err },
		"read":        func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		"sync":        f.Sync,
		"datasync":    f.Datasync,
		"preallocate": func() error { return f.Preallocate(100) },
		"truncate":    func() error { return f.Truncate(0) },
		"create":      func() error { _, err := disk.Create("b"); return err },
		"open":        func() error { _, err := disk.Open("a"); return err },
		"openfile":    func() error { _, err := disk.OpenFile("a"); return err },
		"rename":      func() error { return disk.Rename("a", "b") },
		"remove":      func() error { return disk.Remove("a") },
		"mkdir":       func() error { return disk.MkdirAll("d") },
		"list":        func() error { _, err := disk.List("."); return err },
		"stat":        func() error { _, err := disk.Stat("a"); return err },
		"syncdir":     func() error { return disk.SyncDir(".") },
		"lock":        func() error { _, err := disk.Lock("other"); return err },
	} {
		if err := op(); !errors.Is(err, errCut) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := errors.Join(f.Close(), lock.Close()); err != nil {
		t.Errorf("giving back: %v", err)
	}
	if b, err := vfs.ReadFile(mem, "a", 100); err != nil || !bytes.Equal(b, []byte("before")) {
		t.Errorf("%q, %v", b, err)
	}
}
