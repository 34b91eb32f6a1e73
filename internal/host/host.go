package host

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/transport"
)

// Host runs one node with goroutines. Its methods are safe for concurrent use.
type Host struct {
	cfg       Config
	d         *Durable
	drv       *Driver
	committer *journal.Committer

	mu      sync.Mutex
	inbox   inbox
	flushes []flush       // that wait
	left    bool          // the last Step did not take all packets
	freed   chan struct{} // closed when something is taken out of the inbox; nil while nobody waits for that
	stopped bool

	notify  chan struct{} // one token: the inbox has something
	stop    chan struct{}
	effects *releaser
	done    sync.WaitGroup
	release chan uint64 // records before it are needless: from publishing to the stepping thread
	views   chan view   // for the stepping thread

	links     Links
	linksAt   int64 // engine time at which there is news of links; of the stepping thread
	calls     waiting
	listed    uint64 // of the lists that Admission has; of the stepping thread
	overflows atomic.Uint64
	conduct   Conduct

	ownsWorkers bool

	transport transport.Transport // or nil

	publishing atomic.Bool // a snapshot: one at a time
	pace       pace

	ending sync.Once
	ended  error // of closing, once

	wall0 time.Time // the wall clock when engine time was now0
	now0  int64
	err   error
}

// Start is StartContext that nothing ends.
func Start(cfg Config) (*Host, error) { return StartContext(context.Background(), cfg) }

// StartContext opens the node in its directory and runs it. A node that was there before goes on where it was: it is
// told that it restarted, and puts out again what may have been lost with the process. The context ends the recovery,
// which changes nothing then; it does not end the host. Errors are a *ConfigError, those of Open, of the context, and
// of Config.Transport.
func StartContext(ctx context.Context, cfg Config) (*Host, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	opened := time.Now()
	d, rec, err := open(ctx, cfg.Node, cfg.Store)
	if err != nil {
		return nil, err
	}
	if cfg.OnOpen != nil {
		if err := cfg.OnOpen(); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	h := &Host{
		cfg: cfg, d: d, drv: NewDriver(d, rec, cfg.Prove), committer: journal.NewCommitter(d.Journal),
		notify: make(chan struct{}, 1), stop: make(chan struct{}), release: make(chan uint64, 1),
		views: make(chan view),
	}
	if cfg.Workers == nil {
		h.cfg.Workers, h.ownsWorkers = ownWorkers(), true
	}
	h.conduct.lim = cfg.Junk
	h.pace.work.Store(int64(time.Since(opened))) // a recovery that computed for long is not to be that long again
	h.calls.next = rec.Incarnation << 32
	cfg.Admission.fill(d.Node.Engine())
	h.listed = d.Node.Engine().Listed()
	h.setClock()
	cfg.Admission.conduct.Store(h)
	h.effects = newReleaser(h)
	err = h.connect()
	if err == nil {
		err = h.begin()
	}
	if err != nil {
		h.mu.Lock()
		h.stopped = true
		close(h.stop)
		h.mu.Unlock()
		return nil, errors.Join(err, h.end())
	}
	h.done.Go(h.loop)
	return h, nil
}

// connect opens the host's transport.
func (h *Host) connect() (err error) {
	if h.cfg.Transport == nil {
		return nil
	}
	if h.transport, err = h.cfg.Transport(patient{h}); err != nil {
		return err
	}
	h.cfg.Send = h.transport.Send
	if h.cfg.OnPeer == nil {
		h.cfg.OnPeer = func(n engine.PeerNotice) { Peer(h.transport, n) }
	}
	return nil
}

// Transport returns what Config.Transport opened, or nil.
func (h *Host) Transport() transport.Transport { return h.transport }

// closeWorkers ends workers that are the host's own.
func (h *Host) closeWorkers() {
	if h.ownsWorkers {
		h.cfg.Workers.Close()
	}
}

// setClock maps the wall clock to engine time.
func (h *Host) setClock() {
	h.wall0 = h.cfg.Wall()
	h.now0 = h.drv.Origin(h.wall0.UnixNano())
}

func (h *Host) now() (engineNow, wall int64) {
	t := h.cfg.Wall()
	return h.now0 + max(0, int64(t.Sub(h.wall0))), t.UnixNano()
}

// begin makes the first record of this life.
func (h *Host) begin() error {
	now, wall := h.now()
	var first []*engine.Event
	if h.cfg.First != nil {
		first = h.cfg.First(h.d.Node)
	}
	t, err := h.drv.Begin(now, wall, first...)
	if err != nil {
		return err
	}
	return h.follow(t)
}

// Recovery tells what was found when the host started.
func (h *Host) Recovery() Recovery { return h.drv.Recovery() }

// fail stops the host because going on could lose something.
func (h *Host) fail(err error) {
	h.mu.Lock()
	first := !h.stopped
	h.stopped = true
	if first {
		h.err = err
		close(h.stop)
	}
	h.mu.Unlock()
	if first && h.cfg.OnStop != nil {
		go h.cfg.OnStop(err)
	}
}

// Stop ends the host cleanly: nothing new is taken, what was taken is durable when it returns. It may be called again,
// and returns the same.
func (h *Host) Stop() error {
	h.mu.Lock()
	if !h.stopped {
		h.stopped = true
		close(h.stop)
	}
	h.mu.Unlock()
	h.ending.Do(func() { h.ended = h.end() })
	if h.err != nil {
		return h.err
	}
	return h.ended
}

// end waits for what runs and gives everything back.
func (h *Host) end() error {
	h.done.Wait()
	h.committer.Close()
	h.effects.close()
	var err error
	if h.transport != nil {
		err = h.transport.Close()
	}
	h.closeWorkers()
	return errors.Join(err, h.d.Close())
}
