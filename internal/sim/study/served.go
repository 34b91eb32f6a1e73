package study

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// served is a server and its clients.
type served struct {
	job      job.Served
	art      *compile.Artifact
	last     job.Round
	model    []byte
	ended    bool
	owes     *sim.Node // a server that said that it is done while it was down: it tells its result when it lives again
	failed   error
	failures map[string]uint64
	answers  []analytics.Answer
}

func newServed(j job.Served) (*served, error) {
	j, err := job.Bring(j)
	if err != nil {
		return nil, err
	}
	f := &served{job: j, failures: map[string]uint64{}}
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

// Done also asks a server for its result that said so while it was down.
func (f *served) Done() bool {
	if n := f.owes; n != nil && n.Node() != nil && !f.ended {
		f.owes = nil
		if err := f.result(n); err != nil {
			f.failed = err
		}
	}
	return f.ended || f.failed != nil
}
func (f *served) Failure() error { return f.failed }

// result takes the result of a server that is done.
func (f *served) result(n *sim.Node) error {
	told := f.job.Outcome(n.Node())
	if told == nil || told.Err != nil {
		return fmt.Errorf("study: the server says that it is done, and tells no result: %w",
			cmp.Or(told, &job.Outcome{}).Err)
	}
	var file bytes.Buffer
	_, err := told.Model.WriteTo(&file)
	f.last, f.model, f.ended, f.answers = told.Last, file.Bytes(), true, told.Answers
	return err
}

func (f *served) App(n *sim.Node, ev engine.AppEvent) error {
	switch ev.Name {
	case job.EventRound:
		r, err := f.job.Round(ev.Value)
		if err == nil && r.Number > f.last.Number { // it is told again by the next life of the server
			f.last = r
		}
		return err
	case job.EventDone:
		if n.Node() == nil { // its twin said so, and it comes back from the twin's directory
			f.owes = n
			return nil
		}
		return f.result(n)
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
	if f.last.Number > 0 && f.last.Queries == 0 {
		s.Accuracy, s.Least, s.Loss, s.Scored = f.last.Accuracy, f.last.Accuracy, f.last.Loss, true
	}
}

func (f *served) Result(w *sim.World, r *Result) {
	r.Failures = f.failures
	if f.model != nil {
		sum := sha256.Sum256(f.model)
		r.Model, r.ModelSHA256, r.Answers = f.model, hex.EncodeToString(sum[:]), f.answers
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
