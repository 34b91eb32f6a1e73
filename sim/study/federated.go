package study

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/rhizome-ml/rhizome/compile"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/sim"
)

// federatedJob is a server and its clients.
type federatedJob struct {
	cfg      federated.Config
	art      *compile.Artifact
	last     job.Round
	model    []byte
	ended    bool
	failed   error
	failures map[string]uint64
}

func newFederated(c federated.Config) (*federatedJob, error) {
	f := &federatedJob{cfg: c, failures: map[string]uint64{}}
	var err error
	f.art, err = c.Compile()
	return f, err
}

func (f *federatedJob) members(yield func(job.Member, bool) error) error {
	all, err := f.cfg.Members(f.art)
	for _, m := range all {
		if err == nil {
			err = yield(m, m.Place == job.ServerPlace)
		}
	}
	return err
}

func (f *federatedJob) horizon() time.Duration  { return 0 }
func (f *federatedJob) rounds() int             { return f.cfg.Rounds }
func (f *federatedJob) round(time.Duration) int { return f.last.Number }
func (f *federatedJob) done() bool              { return f.ended || f.failed != nil }
func (f *federatedJob) failure() error          { return f.failed }

func (f *federatedJob) app(n *sim.Node, ev engine.AppEvent) error {
	switch ev.Name {
	case job.EventRound:
		r, err := federated.ParseRound(ev.Value)
		if err == nil && r.Number > f.last.Number { // it is told again by the next life of the server
			f.last = r
		}
		return err
	case job.EventDone:
		r, model, err := federated.Outcome(n.Node(), ev.Value)
		if err != nil {
			return err
		}
		var file bytes.Buffer
		_, err = model.WriteTo(&file)
		f.last, f.model, f.ended = r, file.Bytes(), true
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
			if !harmless && f.cfg.Exact() {
				return &job.NodeError{Node: n.Name, Err: &job.FailureError{Failure: fail}}
			}
		}
	}
	return nil
}

func (f *federatedJob) look(_ *sim.World, s *Sample) {
	if f.last.Number > 0 {
		s.Accuracy, s.Least, s.Loss, s.Scored = f.last.Accuracy, f.last.Accuracy, f.last.Loss, true
	}
}

func (f *federatedJob) result(w *sim.World, r *Result) {
	r.Failures = f.failures
	if f.model != nil {
		sum := sha256.Sum256(f.model)
		r.Model, r.ModelSHA256 = f.model, hex.EncodeToString(sum[:])
	}
	if server := w.Nodes()[0]; server.Up() {
		r.Contributions = counterOf(server, job.CountContributions)
	}
}

// counterOf returns a counter of a node that is up.
func counterOf(n *sim.Node, name string) uint64 {
	for _, c := range n.Node().Engine().Counters() {
		if c.Name == name {
			return c.Count
		}
	}
	return 0
}
