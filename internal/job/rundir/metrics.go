package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// MetricsFile has a line for each round of a job; metricsBefore is what it was before it was too large.
const (
	MetricsFile   = "round_metrics.jsonl"
	metricsBefore = "round_metrics.1.jsonl"
)

// MetricsFiles are the files that have the metrics of a job.
func MetricsFiles() []string { return []string{MetricsFile, metricsBefore, SummaryFile} }

// The bounds of the metrics.
const (
	metricsBytes  = 16 << 20
	lineMost      = 4 << 20 // that is looked for at the end of a file
	metricsListed = 1024    // clients of a line, in each of its lists
)

// RoundMetrics is a line of round_metrics.jsonl.
type RoundMetrics struct {
	Time          time.Time    `json:"time,omitzero"` // when the round ended, where the process saw it
	Round         int          `json:"round"`
	Metrics       []job.Metric `json:"metrics"` // none where the round was not tested
	Contributions int          `json:"contributions"`
	Staleness     *job.Ages    `json:"staleness,omitempty"` // of an asynchronous job: how old its updates were
	TookS         float64      `json:"took_s,omitempty"`
	// Largest is the norm of the largest update of the job so far, at a server.
	Largest job.Number    `json:"largest,omitempty"`
	Clients []ClientRound `json:"clients,omitempty"`  // whom it counts, sorted by peer
	LeftOut []LeftOut     `json:"left_out,omitempty"` // whom it was to count and does not, sorted by peer
	More    int           `json:"more,omitempty"`     // who was left out and is not listed
	Partial bool          `json:"partial,omitempty"`  // more was known of the round, and is forgotten
}

// ClientRound is a client in a round.
type ClientRound struct {
	Name string `json:"name"`
	observe.Weighed
}

// LeftOut is a client that was asked in a round and is not in it.
type LeftOut struct {
	Name   string `json:"name"`
	Peer   string `json:"peer"`
	Why    string `json:"why"`            // late, refused or silent
	Code   string `json:"code,omitempty"` // of a refusal
	Reason string `json:"reason,omitempty"`
}

// MetricsOf returns the line of a round from what its server knows. Told is the round as it was told, nil where it was
// told in an earlier life; name is how people call a peer.
func MetricsOf(r observe.Round, told *job.Round, name func(peer string) string) RoundMetrics {
	out := RoundMetrics{Round: r.Round, Metrics: r.Point.Metrics(), Contributions: r.Contributions, Partial: r.Partial,
		Staleness: r.Staleness}
	if told == nil {
		told = r.Told
		out.Partial = r.Partial || r.Bare && told == nil
	}
	if told != nil {
		out.Metrics = told.Metrics(name)
		out.Contributions = told.Contributions
	}
	out.Metrics = append(out.Metrics, r.Metrics(name)...)
	if out.Metrics == nil {
		out.Metrics = []job.Metric{}
	}
	for i, m := range out.Metrics {
		out.Metrics[i].Clients = m.Clients[:min(len(m.Clients), metricsListed)]
	}
	for _, c := range r.Clients[:min(len(r.Clients), metricsListed)] {
		out.Clients = append(out.Clients, ClientRound{name(string(c.Peer)), c})
	}
	for _, l := range r.Left {
		if len(out.LeftOut) == metricsListed {
			out.More = len(r.Left) - metricsListed
			break
		}
		out.LeftOut = append(out.LeftOut, LeftOut{Name: name(string(l.Peer)), Peer: string(l.Peer), Why: l.Why,
			Code: l.Code, Reason: job.Line(l.Reason)})
	}
	return out
}

// Metrics writes the lines. What was written before is found at its end: a line that a crash has cut is taken away, and
// a round is never there twice. It is thread-unsafe.
type Metrics struct {
	fs    vfs.FS
	dir   string
	file  vfs.File
	size  int64
	last  RoundMetrics // of the last line
	limit int64
}

// OpenMetrics opens the metrics of a job in its directory.
func OpenMetrics(fsys vfs.FS, dir string) (*Metrics, error) {
	m := &Metrics{fs: fsys, dir: dir, limit: metricsBytes}
	path := filepath.Join(dir, MetricsFile)
	f, err := fsys.OpenFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, m.find(metricsBefore)
	}
	if err != nil {
		return nil, err
	}
	m.file = f
	if m.size, err = f.Size(); err == nil {
		err = m.repair()
	}
	if err == nil && m.last.Round == 0 {
		err = m.find(metricsBefore)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return m, nil
}

// Last returns the last line.
func (m *Metrics) Last() RoundMetrics { return m.last }

// repair cuts off what is behind the last whole line, and reads that line.
func (m *Metrics) repair() error {
	from := max(0, m.size-lineMost)
	b := make([]byte, m.size-from)
	if len(b) > 0 {
		if _, err := m.file.ReadAt(b, from); err != nil {
			return err
		}
	}
	for end := bytes.LastIndexByte(b, '\n') + 1; end > 0; end = bytes.LastIndexByte(b[:end-1], '\n') + 1 {
		begin := bytes.LastIndexByte(b[:end-1], '\n') + 1
		var line RoundMetrics
		if json.Unmarshal(b[begin:end], &line) == nil && line.Round > 0 {
			m.last = line
			return m.cut(from + int64(end))
		}
	}
	return m.cut(from)
}

func (m *Metrics) cut(size int64) error {
	if size == m.size {
		return nil
	}
	m.size = size
	return m.file.Truncate(size)
}

// find reads the last line of a file that is not written any more.
func (m *Metrics) find(name string) error {
	b, err := vfs.ReadFile(m.fs, filepath.Join(m.dir, name), metricsBytes+lineMost)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	var line RoundMetrics
	if json.Unmarshal(b[bytes.LastIndexByte(b, '\n')+1:], &line) == nil {
		m.last = line
	}
	return nil
}

// Add writes a round. One that is there already is not written again.
func (m *Metrics) Add(r RoundMetrics) error {
	if r.Round <= m.last.Round {
		return nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if m.file != nil && m.size+int64(len(b)) > m.limit {
		err := m.file.Close()
		m.file, m.size = nil, 0
		if err == nil {
			err = m.fs.Rename(filepath.Join(m.dir, MetricsFile), filepath.Join(m.dir, metricsBefore))
		}
		if err != nil {
			return err
		}
	}
	if m.file == nil {
		if m.file, err = m.fs.Create(filepath.Join(m.dir, MetricsFile)); err != nil {
			return err
		}
	}
	// In one write: a crash leaves all of it or a part without an end, which is no line and which repair takes away.
	if _, err := m.file.WriteAt(append(b, '\n'), m.size); err != nil {
		return err
	}
	m.size, m.last = m.size+int64(len(b))+1, r
	return nil
}

// Close ends the writing. It does nothing where m is nil.
func (m *Metrics) Close() error {
	if m == nil || m.file == nil {
		return nil
	}
	err := errors.Join(m.file.Sync(), m.file.Close())
	m.file = nil
	return err
}

// CopyMetrics copies the metrics of a job that is over, which are in another directory.
func CopyMetrics(fsys vfs.FS, from, to string) error {
	for _, name := range MetricsFiles() {
		f, err := fsys.Open(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = errors.Join(journal.StreamFileAtomic(fsys, filepath.Join(to, name), onDisk{f}), f.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
