package deploy

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/deploy/exchange"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/wire"
)

// The protocols beside the envelopes and the job.
const (
	watchProtocol = "/rhizome/watch/1"
	callProtocol  = "/rhizome/call/1"
)

// watchEvery is the longest silence of a server on a watch; after three of them the client opens another.
const watchEvery = 5 * time.Second

// watchHello is what a client says first: where it can be reached.
type watchHello struct {
	Format    int      `json:"format"`
	Addresses []string `json:"addresses,omitempty"`
}

// status is what a server says on a watch, whenever something changes and at least every watchEvery.
type status struct {
	Refused string         `json:"refused,omitempty"`
	Round   int            `json:"round"`
	Rounds  int            `json:"rounds"`
	Done    *exchange.Done `json:"done,omitempty"`
}

// call is what a server that came back says to a client: where it is now.
type call struct {
	Format    int      `json:"format"`
	Addresses []string `json:"addresses"`
}

// board shows how the job goes on to all that watch. It is safe for concurrent use.
type board struct {
	mu      sync.Mutex
	now     status
	changed chan struct{} // closed and replaced at each change
	acked   map[wire.PeerID]bool
}

func newBoard(rounds int) *board {
	return &board{now: status{Rounds: rounds}, changed: make(chan struct{}), acked: map[wire.PeerID]bool{}}
}

func (b *board) post(change func(*status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.now)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) look() (status, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now, b.changed
}

// knows notes that a client knows that the job is done.
func (b *board) knows(p wire.PeerID) {
	b.mu.Lock()
	b.acked[p] = true
	b.mu.Unlock()
	b.post(func(*status) {})
}

// allKnow says whether all these clients know that the job is done.
func (b *board) allKnow(members []Member) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range members {
		if !b.acked[m.Peer] {
			return false
		}
	}
	return true
}

// show keeps one client informed until it is gone, or knows that the job is done.
func (b *board) show(ctx context.Context, from wire.PeerID, s transport.Stream) error {
	for {
		now, changed := b.look()
		if err := exchange.WriteMessage(s, now); err != nil {
			return err
		}
		if now.Done != nil {
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
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		t.Stop()
	}
}

// watch follows the job at the server until it is done or ctx ends. Whatever breaks, it begins anew, soon at first.
func (c *client) watch(ctx context.Context) (*exchange.Done, error) {
	wait := retryLeast
	for {
		before := c.calls.Load()
		done, good, err := c.watchOnce(ctx)
		switch {
		case done != nil:
			return done, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, new(*exchange.RefusedError)):
			return nil, err
		}
		if good || c.calls.Load() != before {
			wait = retryLeast
		}
		c.state(false, err)
		// The upper half at random, so that clients that lost one server do not come back at once.
		t := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-t.C:
		case <-c.called:
		case <-ctx.Done():
		}
		t.Stop()
		wait = min(2*wait, retryMost)
	}
}

// The waits between two tries to reach a server.
const (
	retryLeast = 40 * time.Millisecond
	retryMost  = 3 * time.Second
)

// openWithin bounds how long it takes to open a stream, dialling included.
const openWithin = 10 * time.Second

// watchOnce opens a watch and follows it; good says whether anything was heard.
func (c *client) watchOnce(ctx context.Context) (done *exchange.Done, good bool, err error) {
	opening, cancel := context.WithTimeout(ctx, openWithin)
	s, err := c.net.Open(opening, c.dir.Record().Server, watchProtocol)
	cancel()
	if err != nil {
		return nil, false, err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	if err := exchange.WriteMessage(s, watchHello{exchange.Format, c.net.Addresses()}); err != nil {
		return nil, false, err
	}
	for {
		var now status
		if err := exchange.ReadMessage(s, &now, 3*watchEvery); err != nil {
			return nil, good, err
		}
		if now.Refused != "" {
			return nil, false, exchange.Refuse(exchange.CodeStranger, "%s", now.Refused)
		}
		good = true
		c.state(true, nil)
		if now.Done == nil {
			c.o.Tell(Progress{now.Round, now.Rounds})
			continue
		}
		if err := c.dir.Save(func(r *Record) error { r.Done = now.Done; return nil }); err != nil {
			return nil, true, err
		}
		// The server may be gone before it reads this; it waits a while, and no longer.
		if exchange.WriteMessage(s, struct{}{}) == nil {
			s.CloseWrite()
			exchange.ReadMessage(s, &struct{}{}, time.Second) // until the server has closed its side
		}
		return now.Done, true, nil
	}
}
