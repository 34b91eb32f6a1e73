package study

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/compile"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/sim"
)

// served is a server and its clients.
type served struct {
	job      job.Served
	art      *compile.Artifact
	last     job.Round
	model    []byte
	ended    bool
	failed   error
	failures map[string]uint64
}

func newServed(j job.Served) (*served, error) {
	f := &served{job: j, failures: map[string]uint64{}}
	var err error
	f.art, err = job.Compile(j)
	return f, err
}

func (f *served) Members(yield func(job.Member, bool) error) error {
	all, err := f.job.Members(f.art)
	for _, m := range all {
		if err == nil {
			err = yield(m, m.Place == job.ServerPlace)
		}
	}
	return err
}

func (f *served) Horizon() time.Duration  { return 0 }
func (f *served) Rounds() int             { return f.job.About().Rounds }
func (f *served) Round(time.Duration) int { return f.last.Number }
func (f *served) Done() bool              { return f.ended || f.failed != nil }
func (f *served) Failure() error          { return f.failed }

func (f *served) App(n *sim.Node, ev engine.AppEvent) error {
	switch ev.Name {
	case job.EventRound:
		r, err := f.job.Round(ev.Value)
		if err == nil && r.Number > f.last.Number { // it is told again by the next life of the server
			f.last = r
		}
		return err
	case job.EventDone:
		told := f.job.Told(n.Node())
		if told == nil || told.Err != nil {
			return fmt.Errorf("study: the server says that it is done, and tells no result: %w", cmp.Or(told, &job.Told{}).Err)
		}
		var file bytes.Buffer
		_, err := told.Model.WriteTo(&file)
		f.last, f.model, f.ended = told.Last, file.Bytes(), true
		return err
	case job.EventFailed:
		told, err := job.ParseFailed(ev.Value)
		if err == nil {
			f.failed = &job.FailedError{Failed: *told}
		}
		return err
	case engine.FailureEvent:
		if fail, harmless := job.Harmless(ev.Value); fail != nil {
			f.failures[fail.Code]++
			if !harmless && f.job.Exact() {
				return &job.NodeError{Node: n.Name, Err: &job.FailureError{Failure: fail}}
			}
		}
	}
	return nil
}

func (f *served) Look(_ *sim.World, s *Sample) {
	if f.last.Number > 0 {
		s.Accuracy, s.Least, s.Loss, s.Scored = f.last.Accuracy, f.last.Accuracy, f.last.Loss, true
	}
}

func (f *served) Result(w *sim.World, r *Result) {
	r.Failures = f.failures
	if f.model != nil {
		sum := sha256.Sum256(f.model)
		r.Model, r.ModelSHA256 = f.model, hex.EncodeToString(sum[:])
	}
	if server := w.Nodes()[0]; server.Up() {
		r.Contributions = CounterOf(server, job.CountContributions)
	}
}

// CounterOf returns a counter of a node that is up.
func CounterOf(n *sim.Node, name string) uint64 {
	for _, c := range n.Node().Engine().Counters() {
		if c.Name == name {
			return c.Count
		}
	}
	return 0
}
