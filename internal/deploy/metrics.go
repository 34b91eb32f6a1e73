package deploy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// metricsFile has a line for each round of a server's job; metricsBefore is what it was before it was too large.
const (
	metricsFile   = "round_metrics.jsonl"
	metricsBefore = "round_metrics.1.jsonl"
)

// The bounds of the metrics.
const (
	metricsBytes   = 16 << 20
	metricsClients = 1024 // in a line
)

// RoundMetrics is a line of round_metrics.jsonl.
type RoundMetrics struct {
	Time          time.Time     `json:"time,omitzero"` // when the round ended, where the process saw it
	Round         int           `json:"round"`
	Accuracy      job.Number    `json:"accuracy"`
	Loss          job.Number    `json:"loss"`
	Contributions int           `json:"contributions,omitempty"`
	TookS         float64       `json:"took_s,omitempty"`
	Largest       job.Number    `json:"largest,omitempty"` // norm of the largest update of the job so far
	Clients       []ClientRound `json:"clients,omitempty"` // who answered it, as far as that was kept
}

// ClientRound is a client in a round.
type ClientRound struct {
	Name string `json:"name"`
	observe.Measures
}

// metrics writes the lines. What was written before is found at its end: a line that a crash has cut is taken away, and
// a round is never there twice. It is thread-unsafe.
type metrics struct {
	fs    vfs.FS
	dir   string
	file  vfs.File
	size  int64
	last  RoundMetrics // of the last line
	limit int64
}

func openMetrics(fsys vfs.FS, dir string) (*metrics, error) {
	m := &metrics{fs: fsys, dir: dir, limit: metricsBytes}
	path := filepath.Join(dir, metricsFile)
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

// lineMost bounds a line that is looked for at the end of a file.
const lineMost = 1 << 20

// repair cuts off what is behind the last whole line, and reads that line.
func (m *metrics) repair() error {
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

func (m *metrics) cut(size int64) error {
	if size == m.size {
		return nil
	}
	m.size = size
	return m.file.Truncate(size)
}

// find reads the last line of a file that is not written any more.
func (m *metrics) find(name string) error {
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

// add writes a round, and before it those between it and the last one that the node remembers, which nobody wrote down.
// A round that is there already is not written again.
func (m *metrics) add(r RoundMetrics, history []job.Point) error {
	for _, p := range history {
		if p.Round > m.last.Round && p.Round < r.Round {
			if err := m.write(RoundMetrics{Round: p.Round, Accuracy: p.Accuracy, Loss: p.Loss}); err != nil {
				return err
			}
		}
	}
	if r.Round <= m.last.Round {
		return nil
	}
	return m.write(r)
}

func (m *metrics) write(r RoundMetrics) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if m.file != nil && m.size+int64(len(b)) > m.limit {
		err := m.file.Close()
		m.file, m.size = nil, 0
		if err == nil {
			err = m.fs.Rename(filepath.Join(m.dir, metricsFile), filepath.Join(m.dir, metricsBefore))
		}
		if err != nil {
			return err
		}
	}
	if m.file == nil {
		if m.file, err = m.fs.Create(filepath.Join(m.dir, metricsFile)); err != nil {
			return err
		}
	}
	// In one write: a crash of the process leaves all of it or nothing, one of the machine a part that repair takes
	// away.
	if _, err := m.file.WriteAt(append(b, '\n'), m.size); err != nil {
		return err
	}
	m.size, m.last = m.size+int64(len(b))+1, r
	return nil
}

func (m *metrics) close() error {
	if m == nil || m.file == nil {
		return nil
	}
	return errors.Join(m.file.Sync(), m.file.Close())
}

// roundMetrics returns a round with the figures of those who answered it.
func roundMetrics(rec *Record, r job.Round, all []observe.Measures, now time.Time, took time.Duration) RoundMetrics {
	out := RoundMetrics{Time: now.UTC().Truncate(time.Millisecond), Round: r.Number, Accuracy: r.Accuracy, Loss: r.Loss,
		Contributions: r.Contributions,
		TookS:         float64(took.Milliseconds()) / 1000}
	for _, f := range all {
		if f.Round == r.Number && len(out.Clients) < metricsClients {
			out.Clients = append(out.Clients, ClientRound{nameOf(rec, f.Peer), f})
		}
	}
	return out
}

// outliers finds clients whose updates work against those of the others, as those of a site do that means something
// else by its classes. Where sites have different data, updates of all come to point away from each other when little
// is left to learn; so it counts by how much, and whether there is still much to learn. It is thread-unsafe.
type outliers struct {
	largest job.Number          // norm of the largest update of the job so far
	away    map[wire.PeerID]int // rounds in a row
	told    map[wire.PeerID]bool
}

// The rule: in so many rounds in a row, the client's update is at least a share of the job's largest one, and reaches
// at least as far against the mean of the others' updates as a typical one of theirs is long.
const (
	awayRounds = 3
	awayShare  = 0.25
)

// look takes a round, and returns what is to be told of it, or nothing. A client is told once, and again when it has
// been with the others in between.
func (o *outliers) look(r *RoundMetrics) string {
	if o.away == nil {
		o.away, o.told = map[wire.PeerID]int{}, map[wire.PeerID]bool{}
	}
	for _, c := range r.Clients {
		if c.Norm > o.largest { // which what is not a number is not
			o.largest = c.Norm
		}
	}
	r.Largest = o.largest
	var names []string
	for i, c := range r.Clients {
		if c.Others == nil {
			continue
		}
		against := float64(c.Norm) * -float64(*c.Others)
		if typical := typicalNorm(r.Clients, i); typical <= 0 || against < typical ||
			float64(c.Norm) < awayShare*float64(o.largest) {
			delete(o.away, c.Peer)
			delete(o.told, c.Peer)
			continue
		}
		if o.away[c.Peer]++; o.away[c.Peer] >= awayRounds && !o.told[c.Peer] {
			o.told[c.Peer] = true
			names = append(names, fmt.Sprintf("%s (cosine %.2f to the others, norm %.3g)", c.Name, *c.Others, c.Norm))
		}
	}
	switch {
	case len(names) == 0:
		return ""
	case len(r.Clients) == 2: // which of the two it is, nobody can tell
		return fmt.Sprintf(
			"round %d: for %d rounds the updates of %s and %s have worked against each other (cosine %.2f): do both "+
				"mean the same by their classes and columns?",
			r.Round, awayRounds, r.Clients[0].Name, r.Clients[1].Name, *r.Clients[0].Others)
	}
	return fmt.Sprintf(
		"round %d: for %d rounds the updates of %s have worked against those of the others: do they mean the same "+
			"by their classes and columns?",
		r.Round, awayRounds, strings.Join(names, " and "))
}

// typicalNorm returns the median norm of the updates of a round but one, 0 where there is no other.
func typicalNorm(all []ClientRound, but int) float64 {
	var norms []float64
	for i, c := range all {
		if i != but && c.Others != nil {
			norms = append(norms, float64(c.Norm))
		}
	}
	if len(norms) == 0 {
		return 0
	}
	slices.Sort(norms)
	return (norms[len(norms)/2] + norms[(len(norms)-1)/2]) / 2
}

// note takes down a round that is over, with who answered it and how, and tells it. h is nil while the node is being
// started.
func (s *server) note(h *host.Host, r job.Round, now time.Time) {
	var all []observe.Measures
	var history []job.Point
	if h != nil {
		// Right behind the round: who answers the next one has other figures then, and is left out.
		h.View(func(n *node.Node) { all, history = observe.MeasuresOf(n), observe.History(n) })
	}
	line := roundMetrics(s.dir.Record(), r, all, now, s.course.last())
	text := s.away.look(&line)
	if s.metrics != nil {
		if err := s.metrics.add(line, history); err != nil {
			s.o.Notify(Warning{"rounds are not written to " + metricsFile + " any more: " + err.Error()})
			s.metrics.close()
			s.metrics = nil
		}
	}
	if len(line.Clients) == 0 {
		return
	}
	s.o.Notify(RoundFigures{line.Round, line.Clients})
	if text != "" {
		s.o.Notify(Warning{text})
	}
}

// RoundFigures tells who answered a round, and how.
type RoundFigures struct {
	Round   int           `json:"round"`
	Clients []ClientRound `json:"clients"`
}
