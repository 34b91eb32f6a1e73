package lives_test

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

// TestKilledRunsGiveTheSameModel kills the command with SIGKILL at random points, at least 24 times over several runs,
// from the first milliseconds on, in which the directory is made: the model is always that of an undisturbed run.
func TestKilledRunsGiveTheSameModel(t *testing.T) {
	want, took := plainRun(t)
	rng := random(t)
	kills := 0
	for run := 0; kills < 24; run++ {
		dir := filepath.Join(t.TempDir(), "run")
		survived := 0
		for range 2 + rng.IntN(8) {
			after := time.Duration(rng.Int64N(int64(took)))
			if rng.IntN(3) == 0 {
				after = time.Duration(rng.Int64N(int64(60 * time.Millisecond)))
			}
			if _, hit := killed(t, after, syscall.SIGKILL, small(dir)...); !hit {
				break
			}
			survived++
		}
		kills += survived
		got := rhizome(t, small(dir)...).Result(t)
		if got.ModelSHA256 != want.ModelSHA256 || got.Accuracy != want.Accuracy || got.Rounds != want.Rounds {
			t.Fatalf("run %d after %d kills: %+v, undisturbed %+v", run, survived, got, want)
		}
		if n := commandtest.RoundsIn(t, dir); n != want.Rounds {
			t.Errorf("run %d after %d kills has metrics of %d rounds, want each of %d once", run, survived, n, want.Rounds)
		}
		if got.Restarts > survived {
			t.Errorf("run %d: %d restarts after %d kills", run, got.Restarts, survived)
		}
	}
	t.Logf("%d kills", kills)
}

// newest returns the file below dir that was changed last.
func newest(t *testing.T, dir string) (path string, size int64) {
	t.Helper()
	var at time.Time
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && !info.ModTime().Before(at) && info.Size() > 0 {
			path, size, at = p, info.Size(), info.ModTime()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return path, size
}

// TestTruncatedNewestFile kills the command, cuts off a random part of the newest file below its directory, whatever
// file that is, and lets it go on.
func TestTruncatedNewestFile(t *testing.T) {
	want, took := plainRun(t)
	rng := random(t)
	for run := range 6 {
		dir := filepath.Join(t.TempDir(), "run")
		var cut []string
		for range 3 {
			after := time.Duration(rng.Int64N(int64(took + took/4)))
			killed(t, after, syscall.SIGKILL, small(dir)...)
			if path := truncate(t, rng, dir); path != "" {
				cut = append(cut, path)
			}
		}
		if got := rhizome(t, small(dir)...).Result(t); got.ModelSHA256 != want.ModelSHA256 {
			t.Fatalf("run %d with %q cut short: %+v, undisturbed %+v", run, cut, got, want)
		}
	}
}

func truncate(t *testing.T, rng *rand.Rand, dir string) string {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		return "" // killed before anything was made
	}
	path, size := newest(t, dir)
	if path == "" {
		return ""
	}
	if err := os.Truncate(path, rng.Int64N(size)); err != nil {
		t.Fatal(err)
	}
	return path
}
