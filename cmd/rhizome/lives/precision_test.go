package lives_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestKilledInSixteenBits is TestKilledRunsGiveTheSameModel of a job that stores in 16 bits, in chunks, with nodes in
// one process and in processes of their own.
func TestKilledInSixteenBits(t *testing.T) {
	flags := []string{"--set", "precision=bf16", "--set", "chunk=4", "--set", "strategy=fedavgm momentum=0.5",
		"--rounds", "8"}
	began := time.Now()
	want := rhizome(t, small(filepath.Join(t.TempDir(), "run"), flags...)...).Result(t)
	took := time.Since(began)
	rng := random(t)
	for _, more := range [][]string{flags, append(flags[:len(flags):len(flags)], "--processes")} {
		dir, kills := filepath.Join(t.TempDir(), "run"), 0
		for range 6 {
			after := time.Duration(rng.Int64N(int64(took)))
			if _, hit := killed(t, after, syscall.SIGKILL, small(dir, more...)...); hit {
				kills++
			}
		}
		got := rhizome(t, small(dir, more...)...).Result(t)
		if got.ModelSHA256 != want.ModelSHA256 {
			t.Errorf("%v: %+v after %d kills, undisturbed %+v", more, got, kills, want)
		}
		t.Logf("%d kills", kills)
	}
}
