package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/roles/model"
)

// TestJSONIsAllThereIs holds stdout of --json against the contract: a line per round in order, then the result, and the
// model is where it says, whole, and of the hash that it says.
func TestJSONIsAllThereIs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	o := rhizome(t, small(dir)...)
	if o.Code != 0 || o.Err != "" {
		t.Fatalf("exit code %d, stderr %q", o.Code, o.Err)
	}
	lines := strings.Split(strings.TrimSuffix(o.Out, "\n"), "\n")
	if len(lines) != smallRounds+1 {
		t.Fatalf("%d lines for %d rounds and a result", len(lines), smallRounds)
	}
	for i, line := range lines[:smallRounds] {
		keys(t, line, "event", "time", "round", "accuracy", "loss", "contributions")
		var r roundLine
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Event != "round" || r.Round != i+1 ||
			r.Contributions != 4 {
			t.Fatalf("line %d: %q", i+1, line)
		}
	}
	keys(t, lines[smallRounds], "event", "time", "job", "rounds", "accuracy", "loss", "model", "model_sha256",
		"resumed", "restarts")
	d := o.Result(t)
	if d.Job != "digits" || d.Rounds != smallRounds || d.Model != filepath.Join(dir, "model.onnx") || d.Resumed ||
		d.Restarts != 0 {
		t.Errorf("result %+v", d)
	}
	b, err := os.ReadFile(d.Model)
	if err != nil {
		t.Fatal(err)
	}
	if hash(b) != d.ModelSHA256 {
		t.Errorf("the model has hash %s, the result says %s", hash(b), d.ModelSHA256)
	}
	if _, err := model.Load(b); err != nil {
		t.Errorf("the model cannot be loaded: %v", err)
	}
}

// keys holds the keys of an object and their order.
func keys(t *testing.T, line string, want ...string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(line))
	var got []string
	for i := 0; ; i++ {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		if key, ok := tok.(string); ok && i%2 == 1 {
			got = append(got, key)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("keys %q, want %q", got, want)
	}
}

// TestFinishedRunTrainsNothing runs again on a finished directory: the same result, no round, and the state of the
// nodes is not touched. A model or a result that was damaged meanwhile is made again from it.
func TestFinishedRunTrainsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first := rhizome(t, small(dir)...).Result(t)
	for name, damage := range map[string]func() error{
		"nothing": func() error { return nil },
		"model":   func() error { return os.Truncate(filepath.Join(dir, "model.onnx"), 100) },
		"result":  func() error { return os.WriteFile(filepath.Join(dir, "result.json"), []byte("{}"), 0o600) },
		"gone":    func() error { return os.Remove(filepath.Join(dir, "model.onnx")) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		o := rhizome(t, "run", "--json", "--dir", dir) // the settings are those of the first run
		if strings.Count(o.Out, "\n") != 1 {
			t.Errorf("%s: a finished run wrote %q", name, o.Out)
		}
		again := o.Result(t)
		if !again.Resumed {
			t.Errorf("%s: not resumed", name)
		}
		if again.Resumed = false; again != first {
			t.Errorf("%s: %+v, at first %+v", name, again, first)
		}
		b, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
		if err != nil || hash(b) != first.ModelSHA256 {
			t.Errorf("%s: the model is not the one that was trained (%v)", name, err)
		}
	}
}

// TestChaosChangesNothing drops nodes after every round.
func TestChaosChangesNothing(t *testing.T) {
	want, _ := plainRun(t)
	got := rhizome(t, small(filepath.Join(t.TempDir(), "run"), "--chaos", "1")...).Result(t)
	if got.ModelSHA256 != want.ModelSHA256 {
		t.Errorf("%+v, undisturbed %+v", got, want)
	}
	if got.Restarts < 3 {
		t.Errorf("%d restarts with a node dropped after each of %d rounds", got.Restarts, smallRounds)
	}
}

// TestInterrupt stops a run with Ctrl-C: it ends cleanly with code 130, says how to go on, and does.
func TestInterrupt(t *testing.T) {
	want, took := plainRun(t)
	dir := filepath.Join(t.TempDir(), "run")
	hits := 0
	for i := 0; i < 8 || hits == 0 && i < 80; i++ {
		o, hit := killed(t, took*time.Duration(i%8+1)/12, syscall.SIGINT, small(dir)...)
		if !hit {
			if o.Code == exitOK && hits == 0 { // it was through: this machine has become faster
				dir = filepath.Join(t.TempDir(), "run")
				took /= 2
			}
			continue
		}
		if o.Code != exitInterrupted {
			continue // the signal came before the program could take it
		}
		hits++
		if !strings.Contains(o.Err, "rhizome run --dir "+dir) || strings.Count(o.Err, "\n") != 1 {
			t.Errorf("stderr %q; want one line that says how to go on", o.Err)
		}
		if strings.Contains(o.Out, `"done"`) {
			t.Errorf("an interrupted run wrote a result: %q", o.Out)
		}
	}
	if hits == 0 {
		t.Error("no interrupt hit a run")
	}
	got := rhizome(t, "run", "--json", "--dir", dir).Result(t)
	if got.ModelSHA256 != want.ModelSHA256 || !got.Resumed {
		t.Errorf("%+v, undisturbed %+v", got, want)
	}
}

// TestFreshStartsOver removes what a run left, and only that.
func TestFreshStartsOver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first := rhizome(t, small(dir)...).Result(t)
	for _, name := range []string{"notes.txt", "server/notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := rhizome(t, small(dir, "--fresh")...).Result(t)
	if again.Resumed || again.ModelSHA256 != first.ModelSHA256 {
		t.Errorf("%+v, at first %+v", again, first)
	}
	other := rhizome(t, small(dir, "--fresh", "--seed", "6")...).Result(t)
	if other.ModelSHA256 == first.ModelSHA256 {
		t.Error("another seed gave the same model")
	}
	for _, name := range []string{"notes.txt", "server/notes.txt"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "mine" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// TestText holds what people see in a file: a line per round, a summary, no colours.
func TestText(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	o := rhizome(t, "run", "--dir", dir, "--rounds", "12", "--clients", "3")
	for _, want := range []string{
		"round  1/12  accuracy ", "round 12/12  accuracy ", "digits: 12 rounds", "contributions 36",
		"restarts      none",
		"model         " + filepath.Join(dir, "model.onnx"), "digit \\ seen as    0   1   2", "round 1",
	} {
		if !strings.Contains(o.Out, want) {
			t.Errorf("%q is not in\n%s", want, o.Out)
		}
	}
	if strings.Contains(o.Out, "\x1b") || o.Code != 0 || o.Err != "" {
		t.Errorf("code %d, stderr %q, stdout\n%q", o.Code, o.Err, o.Out)
	}
}
