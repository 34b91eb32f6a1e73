package deploy

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// finish writes the result where the node has told one, once.
func (s *server) finish(h *host.Host) error {
	var told *job.Outcome
	var all []observe.Round
	after := s.noted()
	err := h.View(func(n *node.Node) {
		if told = s.cfg.Outcome(n); told != nil {
			all = observe.RoundsAfter(n, after)
		}
	})
	if errors.Is(err, host.ErrStopped) || err == nil && told == nil {
		return nil
	}
	if err != nil {
		return err
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	if s.result != nil {
		return nil
	}
	s.noteAll(all)
	s.call(told.Last.Clients)
	res, err := rundir.WriteTold(s.dir.FS, s.dir.Path, told, job.Result{Job: s.cfg.About().Name, Artifact: s.digest,
		Restarts: s.dir.Record().Starts - 1, Resumed: s.resumed})
	if err == nil {
		err = s.dir.Save(func(r *Record) error {
			r.Done = &exchange.Done{Rounds: res.Rounds, ModelSHA256: res.ModelSHA256}
			return nil
		})
	}
	if err == nil {
		s.end(res)
	}
	return err
}

// call puts the names of the job's clients in what they found.
func (s *server) call(of []job.Score) {
	for i, x := range of {
		of[i].Name = s.called(wire.PeerID(x.Peer))
	}
}

// end tells all that watch that the job is done.
func (s *server) end(res *job.Result) {
	s.result = res
	res.Trained = s.course.end(time.Now())
	s.board.post(func(b *standing) {
		b.Round, b.Done = res.Rounds, &exchange.Done{Rounds: res.Rounds, ModelSHA256: res.ModelSHA256}
	})
	close(s.finished)
}

// watchEnd ends the server when its program has ended without a result: nobody would ever tell one.
func (s *server) watchEnd() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for idle := 0; idle < 2; {
		select {
		case <-s.done.Done():
			return
		case <-s.finished:
			return
		case <-s.broken:
			return
		case <-tick.C:
		}
		ended := false
		s.host.View(func(n *node.Node) {
			ended = n.Engine().Idle() && s.cfg.Outcome(n) == nil && observe.FailedBy(n) == nil
		})
		if ended {
			idle++
		} else {
			idle = 0
		}
	}
	s.fail(fmt.Errorf("the server's program ended without a result"))
}

// giveUp ends a job that has failed: that is written down before the node's word of it is acknowledged, and then told
// to all. What is early is written down alone: the node is not there yet, and catchUp does the rest.
func (s *server) giveUp(f *job.Failed, early bool) error {
	s.telling.Lock()
	defer s.telling.Unlock()
	select {
	case <-s.broken:
		return nil
	default:
	}
	if s.result != nil {
		return nil
	}
	told := *f
	told.Reason, told.Clients = job.Line(f.Reason), nil
	rec := s.dir.Record()
	for _, m := range rec.Members {
		told.Reason = strings.ReplaceAll(told.Reason, string(m.Peer), nameOf(rec, m.Peer))
	}
	for _, c := range f.Clients {
		if find(rec.Members, wire.PeerID(c)) >= 0 || s.heardOf(wire.PeerID(c)) {
			c = s.called(wire.PeerID(c))
		}
		told.Clients = append(told.Clients, job.Line(c))
	}
	if !early && told.Round == 0 {
		told.Round = s.board.round() + 1
	}
	if !early && told.Way == "" {
		told.Way = s.cfg.WayOn(s.dir.Path, told.Round, told.Reason)
	}
	if err := s.dir.Save(func(r *Record) error { r.Failed = &told; return nil }); err != nil {
		return err
	}
	if !early {
		s.breakOff(&told)
	}
	return nil
}

// breakOff tells all that the job has failed.
func (s *server) breakOff(f *job.Failed) {
	s.o.Notify(*f)
	s.board.post(func(b *standing) { b.Failed, b.Waits = f, nil })
	close(s.broken)
}
