package deploy

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// ServerOptions are what a server takes.
type ServerOptions struct {
	Options
	// Job is the job that was named; nil means the one that the directory holds, or job.DefaultName where it holds
	// none. Set holds settings that were given beside it, which a directory remembers.
	Job job.Served
	Set map[string]string
	// Linger bounds how long the server waits at the end for clients that do not know yet that the job is done.
	Linger time.Duration
	// Known gives members their numbers before they have joined, by number.
	Known []wire.PeerID
	// Open lets anyone take the job; else a client needs an invitation, or Allow names its key.
	Open  bool
	Allow []wire.PeerID
	// Private lets in nobody but those that the server knows: no invitation is made, and none is told.
	Private bool
}

// server is a server while it runs.
type server struct {
	*hub
	o   ServerOptions
	art *compile.Artifact

	telling  sync.Mutex
	result   *job.Result
	finished chan struct{} // closed when the result is written
	broken   chan struct{} // closed when the job has failed, and that is written
	last     int           // the last round that was told
	course   course

	noting  sync.Mutex      // held while a round is written down
	early   []job.Round     // that were told while the node was being started
	metrics *rundir.Metrics // nil where nothing is written
	away    outliers

	names atomic.Pointer[map[wire.PeerID]string] // of the clients of its edges, or nil
}

// Serve runs the server of a job to its end, and returns the result. When ctx ends first, it stops cleanly and the
// error is ErrInterrupted.
func Serve(ctx context.Context, o ServerOptions) (*job.Result, error) {
	r, err := open(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	o.Options = r.o
	s := &server{hub: newHub(r, guests{o.Open, o.Private, o.Allow, o.Linger}), o: o, finished: make(chan struct{}),
		broken: make(chan struct{})}
	err = s.run(ctx)
	closed := errors.Join(s.close(), s.metrics.Close())
	select {
	case <-s.finished:
		return s.result, nil // whatever came after it
	case <-s.broken:
		return nil, &job.FailedError{Failed: *s.dir.Record().Failed}
	default:
	}
	if err == nil {
		err = closed
	}
	return nil, err
}

func (s *server) run(ctx context.Context) error {
	if err := s.plan(); err != nil {
		return err
	}
	s.board = newBoard(s.cfg.About().Rounds)
	res, err := rundir.ReadResult(s.dir.FS, s.dir.Path, s.digest)
	if err != nil {
		return err
	}
	admit := s.lists.Admit
	over := res != nil || s.dir.Record().Failed != nil
	if over {
		// The node does not run again, and still keeps out whom it kept out.
		if admit, err = s.stillAdmits(); err != nil {
			return err
		}
	}
	if err := s.listen(admit, nil); err != nil {
		return err
	}
	note := s.noteStart(func(*Record) {})
	if over {
		if err := note(); err != nil {
			return err
		}
	}
	if err := s.openDoor(); err != nil {
		return err
	}
	s.course.begin(time.Now(), s.cfg)
	s.standing.Store(&beside{add: s.add})
	switch {
	case res != nil:
		s.end(res)
	case over:
		s.breakOff(s.dir.Record().Failed)
	default:
		if s.metrics, err = rundir.OpenMetrics(s.dir.FS, s.dir.Path); err != nil {
			return err
		}
		s.away.largest = s.metrics.Last().Largest
		if err := s.begin(note); err != nil {
			return err
		}
		go s.attend()
	}
	s.serve()
	s.net.Handle(controlProtocol, s.afar)
	s.o.Notify(Listening{s.dir.ID.Peer(), s.net.Addresses(), s.cfg.About().Name, s.cfg.About().Rounds, s.digest,
		s.resumed})
	if !over {
		if err := s.invite(); err != nil {
			return err
		}
	}
	s.callAll()
	select {
	case <-s.finished:
	case <-s.broken:
	case err := <-s.failed:
		return err
	case <-ctx.Done():
		return ErrInterrupted
	}
	s.linger(ctx)
	return nil
}

// plan decides what runs, and writes it down where the directory is new.
func (s *server) plan() error {
	rec := s.dir.Record()
	base := s.o.Job
	if base == nil && rec == nil {
		var err error
		if base, err = kinds.FindServed(job.DefaultName); err != nil {
			return err
		}
	}
	set := map[string]string{}
	if rec != nil {
		if rec.Role != RoleServer {
			return refuse(s.dir.Path, "belongs to %s of the job %s, not to a server: choose another --dir", a(rec.Role),
				rec.Job)
		}
		stored, err := kinds.StoredServed(rec.Kind, rec.Settings)
		if err != nil {
			return refuse(s.dir.Path, "holds a job that this release does not know: %v", err)
		}
		if s.cfg = stored; s.o.Job == nil {
			base = stored
		}
		maps.Copy(set, rec.Set)
	}
	maps.Copy(set, s.o.Set)
	asked, err := job.With(base, set)
	if err == nil && rec == nil {
		asked, err = job.Bring(asked)
	} else if err == nil {
		asked, err = job.As(asked, s.cfg)
	}
	if err != nil {
		return err
	}
	const help = "use the same settings, or choose another --dir"
	s.seats = seatsOf(asked)
	if rec == nil {
		s.cfg = asked
		s.notes()
	} else if key := job.Diff(s.cfg, asked); key == "name" {
		return refuse(s.dir.Path, "holds the job %s, not %s: %s", s.cfg.About().Name, asked.About().Name, help)
	} else if key == job.KeyKind {
		return refuse(s.dir.Path, "holds a %s job, not a %s one: %s", s.cfg.Kind().Name(), asked.Kind().Name(), help)
	} else if key != "" {
		return refuse(s.dir.Path, "holds the job %s with %s %s, not %s: %s", s.cfg.About().Name,
			strings.ReplaceAll(key, "_", " "), s.cfg.Get(key), asked.Get(key), help)
	}
	if rec != nil {
		s.raw, s.art, err = s.dir.program(rec.Digest, s.cfg)
		s.digest, s.resumed = rec.Digest, true
		return err
	}
	if s.art, err = job.Compile(s.cfg); err != nil {
		return err
	}
	if s.raw, err = onnx.Marshal(s.art.Model); err != nil {
		return err
	}
	s.digest = hex.EncodeToString(s.art.Digest[:])
	if err := s.dir.keepArtifact(s.raw); err != nil {
		return err
	}
	return s.dir.Save(func(r *Record) error {
		r.Role, r.Job, r.Kind, r.Place = RoleServer, s.cfg.About().Name, s.cfg.Kind().Name(), job.ServerPlace
		r.Settings, r.Set, r.Seed, r.Digest = job.Settings(s.cfg), set, s.cfg.About().Seed, s.digest
		for i, p := range s.o.Known {
			r.Members = append(r.Members, Member{Number: i, Peer: p})
		}
		return nil
	})
}

// begin starts the node; see running.start.
func (s *server) begin(opened func() error) error {
	cfg, err := installed(s.dir.Record(), s.art.Model, s.dir.ID.Peer(), nil)
	if err != nil {
		return err
	}
	for _, m := range s.dir.Record().Members {
		s.net.Learn(m.Peer, m.Addresses)
	}
	s.member = s.memberNews
	if err := s.start(cfg, opened, s.event); err != nil {
		return err
	}
	if err := s.mirror(); err != nil {
		return err
	}
	go s.follow()
	go s.watchEnd()
	return s.catchUp()
}

// event takes what the node tells.
func (s *server) event(h *host.Host, ev engine.AppEvent) error {
	switch ev.Name {
	case job.EventRound:
		r, err := s.cfg.Round(ev.Value)
		if err == nil && r.Number > s.last {
			s.last = r.Number
			s.call(r.Clients)
			s.course.done(time.Now(), r.Number)
			s.board.post(func(b *standing) { b.Round, b.Waits = max(b.Round, r.Number), nil })
			s.o.Notify(r)
			s.note(h, r, time.Now())
		}
		return err
	case job.EventScaled:
		told, err := job.ParseScaled(ev.Value)
		if err == nil {
			s.o.Notify(*told)
		}
		return err
	case job.EventFailed:
		f, err := job.ParseFailed(ev.Value)
		if err != nil {
			return err
		}
		return s.giveUp(f, h == nil)
	case aggregator.EventForgot:
		install.FreeMemory(s.cfg.ModelBytes())
		return nil
	case job.EventDone:
		if h == nil {
			return nil // whoever starts the node asks it afterwards
		}
		return s.finish(h)
	case engine.FailureEvent:
		f, harmless := job.Harmless(ev.Value)
		switch {
		case harmless:
		case s.cfg.Exact():
			return s.giveUp(&job.Failed{Reason: f.Error()}, h == nil)
		default:
			s.o.Notify(Warning{f.Error()})
		}
	}
	return nil
}
