package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
)

// linesIn reads the metrics of a run, which must be whole lines.
func linesIn(t *testing.T, dir string) (out []rundir.RoundMetrics) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, rundir.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var r rundir.RoundMetrics
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, r)
	}
	return out
}

// TestARunWritesItsMetrics: a line for each round, with what the result says, and each client's weight; and at the end
// the summary. Nodes are dropped meanwhile, which no line shows.
func TestARunWritesItsMetrics(t *testing.T) {
	for _, chaos := range []float64{0, 1} {
		dir := filepath.Join(t.TempDir(), "run")
		res := run(t, Options{Dir: dir, Job: jobtest.Short(), Chaos: chaos})
		lines := linesIn(t, dir)
		if len(lines) != 6 {
			t.Fatalf("%d lines", len(lines))
		}
		for i, l := range lines {
			p := res.History[i]
			if l.Round != i+1 || l.Contributions != 3 || len(l.Metrics) != 2 || l.Metrics[0].Name != "accuracy" ||
				l.Metrics[0].Value != p.Accuracy || l.Metrics[1].Name != "loss" || l.Metrics[1].Value != p.Loss ||
				len(l.LeftOut) > 0 {
				t.Errorf("line %d: %+v, want %+v", i, l, p)
			}
			if len(l.Clients) != 3 && chaos == 0 || len(l.Clients) < 3 && !l.Partial {
				t.Errorf("line %d has %d clients, and partial is %v", i, len(l.Clients), l.Partial)
			}
			for _, c := range l.Clients {
				if c.Weight != float64(c.Samples) || c.Samples == 0 || c.Norm <= 0 {
					t.Errorf("line %d: %+v", i, c)
				}
			}
		}
		b, err := os.ReadFile(filepath.Join(dir, rundir.SummaryFile))
		var s rundir.Summary
		if err != nil || json.Unmarshal(b, &s) != nil || s.Rounds != 6 || len(s.Metrics) != 2 ||
			s.Metrics[0].Last != (rundir.RoundValue{Round: 6, Value: res.Accuracy}) {
			t.Errorf("%s: %v", b, err)
		}
	}
}

// TestMetricsThatWereLost: wherever the file ends after a crash, the run that comes to its end has each round once.
func TestMetricsThatWereLost(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run(t, Options{Dir: dir, Job: jobtest.Short()})
	path := filepath.Join(dir, rundir.MetricsFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(whole); cut += 1 + len(whole)/9 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, rundir.ResultFile)); err != nil {
			t.Fatal(err)
		}
		run(t, Options{Dir: dir, Job: jobtest.Short()})
		var rounds []int
		for _, l := range linesIn(t, dir) {
			rounds = append(rounds, l.Round)
		}
		if fmt.Sprint(rounds) != "[1 2 3 4 5 6]" {
			t.Errorf("cut at %d of %d: rounds %v", cut, len(whole), rounds)
		}
	}
}

// TestMetricsSayWhoIsLeftOut: of five clients three are waited for, and whoever is not one of them is named.
func TestMetricsSayWhoIsLeftOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run(t, Options{Dir: dir, Job: jobtest.Short(), Set: map[string]string{"clients": "5", "cohort": "3", "over": "2",
		"min_available": "5"}})
	out := 0
	for _, l := range linesIn(t, dir) {
		if len(l.Clients)+len(l.LeftOut) > 5 || len(l.Clients) != l.Contributions && !l.Partial {
			t.Errorf("%+v", l)
		}
		out += len(l.LeftOut)
		for _, x := range l.LeftOut {
			if x.Name == "" || x.Peer == "" || x.Why != "late" && x.Why != "silent" {
				t.Errorf("%+v", x)
			}
		}
	}
	if out == 0 {
		t.Error("nobody is left out of any round")
	}
}

// TestVersionsTellTheirAges: of an asynchronous job each line says how old the updates were, whose they are and what
// each of these weighs, with the figures of then, also where nodes are dropped meanwhile.
func TestVersionsTellTheirAges(t *testing.T) {
	dir, c := filepath.Join(t.TempDir(), "run"), jobtest.Short()
	c.Strategy = "fedbuff buffer=4"
	run(t, Options{Dir: dir, Job: c, Chaos: 0.5})
	lines := linesIn(t, dir)
	if len(lines) != c.Rounds {
		t.Fatalf("%d lines", len(lines))
	}
	for i, l := range lines {
		if l.Partial && l.Staleness == nil {
			continue // it was over long before anybody wrote it down
		}
		if s := l.Staleness; s == nil || s.Min < 0 || s.Mean < float64(s.Min) || s.Mean > float64(s.Max) ||
			s.Max > int64(i) || l.Contributions != 4 || len(l.Clients) == 0 || l.Clients[0].Weight <= 0 {
			t.Errorf("line %d: %+v, %+v", i, l, l.Staleness)
		}
		for _, c := range l.Clients { // as it was then, whatever it gave since
			if c.Round != l.Round || c.Norm <= 0 || c.Contributions > 4*int64(l.Round) {
				t.Errorf("line %d: %+v", i, c)
			}
		}
	}
}
