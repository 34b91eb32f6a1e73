package deploy

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Options are what all nodes take.
type Options struct {
	Dir     string
	FS      vfs.FS // nil means that of the machine
	Network Network
	Listen  []string // multiaddrs; nil means as before, or any port of all interfaces
	// Relays are addresses of relays, each with its peer id. A node behind an address translator keeps a place at each,
	// is reached over them, and straight as soon as a way through the translators is found. Relay makes the node one,
	// for those whom it admits.
	Relays []string
	Relay  bool
	// LAN lets nodes of the local network find this one, and it them.
	LAN bool
	// Operators may call the node from afar; see /rhizome/control/1.
	Operators []wire.PeerID
	// Takeover goes on where a peer has seen a life of this node that runs elsewhere and began later; else this one
	// ends then.
	Takeover bool
	// Keep is how many snapshots the node keeps, and KeepAge how old others are at most: more of them keep more rounds
	// to fork from. 0 means as before, or 2 and none. See host.Store.
	Keep    int
	KeepAge time.Duration
	Patient time.Duration // how long to wait for a directory that another process holds
	// told of Listening, Joined, Linked, Progress, Warning and job.Round, from any goroutine; nil for nobody
	Notify func(any)
}

// Listening tells where a node can be reached.
type Listening struct {
	Peer      wire.PeerID
	Addresses []string // the best first
	Job       string
	Rounds    int    // of the job
	Digest    string // of the job's artifact
	Resumed   bool
}

// Joined tells that a server gave a client its number, or an edge.
type Joined struct {
	Peer   wire.PeerID
	Member int
	Edge   bool // it is an edge
}

// Linked tells that a link with a peer came up or ended.
type Linked struct {
	Peer   wire.PeerID
	Remote string
	Up     bool
	Reason string // why it ended
}

// Progress tells a client how far the job is.
type Progress struct{ Round, Rounds int }

// News tells what became of a peer: up, down, suspected, trusted, blocked, unblocked, unresolved, refused, joined,
// left, removed.
type News struct {
	Peer   wire.PeerID
	State  string
	Reason string
}

// Warning tells of what a node goes on with.
type Warning struct{ Text string }

// Surpassed tells that the node's directory had gone back.
type Surpassed = job.Surpassed

// ListenDefault is where nodes listen when nothing is said.
func ListenDefault() []string {
	return []string{"/ip4/0.0.0.0/udp/0/quic-v1", "/ip4/0.0.0.0/tcp/0"}
}

// running is a node that runs: its directory, its links, and once it has a job, its host.
type running struct {
	o       Options
	dir     *Dir
	net     transport.Transport
	glue    *glue
	host    *host.Host
	workers *host.Workers
	links   links
	near    chan nearby                                 // peers of the local network, as they are found
	lists   host.Admission                              // who may talk to the node, as its governor says
	leave   atomic.Pointer[func(context.Context) error] // has a client leave its job; nil for other roles
	// told of what the node says of peers, in its thread; may be nil
	member  func(engine.PeerNotice)
	inviter *inviter // of a server
	knocks  knocks   // of peers that were turned away

	cuts           knocks      // of peers that were cut
	others         others      // that run another program
	away, awayCuts chan string // one line of each, to be told

	// claims returns those of the addresses that a peer says it has which are believed; nil: all of them.
	claims func(p wire.PeerID, addresses []string) []string
	failed chan error // holds the first reason why the node cannot go on

	answering sync.RWMutex // read-locked by calls at the socket that are under way: the node ends behind them

	standing atomic.Pointer[beside] // what the role knows of how the job is, or nil
	done     context.Context
	cancel   context.CancelFunc // ends what runs beside
}

// open locks the directory and opens the transport on it.
func open(ctx context.Context, o Options) (*running, error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.Notify == nil {
		o.Notify = func(any) {}
	}
	o.Notify = cleanly(o.Notify)
	if err := install.CheckKeep(o.Keep, o.KeepAge); err != nil {
		return nil, err
	}
	for _, a := range o.Listen { // before anything is made
		if _, err := wire.ParseAddress(a); err != nil {
			return nil, err
		}
	}
	if err := checkRelays(o.Relays); err != nil {
		return nil, err
	}
	dir, err := patiently(ctx, o)
	if err != nil {
		return nil, err
	}
	r := &running{o: o, dir: dir, failed: make(chan error, 1), near: make(chan nearby, 16), away: make(chan string, 1),
		awayCuts: make(chan string, 1)}
	r.done, r.cancel = context.WithCancel(context.Background())
	return r, nil
}

// patiently opens the directory, and waits a while where another process holds it: one that was killed may not be gone
// yet.
func patiently(ctx context.Context, o Options) (*Dir, error) {
	until := time.Now().Add(o.Patient)
	for {
		dir, err := OpenDir(o.FS, o.Dir)
		var de *DirError
		if err == nil || !errors.As(err, &de) || !de.busy || time.Now().After(until) {
			return dir, err
		}
		if !pause(ctx, 20*time.Millisecond) {
			return nil, err
		}
	}
}

// pause waits, and says whether it was not ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// listen opens the transport at the addresses that were asked for, or at those of before. Where the port of before is
// taken, another one will do.
func (r *running) listen(admit func(wire.PeerID) error, link func(wire.PeerID, string, bool, error)) error {
	asked := r.o.Listen
	remembered := []string(nil)
	if rec := r.dir.Record(); rec != nil && (len(asked) == 0 || slices.Equal(free(rec.Listen), asked)) {
		remembered = rec.Listen // where a port was asked for, it is not free to choose
	}
	if len(asked) == 0 {
		asked = ListenDefault()
		if len(remembered) > 0 {
			asked = free(remembered)
		}
	}
	for _, a := range asked {
		if _, err := wire.ParseAddress(a); err != nil {
			return err
		}
	}
	r.glue = newGlue(admit, func(p wire.PeerID, remote string, up bool, reason error) {
		r.links.note(p, remote, up)
		text := ""
		if reason != nil {
			text = reason.Error()
		}
		r.o.Notify(Linked{p, remote, up, text})
		if link != nil {
			link(p, remote, up, reason)
		}
	})
	r.glue.knock = r.knocked
	go r.reportAway()
	var err error
	if len(remembered) > 0 {
		if r.net, err = r.enter(remembered); err != nil {
			r.o.Notify(Warning{"cannot listen where it did before, and takes another port: " + err.Error()})
		}
	}
	if r.net == nil {
		if r.net, err = r.enter(asked); err != nil {
			return err
		}
	}
	close(r.glue.open)
	if len(r.o.Relays) > 0 && !r.placed(placeWithin) {
		r.o.Notify(
			Warning{"no relay has given this node a place yet; it is asked again and again, and what this node " +
				"tells of its addresses now lacks it"})
	}
	r.control()
	return nil
}

// enter opens the transport. A machine whose network carries no multicast is not found on it, and works all the same.
func (r *running) enter(listen []string) (transport.Transport, error) {
	e := End{ID: r.dir.ID, Listen: listen, Receiver: r.glue, Relays: r.o.Relays, Relay: r.o.Relay}
	if !r.o.LAN || onLoopback(listen) {
		return r.o.Network(e)
	}
	e.Found = func(p wire.PeerID, addresses []string) {
		select {
		case <-r.glue.open:
			r.found(p, addresses)
		case <-r.glue.stop:
		}
	}
	t, err := r.o.Network(e)
	if err == nil {
		return t, nil
	}
	e.Found = nil
	if t, without := r.o.Network(e); without == nil {
		r.o.Notify(Warning{"nodes of the local network cannot find this one: " + err.Error()})
		return t, nil
	}
	return nil, err
}

// free returns addresses with their ports left to the system.
func free(listen []string) []string {
	out := make([]string, len(listen))
	for i, text := range listen {
		out[i] = text
		if a, err := wire.ParseAddress(text); err == nil && a.Net != "memory" {
			a.Port = 0
			out[i] = a.String()
		}
	}
	return out
}

// ports returns the addresses to listen at next time: those that were asked for, with the ports that the system chose.
func (r *running) ports() []string {
	listen := r.o.Listen
	if rec := r.dir.Record(); len(listen) == 0 && rec != nil && len(rec.Listen) > 0 {
		listen = free(rec.Listen)
	}
	if len(listen) == 0 {
		listen = ListenDefault()
	}
	out := make([]string, len(listen))
	for i, text := range listen {
		out[i] = text
		a, err := wire.ParseAddress(text)
		if err != nil || a.Port != 0 || a.Net == "memory" {
			continue
		}
		for _, has := range r.net.Addresses() {
			if h, err := wire.ParseAddress(has); err == nil && h.Proto == a.Proto && h.Port != 0 &&
				(h.Net == a.Net || a.Host == h.Host) {
				a.Port = h.Port
				out[i] = a.String()
				break
			}
		}
	}
	return out
}

// start runs the node of the job on the directory. opened is called when the directory was found good, and before
// anything in it is changed: a start that is refused changes nothing. Whatever the node tells goes to event, which gets
// nil while the host starts.
func (r *running) start(cfg node.Config, opened func() error, event func(*host.Host, engine.AppEvent) error) error {
	install.TuneMemory(cfg.Program)
	cfg.BeforeWork = install.Tidy(cfg.Program)
	r.workers = host.NewWorkers(runtime.GOMAXPROCS(0))
	var h *host.Host
	ready := make(chan struct{})
	started, err := host.Start(host.Config{
		Node: cfg, Store: store(r.dir.FS, r.dir.Path, keeps(r.dir.Record(), r.o), cfg), Workers: r.workers,
		Send: r.net.Send,
		OnEvent: func(ev engine.AppEvent) error {
			select {
			case <-ready:
				return event(h, ev)
			default:
				return event(nil, ev)
			}
		},
		First:  func(n *node.Node) []*engine.Event { return founders(r.dir.Record(), n) },
		OnPeer: r.news, OnDrop: r.refused, OnCut: r.cut, Drop: r.net.Drop, Admission: &r.lists, OnStop: r.fail,
		OnOpen: opened, Prove: r.dir.ID.Sign, Takeover: r.o.Takeover,
	})
	if err != nil {
		return err
	}
	h = started
	close(ready)
	r.host = started
	if err := r.takeStored(); err != nil {
		return err
	}
	r.glue.bind(started)
	go r.govern()
	install.Settle(cfg.Program)
	return nil
}

// keeps returns the record with what the options say of snapshots to keep.
func keeps(rec *Record, o Options) *Record {
	out := *rec
	out.Keep, out.KeepAge = cmp.Or(o.Keep, rec.Keep), cmp.Or(o.KeepAge, rec.KeepAge)
	return &out
}

// store says where the node of a record keeps its state.
func store(fsys vfs.FS, dir string, rec *Record, cfg node.Config) host.Store {
	s := install.Store(fsys, dir, install.ModelBytes(cfg.Program))
	s.Keep, s.KeepAge = rec.Keep, rec.KeepAge
	return s
}

// noteStart returns what writes down that the process was started, where it listens, and what more there is to note.
func (r *running) noteStart(more func(*Record)) func() error {
	return func() error {
		listen := r.ports()
		return r.dir.Save(func(rec *Record) error {
			rec.Starts++
			rec.Listen = listen
			*rec = *keeps(rec, r.o)
			more(rec)
			return nil
		})
	}
}

// news does what the node says of a peer, and tells it. Where a peer can be reached is what the node's book says, and
// what was written down.
func (r *running) news(n engine.PeerNotice) {
	if n.Kind == engine.PeerAddresses {
		addresses := slices.Clone(n.Addresses)
		if r.claims != nil {
			addresses = r.claims(n.Peer, addresses)
		}
		for _, a := range written(r.dir.Record(), n.Peer) {
			if !slices.Contains(addresses, a) {
				addresses = append(addresses, a)
			}
		}
		r.net.Learn(n.Peer, addresses)
		return
	}
	host.Peer(r.net, n)
	if r.member != nil {
		r.member(n)
	}
	if n.Kind == engine.PeerSurpassed {
		r.o.Notify(r.surpassed(n))
		return
	}
	if n.Kind == engine.PeerRefused && n.Reason == wire.NoticeDigest.String() {
		r.others.note(n.Peer)
	}
	r.o.Notify(News{n.Peer, n.Kind.String(), n.Reason})
}

// surpassed returns what is told of a directory that had gone back.
func (r *running) surpassed(n engine.PeerNotice) Surpassed {
	last := int64(0)
	if h := r.glue.bound(); h != nil {
		last = h.Recovery().LastWall
	}
	return job.SurpassedBy(n, last)
}

// written returns where a peer was, as the record has it.
func written(rec *Record, p wire.PeerID) []string {
	if rec == nil {
		return nil
	}
	if p == rec.Server {
		return rec.Addresses
	}
	for _, m := range rec.Members {
		if m.Peer == p {
			return m.Addresses
		}
	}
	return nil
}

// govern tells the node where it can be reached and who its operators are.
func (r *running) govern() {
	ctx, cancel := context.WithTimeout(r.done, callWithin)
	defer cancel()
	err := r.host.Reachable(ctx, sound(r.net.Addresses(), r.dir.ID.Peer()))
	for _, p := range r.o.Operators {
		if err == nil {
			_, err = r.host.Control(ctx, "", engine.ControlGrant, p, "")
		}
	}
	if err != nil && r.done.Err() == nil && !errors.Is(err, host.ErrStopped) {
		r.o.Notify(Warning{"the node does not know where it can be reached: " + err.Error()})
	}
}

// fail notes why the node cannot go on.
func (r *running) fail(err error) {
	select {
	case r.failed <- err:
	default: // the first failure is the cause of the others
	}
}

// close ends everything, cleanly: what was taken is durable then.
func (r *running) close() error {
	r.cancel()
	r.answering.Lock()
	defer r.answering.Unlock()
	os.Remove(filepath.Join(r.dir.Path, socketFile))
	var err error
	if r.glue != nil {
		r.glue.end()
	}
	if r.net != nil {
		err = r.net.Close()
	}
	if r.host != nil {
		err = errors.Join(r.host.Stop(), err)
	}
	if r.workers != nil {
		r.workers.Close()
	}
	return errors.Join(err, r.dir.Close())
}
