package deploy

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// The protocols beside the envelopes and the job. Of the watch, the first version knows rounds and the end alone;
// whoever reads it refuses keys that it does not know.
const (
	watchProtocol       = "/rhizome/watch/2"
	watchProtocolBefore = "/rhizome/watch/1"
	callProtocol        = "/rhizome/call/1"
)

// watchEvery is the longest silence of a server on a watch; after three of them the client opens another.
const watchEvery = 5 * time.Second

// watchHello is what a client says first: where it can be reached.
type watchHello struct {
	Format    int      `json:"format"`
	Addresses []string `json:"addresses,omitempty"`
}

// status is what a server says on a watch of the first version, whenever something changes and at least every
// watchEvery.
type status struct {
	Refused string         `json:"refused,omitempty"`
	Round   int            `json:"round"`
	Rounds  int            `json:"rounds"`
	Done    *exchange.Done `json:"done,omitempty"`
}

// standing is what it says on a watch of the second version: also what the job waits for, once that has lasted for a
// while, and that it has failed. Who is no member any more hears that, and nothing else of the job.
type standing struct {
	status
	Waits  *Waits      `json:"waits,omitempty"`
	Failed *job.Failed `json:"failed,omitempty"`
	// beside Refused: how the one who watches came to be no member any more, left or removed
	Gone string `json:"gone,omitempty"`
	// beside Refused: CodeFormat for one whose watch was none; empty is CodeStranger
	Code string `json:"code,omitempty"`
}

// over says whether nothing more will come.
func (s *standing) over() bool { return s.Done != nil || s.Failed != nil }

// before returns what the first version has a word for.
func (s *standing) before() status {
	out := s.status
	if s.Failed != nil {
		out.Refused = (&job.FailedError{Failed: *s.Failed}).Error()
	}
	return out
}

// call is what a server that came back says to a client: where it is now.
type call struct {
	Format    int      `json:"format"`
	Addresses []string `json:"addresses"`
}

// board shows how the job goes on to all that watch. It is safe for concurrent use.
type board struct {
	mu      sync.Mutex
	now     standing
	changed chan struct{} // closed and replaced at each change
	acked   map[wire.PeerID]bool
}

func newBoard(rounds int) *board {
	return &board{now: standing{status: status{Rounds: rounds}}, changed: make(chan struct{}),
		acked: map[wire.PeerID]bool{}}
}

func (b *board) post(change func(*standing)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.now)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) look() (standing, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.changed
}

// round returns the last round that is over.
func (b *board) round() int {
	now, _ := b.look()
	return now.Round
}

// knows notes that a client knows that the job is over.
func (b *board) knows(p wire.PeerID) {
	b.mu.Lock()
	b.acked[p] = true
	b.mu.Unlock()
	b.post(func(*standing) {})
}

// unaware returns those of the clients that do not know that the job is over.
func (b *board) unaware(members []Member) []wire.PeerID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []wire.PeerID
	for _, m := range members {
		if !b.acked[m.Peer] {
			out = append(out, m.Peer)
		}
	}
	return out
}

// send writes what is so, in the words of a version of the protocol.
func (s *standing) send(to transport.Stream, protocol string) error {
	if protocol == watchProtocolBefore {
		return exchange.WriteMessage(to, s.before())
	}
	return exchange.WriteMessage(to, s)
}

// show keeps one client informed until it is gone, is no member any more, or knows that the job is over. parted is
// closed when it is no member any more, which is so before the job is over for the others: then nothing more is said.
func (b *board) show(ctx context.Context, from wire.PeerID, s transport.Stream, protocol string,
	parted <-chan struct{}) error {
	for {
		now, changed := b.look()
		select {
		case <-parted:
			return nil
		default:
		}
		if err := now.send(s, protocol); err != nil {
			return err
		}
		if now.Failed != nil && protocol == watchProtocolBefore {
			b.knows(from) // it ends with what it was told, and answers nothing
			return nil
		}
		if now.over() {
			if err := exchange.ReadMessage(s, &struct{}{}, exchange.Timeout); err != nil {
				return err
			}
			b.knows(from)
			return nil
		}
		t := time.NewTimer(watchEvery)
		select {
		case <-changed:
		case <-t.C:
		case <-parted:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		t.Stop()
	}
}

// watch follows the job at the server until it is over or ctx ends. Whatever breaks, it begins anew, soon at first;
// where nothing was heard, with the other version of the protocol.
func (c *client) watch(ctx context.Context) (*exchange.Done, error) {
	wait := retryLeast
	protocol := watchProtocol
	for {
		before, began := c.calls.Load(), time.Now()
		done, good, err := c.watchOnce(ctx, protocol)
		switch {
		case done != nil:
			return done, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, new(*exchange.RefusedError)), errors.As(err, new(*job.FailedError)),
			errors.As(err, new(*DirError)),
			errors.As(err, new(*RemovedError)), errors.As(err, new(*LeftError)):
			return nil, err
		}
		lasted := time.Since(began) >= watchLeast
		if good && lasted || c.calls.Load() != before {
			wait = retryLeast
		}
		if !good && protocol == watchProtocol {
			protocol = watchProtocolBefore
		} else if !good {
			protocol = watchProtocol
		}
		c.state(false, err)
		c.word.lost(time.Now(), err)
		// The upper half at random, so that clients that lost one server do not come back at once.
		t := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-t.C:
		case <-c.called:
		case <-ctx.Done():
		}
		t.Stop()
		if wait = min(2*wait, retryMost); good {
			wait = min(wait, retryShort) // the server is there
		}
	}
}

// The waits between two tries to reach a server.
const (
	retryLeast = 40 * time.Millisecond
	retryMost  = 3 * time.Second
	retryShort = time.Second // behind a watch that something was heard on
)

// watchLeast is how long a watch lasts that is worth another one at once. Of one that breaks sooner the reason may be a
// second process with this key, which comes at once, too: then each would take the other's link as often as it can.
const watchLeast = time.Second

// openWithin bounds how long it takes to open a stream, dialling included.
const openWithin = 10 * time.Second

// watchOnce opens a watch and follows it; good says whether anything was heard.
func (c *client) watchOnce(ctx context.Context, protocol string) (done *exchange.Done, good bool, err error) {
	s, err := c.openWatch(ctx, protocol)
	if err != nil {
		return nil, false, err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	for {
		now, err := readStanding(s, protocol)
		if err != nil {
			return nil, good, err
		}
		if now.Gone == goneLeft || now.Gone == goneRemoved {
			return nil, false, c.said(now.Gone)
		}
		if now.Refused != "" {
			return nil, false, exchange.Refuse(cmp.Or(now.Code, exchange.CodeStranger), "%s", now.Refused)
		}
		good = true
		c.state(true, nil)
		if c.word.received(time.Now(), now) {
			c.o.Notify(Progress{now.Round, now.Rounds})
		}
		if !now.over() {
			c.passOn(now)
			continue
		}
		// Written down before it is acknowledged: the server forgets a client that knows.
		if err := c.dir.Save(func(r *Record) error {
			r.Done, r.Failed = now.Done,
				now.Failed
			return nil
		}); err != nil {
			return nil, true, err
		}
		c.passOn(now)
		acknowledge(s)
		done, err = c.ended(now.Done, now.Failed)
		return done, true, err
	}
}

func (c *client) openWatch(ctx context.Context, protocol string) (transport.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	s, err := c.net.Open(ctx, c.dir.Record().Server, protocol)
	if err != nil {
		return nil, err
	}
	if err := exchange.WriteMessage(s, watchHello{exchange.Format, c.net.Addresses()}); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// readStanding reads what a server says next.
func readStanding(s transport.Stream, protocol string) (standing, error) {
	var now standing
	var read any = &now
	if protocol == watchProtocolBefore {
		read = &now.status
	}
	err := exchange.ReadMessage(s, read, 3*watchEvery)
	now.clean()
	return now, err
}

// acknowledge tells a server that the end of the job is written down. The server may be gone before it reads this; it
// waits a while, and no longer.
func acknowledge(s transport.Stream) {
	if exchange.WriteMessage(s, struct{}{}) == nil {
		s.CloseWrite()
		exchange.ReadMessage(s, &struct{}{}, time.Second) // until the server has closed its side
	}
}

// ended returns what Join returns of a job that is over: one of the two is there.
func (c *client) ended(done *exchange.Done, failed *job.Failed) (*exchange.Done, error) {
	if failed != nil {
		c.o.Notify(*failed)
		return nil, &job.FailedError{Failed: *failed}
	}
	return done, nil
}

// overWithin bounds how long a client whose job is over looks for a server that does not know that.
const overWithin = 2 * time.Second

// goesOn says whether the server has yet to end the job that this client knows to be over: its directory went back in
// time. Whatever keeps it from answering, the job is over then.
func (c *client) goesOn(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, overWithin)
	defer cancel()
	s, err := c.openWatch(ctx, watchProtocol)
	if err != nil {
		return false
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	now, err := readStanding(s, watchProtocol)
	if err != nil || now.Gone != "" || now.Refused != "" {
		return false
	}
	if now.over() {
		acknowledge(s)
	}
	return !now.over()
}

// clean makes the texts of a server, which may be anybody's, fit to be shown, and what it says bounded.
func (s *standing) clean() {
	s.Refused, s.Code = job.Line(s.Refused), job.Line(s.Code)
	if s.Done != nil {
		s.Done.ModelSHA256 = job.Line(s.Done.ModelSHA256)
	}
	if f := s.Failed; f != nil {
		f.Reason, f.Way = job.Line(f.Reason), job.Line(f.Way)
		f.Clients = f.Clients[:min(len(f.Clients), awaitedMax)]
		for i := range f.Clients {
			f.Clients[i] = job.Line(f.Clients[i])
		}
	}
	if w := s.Waits; w != nil {
		w.On, w.Hint = job.Line(w.On), job.Line(w.Hint)
		if w.On == OnServer || w.On == OnNetwork { // these are the client's own to say
			w.On = observe.AwaitsAnswers
		}
		if extra := len(w.For) - awaitedMax; extra > 0 {
			w.For, w.More = w.For[:awaitedMax], w.More+extra
		}
		for i := range w.For {
			a := &w.For[i]
			a.Name, a.State, a.Peer = job.Line(a.Name), job.Line(a.State), wire.PeerID(job.Line(string(a.Peer)))
		}
	}
}
