package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/value"
	"github.com/rhizome-ml/rhizome/wire"
)

// Config says how a node is run.
type Config struct {
	Node    node.Config
	Store   Store
	Workers *Workers                               // shared by the hosts of a process; nil are the host's own
	Send    func(to wire.PeerID, raw []byte) error // hands a packet to the transport; must not block; nil: that of Transport, or none
	OnEvent func(engine.AppEvent) error            // takes an app event; nil acknowledges it, an error stops the host: it is told again
	Wall    func() time.Time                       // the clock; nil is time.Now
	Inbox   int                                    // inputs that wait for the node; 0 is 4,096
	OnPeer  func(engine.PeerNotice)                // told what became of a peer, at once; must not block; may be nil
	OnStop  func(err error)                        // called once when the host stopped by itself, with the reason
	OnDrop  func(ev *engine.Event, refused error)  // told of inputs that the node refused for good; may be nil
	OnOpen  func() error                           // called when the directory was found good, before the new life begins; an error ends Start; may be nil

	// Transport opens the transport that the host is the receiver of, when the directory was found good; Stop closes it. With it, Send is
	// the transport's, and OnPeer, where it is nil, has the transport follow. nil where the caller has one.
	Transport func(transport.Receiver) (transport.Transport, error)

	// HoldEvents leaves it to the caller to acknowledge app events, with Acknowledge.
	HoldEvents bool

	// First, if set, returns what the node takes before anything else in this life, such as whom it is to know as members.
	First func(*node.Node) []*engine.Event
	// Prove signs the start of the node's life for its peers; nil where there is no key. Where a peer has seen a life of the node
	// that began later, which runs elsewhere, the host stops with a *SupersededError; with Takeover it goes on, and the other ends.
	Prove    Prove
	Takeover bool

	// Junk bounds what a peer may send that is refused. A peer that goes beyond it is not admitted for a while, what comes of it is not looked at,
	// OnCut is told, and Drop is to end its links; both may be nil, and must not block.
	Junk  Junk
	OnCut func(Cut)
	Drop  func(wire.PeerID)

	// Admission is filled from the node before Start returns and follows its lists from then on; nil is one of the host's own.
	Admission *Admission
}

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

// FullError says that a host takes no more inputs for now; a peer will send again.
type FullError struct{ Waiting int }

// Error says how many inputs wait.
func (e *FullError) Error() string { return fmt.Sprintf("host: %d inputs wait already", e.Waiting) }

// SupersededError says that another process runs as this node, and began later.
type SupersededError struct {
	Peer      wire.PeerID // who has seen it
	Seen, Own uint64      // when the two began, microseconds of their clocks
}

// Error names both starts and the ways out.
func (e *SupersededError) Error() string {
	at := func(us uint64) string {
		return time.UnixMicro(int64(us)).UTC().Format("2006-01-02 15:04:05.000000 MST")
	}
	return fmt.Sprintf("another process runs as this node: %s saw it begin at %s, this one began at %s, and ends; "+
		"let only one of them run, or keep this one with --takeover", e.Peer, at(e.Seen), at(e.Own))
}

// ErrStopped is returned by a host that was stopped.
var ErrStopped = errors.New("host: stopped")

// Start is StartContext that nothing ends.
func Start(cfg Config) (*Host, error) { return StartContext(context.Background(), cfg) }

// StartContext opens the node in its directory and runs it. A node that was there before goes on where it was: it is told that
// it restarted, and puts out again what may have been lost with the process. The context ends the recovery, which changes nothing then; it
// does not end the host. Errors are a *ConfigError, those of Open, of the context, and of Config.Transport.
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
		notify: make(chan struct{}, 1), stop: make(chan struct{}), release: make(chan uint64, 1), views: make(chan view),
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

// Receive takes a packet of an authenticated peer. A *FullError means that it was dropped; the peer sends it again. A *CutError means that the
// peer is kept out for a while.
func (h *Host) Receive(from wire.PeerID, raw []byte) error {
	if err := h.keptOut(from); err != nil {
		return err
	}
	return h.post(Arrived(from, raw), h.cfg.Inbox)
}

// Accept is Receive that waits for room, so that a transport reads no more of this peer meanwhile. It ends with ErrStopped when the host stops,
// or when stop is closed, which may be nil.
func (h *Host) Accept(from wire.PeerID, raw []byte, stop <-chan struct{}) error {
	err := h.wait(stop, func() error { return h.Receive(from, raw) })
	if err == errEnded {
		return ErrStopped
	}
	return err
}

// Give is Deliver that waits for room. It ends with the context's error, or with ErrStopped when the host stops.
func (h *Host) Give(ctx context.Context, ev *engine.Event) error {
	err := h.wait(ctx.Done(), func() error { return h.Deliver(ev) })
	if err == errEnded {
		return ctx.Err()
	}
	return err
}

// errEnded says that whoever waits for room was told to stop.
var errEnded = errors.New("host: nobody waits any more")

// wait tries until there is room.
func (h *Host) wait(end <-chan struct{}, try func() error) error {
	err := try()
	for errors.As(err, new(*FullError)) {
		freed := h.soon() // before another look, so that no room is missed
		if err = try(); !errors.As(err, new(*FullError)) {
			break
		}
		select {
		case <-freed:
		case <-h.stop:
			return ErrStopped
		case <-end:
			return errEnded
		}
	}
	return err
}

// soon returns what is closed when something is taken out of the inbox.
func (h *Host) soon() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.freed == nil {
		h.freed = make(chan struct{})
	}
	return h.freed
}

// Deliver takes any other input. It is not durable when Deliver returns; see Flush.
func (h *Host) Deliver(ev *engine.Event) error { return h.post(ev, h.cfg.Inbox) }

// post queues an input. Results of workers and acknowledgements are never refused: they are bounded by what was given
// out (max 0 means no bound).
func (h *Host) post(ev *engine.Event, max int) error {
	h.mu.Lock()
	if h.stopped {
		h.mu.Unlock()
		return ErrStopped
	}
	if max > 0 && !h.inbox.room(ev, max) {
		n := len(h.inbox.events)
		h.mu.Unlock()
		return &FullError{n}
	}
	h.inbox.put(ev)
	h.mu.Unlock()
	h.ping()
	return nil
}

func (h *Host) ping() {
	select {
	case h.notify <- struct{}{}:
	default:
	}
}

// loop is the thread that steps the node.
func (h *Host) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var wake int64
	for {
		select {
		case <-h.stop:
			return
		case before := <-h.release:
			if err := h.d.Journal.Release(before); err != nil {
				h.fail(err)
				return
			}
			continue
		case v := <-h.views:
			v.see(h.d.Node)
			close(v.seen)
			continue
		case <-h.notify:
		case <-timer.C:
		}
		events := h.take()
		for {
			if err := h.step(events); err != nil {
				h.fail(err)
				return
			}
			// What the node could not take yet is at the head of the inbox again; it is tried when the node has worked.
			if wake = h.drv.NextStep(); wake != 0 || h.halted() {
				break
			}
			if err := h.attend(); err != nil { // a node may have work for hours
				h.fail(err)
				return
			}
			events = h.take()
		}
		now, _ := h.now()
		timer.Reset(time.Duration(max(0, min(wake, h.settle(now), h.linksAt)-now)))
	}
}

// attend does one of the things that wait for the stepping thread between two steps, where there is one.
func (h *Host) attend() error {
	select {
	case before := <-h.release:
		return h.d.Journal.Release(before)
	case v := <-h.views:
		v.see(h.d.Node)
		close(v.seen)
	default:
	}
	return nil
}

// settle has the journal made durable in time although nothing waits for it. It returns the engine time at which it wants
// to be called again.
func (h *Host) settle(now int64) int64 {
	lsn, at := h.drv.Settle(now)
	if lsn != 0 {
		h.committer.Wait(lsn, h.effects.durable)
	}
	return at
}

func (h *Host) halted() bool {
	select {
	case <-h.stop:
		return true
	default:
		return false
	}
}

// take takes out of the inbox what one Step takes, so that what came before the wake-up is seen by it (trap 23) or by the next
// Step, and adds what is due of links: it is bounded by the peers, so the bound of the inbox does not hold for it.
func (h *Host) take() []*engine.Event {
	now, _ := h.now()
	var links []*engine.Event
	links, h.linksAt = h.links.Take(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	var events []*engine.Event
	events, h.left = h.inbox.take()
	if h.freed != nil && len(events) > 0 {
		close(h.freed)
		h.freed = nil
	}
	return append(links, events...)
}

// step feeds the events to the node and sends its effects on their way.
func (h *Host) step(events []*engine.Event) error {
	now, wall := h.now()
	began := time.Now()
	t, err := h.drv.Step(now, wall, events)
	if err != nil {
		return err
	}
	h.pace.worked(began)
	h.judge(events, t)
	return h.follow(t)
}

// follow does what a step asks for.
func (h *Host) follow(t *Turn) error {
	if len(t.Again) > 0 {
		h.mu.Lock()
		h.inbox.again(t.Again)
		h.mu.Unlock()
	}
	if (h.left || len(t.Again) > 0) && t.Accepted > 0 { // else they wait for what is in the way of these
		h.ping()
	}
	if e := h.d.Node.Engine(); e.Listed() != h.listed {
		h.cfg.Admission.fill(e)
		h.listed = e.Listed()
	}
	for _, n := range t.Peers {
		if n.Kind == engine.PeerJoined {
			h.conduct.Forgive(n.Peer)
			if h.links.Again(n.Peer) {
				h.linksAt = 0
			}
		}
		if h.cfg.OnPeer != nil {
			h.cfg.OnPeer(n)
		}
		switch start := h.d.Node.Engine().Start(); {
		case n.Kind != engine.PeerSuperseded || n.SeenStart <= start:
		case h.cfg.Takeover:
			h.post(h.drv.TakenOver(n), 0)
		default:
			return &SupersededError{Peer: n.Peer, Seen: n.SeenStart, Own: start}
		}
	}
	for _, r := range t.Dropped {
		h.denied(r)
		if h.cfg.OnDrop != nil {
			h.cfg.OnDrop(r.Event, r.Err)
		}
	}
	for _, p := range t.Tell {
		h.cfg.Send(p.To, p.Raw) // best effort: the peer will ask again
	}
	for _, c := range t.Commands {
		h.cfg.Workers.Do(c, h.work, h.finished)
	}
	if t.Holds && !t.Idle {
		h.committer.Wait(t.LSN, h.effects.durable)
	}
	h.flushed(t.LSN)
	return h.checkpoint()
}

// work runs a command, and counts its time where a replay would run it again.
func (h *Host) work(c engine.Command) ([]value.Value, error) {
	if h.d.Node.Recorded(c) {
		return h.d.Work(c)
	}
	defer h.pace.worked(time.Now())
	return h.d.Work(c)
}

// finished takes the results of a worker.
func (h *Host) finished(command uint64, out []value.Value, err error) {
	ev := Finish(h.cfg.Node.Values, command, out, err)
	h.post(&ev, 0) // ErrStopped: the command is given out again by the next start
}

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

// Stop ends the host cleanly: nothing new is taken, what was taken is durable when it returns. It may be called again, and returns the same.
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
