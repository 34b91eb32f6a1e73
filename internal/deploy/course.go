package deploy

import (
	"errors"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// beside adds what the role of a node knows of how the job is to a status.
type beside struct {
	add func(s *Status, now time.Time)
}

// course is how a job goes on at its server: its rounds, and what it waits for. It is safe for concurrent use.
type course struct {
	mu      sync.Mutex
	pace    pace
	waits   *Waits // as of the last look; nil where the server works
	looked  time.Time
	joined  bool          // a round has begun
	round   int           // the last that is over
	at      time.Time     // its end
	took    time.Duration // from the end of the one before it
	began   time.Time     // of the process
	without time.Duration // of waiting for clients
	up, of  int           // clients that are there, and that are known
	wanted  int           // clients of the job
}

func (c *course) begin(now time.Time, cfg job.Served) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began, c.looked, c.wanted = now, now, cfg.About().Clients
}

// over notes the last round of an earlier life, and when it was, where that is known.
func (c *course) over(round int, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round, c.at, c.joined = round, at, round > 0
}

// done notes that a round is over.
func (c *course) done(now time.Time, number int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if number <= c.round {
		return
	}
	if number == c.round+1 && !c.at.IsZero() {
		c.took = now.Sub(c.at)
	}
	c.round, c.at, c.joined = number, now, true
}

// last returns how long the last round took, 0 where that is not known.
func (c *course) last() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.took
}

// end returns how long was trained until now.
func (c *course) end(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(now.Sub(c.began)-c.without, 0)
}

// look takes what the server waits for, and returns what is to be told of it, or nil.
func (c *course) look(now time.Time, w *Waits, up, of int) *Waiting {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.waits
	if before != nil && before.On == observe.AwaitsMembers {
		c.without += now.Sub(c.looked)
	}
	c.looked, c.waits, c.up, c.of = now, w, up, of
	first := paceFirst
	switch {
	case w == nil:
	case w.On == observe.AwaitsMembers && !c.joined:
		first = courseFirst
	case w.On == observe.AwaitsMembers:
	case !w.away():
		c.joined = true
		first = max(first, 2*c.took) // a round that takes its time is no wait
	}
	tell, over := c.pace.look(now, w, first)
	if w != nil {
		w.dated()
	}
	switch {
	case tell:
		return &Waiting{Waits: *w, Waited: now.Sub(c.pace.began)}
	case over > 0 && before != nil:
		return &Waiting{Waits: *before, Over: true, Waited: over}
	}
	return nil
}

// courseFirst is how long a server waits for its first clients before it says so: those of one machine are there by
// then.
const courseFirst = 500 * time.Millisecond

// courseLook is how often a server looks at what it waits for.
const courseLook = 200 * time.Millisecond

// attend tells what the job waits for, until it is over.
func (s *server) attend() {
	tick := time.NewTicker(courseLook)
	defer tick.Stop()
	for {
		select {
		case <-s.done.Done():
			return
		case <-s.finished:
			return
		case <-s.broken:
			return
		case now := <-tick.C:
			if s.lookAt(now) != nil {
				return // the host has stopped, and says why
			}
		}
	}
}

// lookAt looks once at what the job waits for.
func (s *server) lookAt(now time.Time) error {
	var a *observe.Awaits
	var all []observe.Seen
	if err := s.host.View(func(n *node.Node) { a, all = observe.AwaitsOf(n), observe.SeenOf(n) }); err != nil {
		return err
	}
	up := 0
	for _, h := range all {
		if !h.Silent {
			up++
		}
	}
	rec := s.dir.Record()
	w := waitsOf(a, all, rec, s.links.look(), s.host.Now(), now)
	s.learnNames(all)
	known := len(rec.Members)
	if s.seats.place == job.EdgesPlace {
		known = len(all)
	}
	tell := s.course.look(now, w, up, known)
	if tell == nil {
		return nil
	}
	s.board.post(func(b *standing) {
		b.Waits = nil
		if !tell.Over {
			b.Waits = &tell.Waits
		}
	})
	s.o.Notify(*tell)
	return nil
}

// catchUp takes up where an earlier life of the server was: its last round, and its end where it had told one.
func (s *server) catchUp() error {
	last := 0
	var failed *job.Failed
	var all []observe.Round
	after := s.noted()
	err := s.host.View(func(n *node.Node) {
		all = observe.RoundsAfter(n, after)
		s.learnNames(observe.SeenOf(n))
		if history := observe.History(n); len(history) > 0 {
			last = history[len(history)-1].Round
		}
		failed = observe.FailedBy(n)
	})
	if errors.Is(err, host.ErrStopped) {
		return nil // by itself, and it tells why
	}
	if err != nil {
		return err
	}
	s.noteAll(all)
	s.course.over(last, time.Time{})
	s.board.post(func(b *standing) { b.Round = max(b.Round, last) })
	if early := s.dir.Record().Failed; early != nil { // told while the node was being started
		failed = early
	}
	if failed != nil {
		return s.giveUp(failed, false)
	}
	return s.finish(s.host)
}

// add puts how the job is into a server's status.
func (s *server) add(st *Status, now time.Time) {
	c := &s.course
	c.mu.Lock()
	defer c.mu.Unlock()
	st.Round = max(st.Round, c.round)
	st.RoundAt, st.RoundTook = c.at, c.took
	if st.Done == nil && st.Failed == nil {
		st.Waits = c.waits
	}
}
