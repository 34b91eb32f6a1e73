package rundir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
)

// roundsIn reads the rounds of a file of metrics, which must be whole lines.
func roundsIn(t *testing.T, fsys vfs.FS, name string) (out []int) {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var r RoundMetrics
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		out = append(out, r.Round)
	}
	return out
}

func begun(t *testing.T, fsys vfs.FS) *Metrics {
	t.Helper()
	m, err := OpenMetrics(fsys, ".")
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func add(t *testing.T, m *Metrics, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		if err := m.Add(RoundMetrics{Round: n}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRoundMetricsAfterKills: whatever the end of the file is after a crash, each round is there once and in order, and
// the file is bounded, with one that came before it.
func TestRoundMetricsAfterKills(t *testing.T) {
	whole := vfs.NewMem()
	m := begun(t, whole)
	add(t, m, 1, 3)
	m.Close()
	b, err := vfs.ReadFile(whole, MetricsFile, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(b) + 1 {
		fsys := vfs.NewMem()
		f, err := fsys.Create(MetricsFile)
		if err == nil {
			_, err = f.WriteAt(b[:cut], 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		m := begun(t, fsys)
		if n := m.Last().Round; n != bytes.Count(b[:cut], []byte("\n")) {
			t.Fatalf("cut at %d of %d: the last round is %d", cut, len(b), n)
		}
		add(t, m, m.Last().Round, 5)
		add(t, m, 4, 7)
		m.Close()
		if got := roundsIn(t, fsys, MetricsFile); fmt.Sprint(got) != "[1 2 3 4 5 6 7]" {
			t.Fatalf("cut at %d of %d: rounds %v", cut, len(b), got)
		}
	}

	m = begun(t, whole)
	m.limit = 300
	add(t, m, 4, 30)
	m.Close()
	now, before := roundsIn(t, whole, MetricsFile), roundsIn(t, whole, metricsBefore)
	if now[len(now)-1] != 30 || before[len(before)-1] != now[0]-1 {
		t.Errorf("rounds %v, and before them %v", now, before)
	}
	if size, err := whole.Stat(MetricsFile); err != nil || size > 300 {
		t.Errorf("%d bytes, %v", size, err)
	}
	whole.Remove(MetricsFile)
	if m = begun(t, whole); m.Last().Round != now[0]-1 {
		t.Errorf("where only the older file is left, the last round is %d, want %d", m.Last().Round, now[0]-1)
	}
}

// TestALongLineIsFound: a line as long as one can be is found again, and not taken for the rest of a cut one.
func TestALongLineIsFound(t *testing.T) {
	r := observe.Round{Point: job.Point{Round: 2, Loss: 1}}
	told := job.Round{Number: 2, Loss: 1}
	for i := range 2000 {
		peer := fmt.Sprintf("12D3KooWBFbyBLSfNfsf7k86ze7mMcaJcd9z4xhMsRdCSC%06d", i)
		c := observe.Weighed{Weight: 1}
		c.LossBefore, c.LossAfter, c.Norm = new(job.Number), new(job.Number), job.Number(math.Pi)
		r.Clients = append(r.Clients, c)
		told.Clients = append(told.Clients, job.Score{Peer: peer, Samples: 3})
		l := rounds.Left{Why: rounds.LeftRefused, Code: "diverged", Reason: fmt.Sprintf("%0240d", i)}
		r.Left = append(r.Left, l)
	}
	line := MetricsOf(r, &told, func(p string) string { return p })
	if len(line.Clients) != 1024 || len(line.LeftOut) != 1024 || line.More != 976 || len(line.Metrics) != 4 ||
		len(line.Metrics[0].Clients) != 1024 {
		t.Fatalf("%d clients, %d left out and %d more, %d metrics", len(line.Clients), len(line.LeftOut), line.More,
			len(line.Metrics))
	}
	fsys := vfs.NewMem()
	m := begun(t, fsys)
	add(t, m, 1, 1)
	if err := m.Add(line); err != nil {
		t.Fatal(err)
	}
	m.Close()
	if m = begun(t, fsys); m.Last().Round != 2 {
		t.Errorf("the last round is %d after a line of %d bytes", m.Last().Round, m.size)
	}
}

// TestSummaryOfMetrics: of each metric the last and the best, of losses the least; rounds without it, what is no number
// and lines of earlier releases are borne.
func TestSummaryOfMetrics(t *testing.T) {
	fsys := vfs.NewMem()
	f, err := fsys.Create(MetricsFile)
	if err == nil {
		_, err = f.WriteAt([]byte(`{"round":1,"accuracy":0.5,"loss":null}
{"round":2,"metrics":[{"name":"loss","value":0.25},{"name":"accuracy","value":0.75}]}
{"round":3,"metrics":[]}
{"round":4,"metrics":[{"name":"accuracy","value":0.625},{"name":"loss","value":0.5}]}
{"round":5,"metr`), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := writeSummary(fsys, ".", Summary{Job: "x", Rounds: 5, Stopped: "enough"}); err != nil {
		t.Fatal(err)
	}
	b, err := vfs.ReadFile(fsys, SummaryFile, 1<<20)
	var s Summary
	if err != nil || json.Unmarshal(b, &s) != nil || s.Stopped != "enough" || s.From != 0 || len(s.Metrics) != 2 {
		t.Fatalf("%s: %v", b, err)
	}
	want := []SummaryMetric{{"accuracy", RoundValue{4, 0.625}, RoundValue{2, 0.75}},
		{"loss", RoundValue{4, 0.5}, RoundValue{2, 0.25}}}
	if s.Metrics[0] != want[0] || s.Metrics[1] != want[1] {
		t.Errorf("%+v, want %+v", s.Metrics, want)
	}
}
