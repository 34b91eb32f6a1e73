package study

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/sim"
)

// Simulated is a job of a kind that says itself how a run of it is watched. A job with a server need not: all of them
// are watched alike.
type Simulated interface {
	job.Job
	Simulate() (Subject, error)
}

// Subject is a job while it is studied.
type Subject interface {
	// Members yields each node in turn, and whether it has a disk in any case.
	Members(yield func(m job.Member, durable bool) error) error
	// Horizon is the virtual time that the job lasts, or 0 when nobody can know.
	Horizon() time.Duration
	Rounds() int
	// Round returns how many rounds, or periods, have ended.
	Round(now time.Duration) int
	// App takes an app event that left a node.
	App(n *sim.Node, ev engine.AppEvent) error
	// Look is called at a sample, to fill in how good the model is.
	Look(w *sim.World, s *Sample)
	Done() bool
	// Failure is why the job has failed, or nil.
	Failure() error
	// Result fills in what came of it, at the end.
	Result(w *sim.World, r *Result)
}

// subjectOf returns how a job is watched.
func subjectOf(j job.Job) (Subject, error) {
	switch j := j.(type) {
	case nil:
		return nil, errors.New("study: want a job")
	case Simulated:
		return j.Simulate()
	case job.Served:
		return newServed(j)
	}
	return nil, &job.LacksError{Job: j.About().Name, Lacks: "no simulation", Hint: j.Kind().Hint(j.About().Name)}
}

// Study is one run of a job in the simulator.
type Study struct {
	o       Options
	w       *sim.World
	job     Subject
	curve   series
	last    Sample
	hash    hash.Hash
	scratch [16]byte
	onRound []func(round int)
	acting  bool // one of them acts upon the world
	rounds  int  // that were told to onRound
}

// New makes all nodes of the job; nothing runs yet.
func New(o Options) (*Study, error) {
	s := &Study{o: o, hash: sha256.New()}
	var err error
	if s.job, err = subjectOf(o.Job); err != nil {
		return nil, err
	}
	s.w = sim.New(sim.Options{
		Seed: o.Job.About().Seed, Network: o.Network, Disk: sim.Disk{Sync: o.Sync, Publish: o.Sync}, Work: o.Work,
		Restart: o.Restart, Threads: o.Threads, Calm: o.Unleash == nil && !o.Network.Faulty(),
		OnApp: s.app, OnOutput: s.output, OnTrace: o.OnTrace,
	})
	err = s.job.Members(func(m job.Member, always bool) error {
		m.Config.Trace = o.OnTrace != nil
		spec := sim.Spec{Name: m.Name, Config: m.Config, Durable: o.Durable || always}
		spec.Store.SegmentBytes, spec.Store.SnapshotBytes = 64<<10, 256<<10
		if always {
			spec.Store.SegmentBytes, spec.Store.SnapshotBytes = 256<<10, 4<<20
		}
		s.w.Add(spec, 0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.curve.every = 10 * time.Millisecond
	if h := s.o.Horizon(); h > 0 {
		s.curve.every = max(h/1000, time.Millisecond)
	}
	return s, nil
}

// stuckAfter is the virtual time after which a federated job without a limit counts as stuck.
const stuckAfter = 24 * time.Hour

// OnRound has f called at the end of each round of a federated job, or each period of a gossip job. It may act upon the
// world; therefore one thread runs it.
func (s *Study) OnRound(f func(round int)) {
	s.WatchRounds(f)
	s.acting = true
}

// WatchRounds is OnRound of what only looks on.
func (s *Study) WatchRounds(f func(round int)) { s.onRound = append(s.onRound, f) }

// World returns the world, to be read between samples.
func (s *Study) World() *sim.World { return s.w }

// output takes the bytes of a packet that leaves a node into the run's hash.
func (s *Study) output(n *sim.Node, raw []byte) {
	binary.LittleEndian.PutUint64(s.scratch[:], uint64(s.w.Now()))
	binary.LittleEndian.PutUint64(s.scratch[8:], uint64(n.ID()))
	s.hash.Write(s.scratch[:])
	s.hash.Write(raw)
}

func (s *Study) app(n *sim.Node, ev engine.AppEvent) error {
	s.output(n, []byte(ev.Name))
	return s.job.App(n, ev)
}

// tickEvery is how many events lie between two looks at whether the run is to be stopped.
const tickEvery = 1 << 12

// Run runs the job to its end, or until ctx is done: then the error is job.ErrInterrupted. Other errors are those of
// nodes, and *StuckError.
func (s *Study) Run(ctx context.Context) (*Result, error) {
	if s.o.Unleash != nil {
		s.o.Unleash(s.w, s)
	}
	if s.acting {
		s.w.Single()
	}
	end := s.o.Horizon()
	if end == 0 {
		end = stuckAfter
	}
	interrupted, events := false, 0
	stop := func() bool {
		if events++; events%tickEvery == 0 {
			interrupted = ctx.Err() != nil
			if s.o.OnTick != nil {
				s.o.OnTick(s.present())
			}
		}
		return interrupted || s.job.Done() || s.reportsRounds()
	}
	if err := s.w.Run(0, stop); err != nil { // all nodes start
		return nil, err
	}
	s.sample()
	for !s.job.Done() && s.w.Now() < end {
		err := s.w.Run(min(s.curve.next, end), stop)
		switch {
		case err != nil:
			return nil, err
		case interrupted || ctx.Err() != nil:
			return nil, job.ErrInterrupted
		case s.job.Done() || s.w.Now() >= min(s.curve.next, end):
			s.sample()
		}
		s.report()
		if s.w.Idle() && !s.job.Done() {
			if err := s.job.Failure(); err != nil {
				return nil, err
			}
			return nil, s.stuck("nothing is left to happen")
		}
	}
	if err := s.job.Failure(); err != nil {
		return nil, err
	}
	if s.job.Horizon() == 0 && s.o.Limit == 0 && !s.job.Done() {
		return nil, s.stuck("nothing says that it ever will; --time sets another limit")
	}
	return s.finish(), nil
}

// reportsRounds says whether a round has ended of which nobody was told.
func (s *Study) reportsRounds() bool { return len(s.onRound) > 0 && s.round() > s.rounds }

// report tells of the rounds that have ended.
func (s *Study) report() {
	for s.rounds < s.round() {
		s.rounds++
		for _, f := range s.onRound {
			f(s.rounds)
		}
	}
}

func (s *Study) round() int { return s.job.Round(s.w.Now()) }

func (s *Study) stuck(why string) error {
	return &StuckError{s.w.Now(), s.round(), s.job.Rounds(), why}
}

// present returns the sample of this instant.
func (s *Study) present() Sample {
	w := s.w
	p := Sample{
		At: w.Now(), Round: s.round(), Up: w.Alive, InFlight: w.InFlight, Messages: w.Sent, Bytes: w.SentBytes,
		Events:  w.Events,
		Crashes: w.Deaths, Starts: w.Births, Faults: s.last.Faults,
		Accuracy: s.last.Accuracy, Least: s.last.Least, Loss: s.last.Loss, Scored: s.last.Scored,
	}
	return p
}

// sample takes a point of the curves.
func (s *Study) sample() {
	p, counts := s.present(), s.w.Faults()
	p.Faults = counts.Total()
	s.job.Look(s.w, &p)
	s.last = p
	s.curve.add(p)
	if s.o.OnSample != nil {
		s.o.OnSample(p)
	}
}

// finish puts together what came of the run.
func (s *Study) finish() *Result {
	w := s.w
	r := &Result{
		Nodes: len(w.Nodes()), Sample: s.last, Delivered: w.Delivered, InFlightMost: w.InFlightMost, Steps: w.Steps,
		Inputs: w.Inputs,
		Counts: w.Faults(), Refusals: w.Refusals, Samples: s.curve.points, Done: s.job.Done(),
	}
	s.job.Result(w, r)
	s.hash.Write([]byte(r.ModelSHA256))
	r.Hash = hex.EncodeToString(s.hash.Sum(nil))
	return r
}
