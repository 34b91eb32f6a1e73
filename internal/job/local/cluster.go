package local

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
)

// cluster is all nodes of a run while they run.
type cluster struct {
	l       *Local
	workers *host.Workers
	net     *memory.Network

	nodes []*member         // the server first
	names map[string]string // by peer; not changed when it is made

	finished chan struct{} // closed when the result is written
	result   *job.Result
	telling  sync.Mutex     // held while the result is written
	saying   sync.Mutex     // held while somebody is told something: one at a time
	failed   chan error     // holds the first failure
	chaos    chan job.Round // to the goroutine that drops nodes; nil without chaos
	last     int            // number of the last round that was told
	lastAt   time.Time
	pace     atomic.Int64 // nanoseconds that the last round took

	noting  sync.Mutex  // held while rounds are written down
	early   []job.Round // that were told while their server was being started
	metrics *rundir.Metrics
}

// newCluster makes all nodes of a run. Nothing runs yet.
func newCluster(l *Local) (*cluster, error) {
	c := &cluster{l: l, names: map[string]string{}, finished: make(chan struct{}), failed: make(chan error, 1)}
	members, err := l.cfg.Members(l.art)
	for _, m := range members {
		c.nodes = append(c.nodes, &member{Member: m})
		c.names[string(m.Peer)] = m.Name
	}
	return c, err
}

// run starts all nodes. After an error, close ends those that run.
func (c *cluster) run() error {
	c.workers = host.NewWorkers(runtime.GOMAXPROCS(0))
	c.net = memory.New(memory.Options{})
	errs := make([]error, len(c.nodes))
	var all sync.WaitGroup
	for i, m := range c.nodes {
		all.Go(func() {
			m.life.Lock()
			defer m.life.Unlock()
			errs[i] = c.start(m)
		})
	}
	all.Wait()
	return firstOf(errs)
}

// firstOf returns the first error: the cause of the others, and one line for people.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// close ends all nodes cleanly: what they have taken is durable then.
func (c *cluster) close() error {
	if c.net == nil {
		return nil
	}
	c.net.Close()
	errs := make([]error, len(c.nodes))
	var all sync.WaitGroup
	for i, m := range c.nodes {
		all.Go(func() {
			m.life.Lock()
			defer m.life.Unlock()
			if m.host != nil {
				errs[i] = m.host.Stop()
			}
		})
	}
	all.Wait()
	c.workers.Close()
	return firstOf(errs)
}

// abort notes why the run cannot go on.
func (c *cluster) abort(err error) {
	select {
	case c.failed <- err:
	default: // the first failure is the cause of the others
	}
}

// event takes what a node tells its host. When it returns nil, the event is acknowledged; else the node stops, and its
// next life tells it again. h is nil while the host is being started.
func (c *cluster) event(m *member, h *host.Host, ev engine.AppEvent) error {
	switch ev.Name {
	case job.EventRound:
		r, err := c.l.cfg.Round(ev.Value)
		if err == nil {
			c.round(r)
			err = c.note(h, r)
		}
		return err
	case job.EventScaled:
		s, err := job.ParseScaled(ev.Value)
		if err == nil && c.l.o.OnScaled != nil {
			c.saying.Lock()
			defer c.saying.Unlock()
			s.Refused = c.named(s.Refused)
			c.l.o.OnScaled(*s)
		}
		return err
	case job.EventDone:
		if h == nil {
			return nil // whoever starts the server asks it for its result afterwards
		}
		return c.finish(h)
	case job.EventFailed:
		f, err := job.ParseFailed(ev.Value)
		if err == nil {
			c.abort(c.gaveUp(f)) // it is in the server's state, where again finds it
		}
		return err
	case engine.FailureEvent:
		return c.failure(m, ev.Value)
	}
	return nil
}

// named puts the names of the run's nodes in the place of peers.
func (c *cluster) named(refused []job.Refused) []job.Refused {
	for i, r := range refused {
		refused[i].Client = c.nameOf(r.Client)
	}
	return refused
}

// peer tells that the directory of a node had gone back; the host's clock showed last at the last record in it, or it
// is 0. The others help it forward.
func (c *cluster) peer(m *member, n engine.PeerNotice, last int64) {
	if n.Kind != engine.PeerSurpassed || c.l.o.OnSurpassed == nil {
		return
	}
	s := job.SurpassedBy(n, last)
	s.Node, s.Name = m.Name, c.names[string(n.Peer)]
	c.saying.Lock()
	defer c.saying.Unlock()
	c.l.o.OnSurpassed(s)
}

// gaveUp is the error of a job that has failed, in names that people know, with the way on.
func (c *cluster) gaveUp(f *job.Failed) error {
	told := *f
	told.Clients = nil
	names := map[string]string{}
	for _, m := range c.nodes {
		names[string(m.Peer)] = m.Name
		told.Reason = strings.ReplaceAll(told.Reason, string(m.Peer), m.Name)
	}
	for _, p := range f.Clients {
		if name, ok := names[p]; ok {
			p = name
		}
		told.Clients = append(told.Clients, p)
	}
	if told.Way == "" {
		told.Way = c.l.cfg.WayOn(c.l.o.Dir, told.Round, told.Reason)
	}
	return &job.FailedError{Failed: told}
}

// failure takes a failure that nothing in the program handled.
func (c *cluster) failure(m *member, v value.Value) error {
	f, harmless := job.Harmless(v)
	switch {
	case harmless:
	case c.l.cfg.Exact():
		return c.gaveUp(&job.Failed{Round: c.last + 1, Reason: f.Error()})
	case c.l.o.OnWarn != nil:
		c.saying.Lock()
		defer c.saying.Unlock()
		c.l.o.OnWarn(m.Name + ": " + f.Error())
	}
	return nil
}

// round tells of a round, unless it was told before: it is told by one life of the server, and again by the next.
func (c *cluster) round(r job.Round) {
	if r.Number <= c.last {
		return
	}
	if now := time.Now(); c.last == 0 {
		c.lastAt = now
	} else {
		c.pace.Store(int64(now.Sub(c.lastAt)))
		c.lastAt = now
	}
	c.last = r.Number
	c.callScores(r.Clients)
	if c.l.o.OnRound != nil {
		c.saying.Lock()
		c.l.o.OnRound(r)
		c.saying.Unlock()
	}
	if c.chaos != nil {
		select {
		case c.chaos <- r:
		default: // more rounds wait than there will ever be time to disturb
		}
	}
}

// finish writes the result from what the server told at its end, once.
func (c *cluster) finish(server *host.Host) error {
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.result != nil {
		return nil
	}
	var told *job.Outcome
	err := server.View(func(n *node.Node) { told = c.l.cfg.Outcome(n) })
	if errors.Is(err, host.ErrStopped) {
		return nil // it was dropped meanwhile, and its next life tells the result again
	}
	if err != nil || told == nil {
		return err
	}
	c.called(told)
	if err = c.noteAll(server); err != nil {
		return err
	}
	if c.result, err = c.l.write(told, c.restarts()); err != nil {
		return err
	}
	close(c.finished)
	return nil
}

// restarts counts what the run has survived: a restart of the whole process once, that of a single node once.
func (c *cluster) restarts() uint64 {
	c.l.saving.Lock()
	r := c.l.record
	c.l.saving.Unlock()
	// Where run.json was lost, the nodes know better how often all of them were started.
	least := c.nodes[0].incarnation.Load()
	for _, m := range c.nodes {
		least = min(least, m.incarnation.Load())
	}
	if r.Fork != nil {
		least -= min(r.Fork.Lives, least) // earlier lives were those of another run
	}
	return max(r.Starts, least, 1) - 1 + r.Drops
}

// watch ends the run when the server's program has ended without a result: nobody would ever tell one.
func (c *cluster) watch(stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for idle := 0; idle < 2; {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if c.ended() {
			idle++
		} else {
			idle = 0
		}
	}
	c.abort(fmt.Errorf("job: the server's program ended without a result"))
}

// ended says whether nothing is in flight at the server, and there is no result.
func (c *cluster) ended() (ended bool) {
	server := c.nodes[0]
	server.life.Lock()
	defer server.life.Unlock()
	if h := server.host; h != nil {
		h.View(func(n *node.Node) {
			ended = n.Engine().Idle() && observe.ToldDone(n) == nil && observe.FailedBy(n) == nil
		})
	}
	return ended
}
