package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// SummaryFile says at the end of a job what came of its metrics.
const SummaryFile = "metrics_summary.json"

// Summary is the content of metrics_summary.json.
type Summary struct {
	Job      string          `json:"job"`
	Artifact string          `json:"artifact"` // digest
	Rounds   int             `json:"rounds"`
	From     int             `json:"from,omitempty"`    // the first round that is in the files, where that is not 1
	Stopped  string          `json:"stopped,omitempty"` // why the job ended before its last round
	Metrics  []SummaryMetric `json:"metrics"`
}

// SummaryMetric is what came of a metric: in the last round that has it, and in the first of those where it was best.
// Of losses, and of staleness, the least is best, of others the greatest.
type SummaryMetric struct {
	Name string     `json:"name"`
	Last RoundValue `json:"last"`
	Best RoundValue `json:"best"`
}

// RoundValue is a metric in a round.
type RoundValue struct {
	Round int        `json:"round"`
	Value job.Number `json:"value"`
}

// add takes a metric of a round into account.
func (s *Summary) add(round int, m job.Metric) {
	i := 0
	for i < len(s.Metrics) && s.Metrics[i].Name != m.Name {
		i++
	}
	now := RoundValue{round, m.Value}
	if i == len(s.Metrics) {
		s.Metrics = append(s.Metrics, SummaryMetric{m.Name, now, now})
		return
	}
	of := &s.Metrics[i]
	of.Last = now
	was, better := of.Best.Value, m.Value > of.Best.Value
	if strings.Contains(m.Name, job.MetricLoss) || m.Name == job.MetricStaleness {
		better = m.Value < was
	}
	if better || was != was && m.Value == m.Value { // anything that is a number is better than none
		of.Best = now
	}
}

// earlier returns the metrics of a line that an earlier release wrote; null is what is no number.
func earlier(round int, of ...*job.Number) []job.Metric {
	for i, x := range of {
		if x == nil {
			none := job.Number(math.NaN())
			of[i] = &none
		}
	}
	return job.Point{Round: round, Accuracy: *of[0], Loss: *of[1]}.Metrics()
}

// writeSummary writes the summary of the lines that are in a directory.
func writeSummary(fsys vfs.FS, dir string, s Summary) error {
	first := 0
	s.Metrics = []SummaryMetric{}
	for _, name := range []string{metricsBefore, MetricsFile} {
		b, err := vfs.ReadFile(fsys, filepath.Join(dir, name), metricsBytes+lineMost)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for text := range bytes.Lines(b) {
			var line struct {
				RoundMetrics
				Accuracy, Loss *job.Number // as earlier releases wrote them
			}
			if json.Unmarshal(text, &line) != nil || line.Round < 1 || line.Round > s.Rounds {
				continue
			}
			if first == 0 {
				first = line.Round
			}
			if line.Metrics == nil {
				line.Metrics = earlier(line.Round, line.Accuracy, line.Loss)
			}
			for _, m := range line.Metrics {
				s.add(line.Round, m)
			}
		}
	}
	if first > 1 {
		s.From = first
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return journal.WriteFileAtomic(fsys, filepath.Join(dir, SummaryFile), append(b, '\n'))
}
