package main

import (
	"encoding/json"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/bench"
)

// TestBenchLearnWantsPyTorch: where there is none, one line says how to get it; and what cannot be is refused first.
func TestBenchLearnWantsPyTorch(t *testing.T) {
	none := filepath.Join(t.TempDir(), "python")
	for args, want := range map[string]string{
		"":                      "pip install 'torch==2.15.*' numpy; then: rhizome bench learn --python ",
		"--tasks nothing":       `there is no task "nothing"; want one of digits, `,
		"--strategies fedavgs":  "fedavgs",
		"--strategies fedasync": "there is no loop of PyTorch for fedasync",
		"--seeds 0":             "1 to 1,000 seeds",
	} {
		o := inProcess(append(strings.Fields("bench learn "+args), "--python", none)...)
		if o.Code != exitBad || !strings.Contains(o.Err, want) || strings.Count(o.Err, "\n") != 1 || o.Out != "" {
			t.Errorf("%s: exit code %d, %q %q; want %q", args, o.Code, o.Out, o.Err, want)
		}
	}
}

// standIn returns a program that is called as Python is, and says what is given: of itself, and then of its loops. It
// fails where it has nothing to say.
func standIn(t *testing.T, about, loops string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("THE STAND-IN FOR PYTHON IS NOT TRIED HERE: it is a script of a shell, which Windows has not")
	}
	t.Setenv("STAND_IN_ABOUT", about)
	t.Setenv("STAND_IN_LOOPS", loops)
	path, err := filepath.Abs("testdata/python.sh")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBenchLearnTellsWhatIsMissing: a Python without PyTorch is told in its own words, without the way there.
func TestBenchLearnTellsWhatIsMissing(t *testing.T) {
	if o := inProcess("bench", "learn", "--python", standIn(t, "", "")); o.Code != exitBad ||
		!strings.Contains(o.Err, "/python.sh: ModuleNotFoundError: no torch. PyTorch is wanted") ||
		strings.Contains(o.Err, "Traceback") || o.Out != "" {
		t.Errorf("exit code %d, %q %q", o.Code, o.Out, o.Err)
	}
}

// TestBenchLearn holds jobs against a stand-in for PyTorch that always says the same, and one that fails.
func TestBenchLearn(t *testing.T) {
	args := []string{"bench", "learn", "--tasks", "digits", "--strategies", "fedavg", "--seeds", "1", "--rounds", "1",
		"--json", "--python"}
	o := rhizome(t, append(args, standIn(t, "PyTorch 0", `{"strategy":"fedavg","seed":1,"accuracy":50}`))...)
	if o.Code != 0 || strings.Count(o.Out, "\n") != 2 {
		t.Fatalf("%+v", o)
	}
	for line := range strings.Lines(o.Out) {
		var l bench.Learned
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Bench != "learn" || l.Task != "digits" ||
			l.Strategy != "fedavg" || l.Seeds != 1 || *l.PyTorch != 50 || *l.Rhizome <= 0 || *l.Rhizome > 100 ||
			*l.Difference != *l.Rhizome-50 || l.Error != nil || l.Aim != bench.LearnAim || len(l.Each) != 1 {
			t.Errorf("%s: %v", line, err)
		}
	}
	if o := rhizome(t, append(args, standIn(t, "PyTorch 0", ""))...); o.Code != exitInternal ||
		!strings.Contains(o.Err, "PyTorch gave nothing for fedavg with seed 1") || o.Out != "" {
		t.Errorf("%+v", o)
	}
}

// TestLearnedLine: a row for people.
func TestLearnedLine(t *testing.T) {
	x := func(v float64) *float64 { return &v }
	for want, l := range map[string]bench.Learned{
		"| digits | alike | fedavg | 96.2 % | 96.0 % | +0.2 ± 0.1 |": {Rhizome: x(96.2), PyTorch: x(96),
			Difference: x(0.2), Error: x(0.1)},
		"| digits | alike | fedavg | 96.0 % | 97.0 % | -1.0, beyond 0.5 |": {Rhizome: x(96), PyTorch: x(97),
			Difference: x(-1)},
		"| digits | alike | fedavg | the job fails | 9.0 % |  |": {PyTorch: x(9)},
	} {
		l.Task, l.Data, l.Strategy, l.Aim = "digits", "alike", "fedavg", bench.LearnAim
		if got := learnedLine(l); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
