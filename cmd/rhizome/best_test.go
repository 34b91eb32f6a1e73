package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestTheBestOfAKilledRun: a run that stops early and keeps its best model, killed with SIGKILL and gone on with, or
// killed after its end, or whose best model is lost, comes to the files of one that nobody disturbed.
func TestTheBestOfAKilledRun(t *testing.T) {
	args := func(dir string) []string {
		return []string{"run", "--json", "--dir", dir, "--rounds", "30", "--clients", "3", "--set", "epochs=1", "--set",
			"learning_rate=1.5", "--set", "best=loss", "--set", "stop=loss patience=2"}
	}
	plain, dir := filepath.Join(t.TempDir(), "plain"), filepath.Join(t.TempDir(), "run")
	want := rhizome(t, args(plain)...).Result(t)
	files := func(dir string) (best, model string) {
		for i, name := range []string{"best.onnx", "model.onnx"} {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			*[]*string{&best, &model}[i] = string(b)
		}
		return best, model
	}
	best, model := files(plain)
	if want.Rounds >= 30 || best == model {
		t.Fatalf("after %d rounds the last model is the best: the job has to stop", want.Rounds)
	}
	check := func(how string) {
		t.Helper()
		got := rhizome(t, args(dir)...).Result(t)
		if b, m := files(dir); b != best || m != model || got.Rounds != want.Rounds || got.Loss != want.Loss {
			t.Errorf("%s: other files, or %+v; want %+v", how, got, want)
		}
	}
	for i := range 3 {
		killed(t, time.Duration(20+60*i)*time.Millisecond, syscall.SIGKILL, args(dir)...)
	}
	check("killed")
	if err := os.Remove(filepath.Join(dir, "best.onnx")); err != nil {
		t.Fatal(err)
	}
	check("its best model lost")
}
