package sim

import (
	"fmt"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Options says what kind of world it is.
type Options struct {
	Seed    uint64
	Network Network
	Disk    Disk
	Work    Latency // how long a command of a worker takes

	// Restart is how long a node that crashed stays down, when nothing else was said.
	Restart Latency

	// Calm says that no node crashes and the network loses nothing. Then nobody asks the same again, and a node without
	// a disk keeps no answers.
	Calm bool

	// Threads is how many threads run the world, of which each wants a processor; 0 is 1. It changes nothing of what
	// happens, as long as OnApp, OnOutput and Mutate change nothing of the world.
	Threads int

	// OnApp is told each app event of a node when it leaves the node; an error stops the run.
	OnApp func(n *Node, ev engine.AppEvent) error
	// OnCopy is told when a copy of a node's directory is taken; what it returns is called when the node goes on from
	// that copy, before anything that it does then. Nil for none.
	OnCopy func(n *Node) (recall func())
	// OnTrace is told each thing that happens, for people; nil for none. It costs much.
	OnTrace func(line Line)
	// OnOutput is told the bytes of everything that leaves a node, for hashes; nil for none. It keeps none of them.
	OnOutput func(n *Node, packet []byte)
	// Mutate, if set, may change a packet as it leaves its node: a peer that lies.
	Mutate func(n *Node, to *Node, raw []byte) []byte
}

// Disk is how long the operations of a disk take.
type Disk struct {
	Sync    Latency
	Publish Latency // of a snapshot
}

// World is one run of many nodes in virtual time. It is thread-unsafe.
type World struct {
	lane // its own
	Tally

	opt    Options
	queue  queue
	net    network
	nodes  []*Node
	twins  int // the last of the nodes: copies of others
	heals  int
	disks  []*Node // those that are durable
	byPeer map[wire.PeerID]int32

	// lanes are those of the threads that run nodes ahead, none where one thread does it all. The nodes without a disk
	// of a lane share a desk.
	lanes  []*lane
	desks  []*desk
	window window
	crew   *crew // nil where none runs
	single bool
	pairs  int // nodes that have a twin now

	InFlightMost int
	Refusals     map[string]uint64

	counts  Counts
	failure error
}

// Violation says that a run broke a promise.
type Violation struct {
	Checker string // which promise
	At      time.Duration
	What    string
}

// Error describes the broken promise.
func (v *Violation) Error() string {
	return fmt.Sprintf("%s: %s (at %v of virtual time)", v.Checker, v.What, v.At)
}

// New returns a world without nodes at time 0.
func New(opt Options) *World {
	w := &World{
		opt: opt, byPeer: map[wire.PeerID]int32{}, Refusals: map[string]uint64{},
		net: network{Network: opt.Network, seed: opt.Seed, last: map[uint64]int64{}, clogs: map[uint64]int64{}},
	}
	w.lane = lane{w: w, sum: &w.Tally}
	w.desks = []*desk{{engine.NewScratch(), &arrival{}}}
	for opt.Threads > 1 && len(w.lanes) < lanesEach*opt.Threads {
		if w.lanes = append(w.lanes, &lane{w: w}); len(w.desks) < len(w.lanes) {
			w.desks = append(w.desks, &desk{engine.NewScratch(), &arrival{}})
		}
	}
	return w
}

// Add puts a node into the world; it starts when the world runs, or after at. It is called before any node has a twin.
func (w *World) Add(s Spec, at time.Duration) *Node {
	cfg := s.Config
	n := &Node{
		Name: s.Name, Peer: s.Config.Self, id: int32(len(w.nodes)), cfg: &cfg, store: s.Store, durable: s.Durable,
		chance: NewChance(w.opt.Seed, uint64(len(w.nodes))+1), clock: newClock(), Intact: true,
	}
	n.cfg.BeforeWork = func(engine.Command) error { return n.work.strike() }
	if !s.Durable {
		n.desk = w.desks[int(n.id)%len(w.desks)]
		n.cfg.Scratch, n.cfg.Unasked = n.desk.scratch, w.opt.Calm
	}
	if s.Durable {
		w.disks = append(w.disks, n)
		n.fs = vfs.NewMem()
		n.fs.KeepOld(s.KeepOld)
		n.store.FS, n.store.Dir = n.fs, "node"
	}
	w.nodes = append(w.nodes, n)
	w.byPeer[n.Peer] = n.id
	w.queue.push(w.now+int64(at), event{kind: evBegin, node: n.id})
	return n
}

// Now returns the virtual time since the beginning.
func (w *World) Now() time.Duration { return time.Duration(w.now) }

// Nodes returns all nodes, in the order of Add, without copies that run beside them; it is to be read only.
func (w *World) Nodes() []*Node { return w.nodes[:len(w.nodes)-w.twins] }

// NodeOf returns the node of a peer, or nil.
func (w *World) NodeOf(p wire.PeerID) *Node {
	if i, ok := w.byPeer[p]; ok {
		return w.nodes[i]
	}
	return nil
}

// At has f called at a time, which is the present one if it has passed.
func (w *World) At(at time.Duration, f func()) {
	w.queue.push(max(int64(at), w.now), event{kind: evAct, act: f})
}

// Fail stops the run with an error; the first one stands.
func (w *World) Fail(err error) {
	if w.failure == nil {
		w.failure = err
	}
}

// Run lets things happen until stop says so, nothing is left to happen, or virtual time has reached the end. It returns
// the error that stopped the run, or nil. It may be called again to go on.
//
// Where more threads than one run the world and stop has said so, nodes may be ahead of the world, by less than the
// least latency, but for one that has just told something. The world may go on, or be read at the node that told; to
// act upon it then, see Single.
func (w *World) Run(end time.Duration, stop func() bool) error {
	defer w.rest()
	for w.failure == nil && w.more() && w.due() <= int64(end) {
		if stop != nil && stop() {
			return nil
		}
		w.once(int64(end))
	}
	if w.failure == nil && (stop == nil || !stop()) {
		w.now = max(w.now, int64(end))
	}
	return w.failure
}

// Idle says whether nothing is left to happen.
func (w *World) Idle() bool { return !w.more() }

// once lets the next thing happen.
func (w *World) once(end int64) {
	w.lookAhead(end)
	k, ev := w.take()
	w.now = max(w.now, k.at)
	w.Events++
	if ev.kind == evAct {
		ev.act()
		return
	}
	n := w.nodes[ev.node]
	if ev.ahead != nil && ev.ahead.done {
		w.apply(n, ev.ahead)
		return
	}
	ev.ahead = nil
	if w.now < n.pausedTo && ev.kind != evBegin && (ev.kind == evArrive || ev.life == n.life) {
		// the process is stopped: its things happen when it goes on
		w.queue.putBack(n.pausedTo, k, ev)
		return
	}
	w.happen(n, &ev)
}

// happen has an event happen to a node.
func (l *lane) happen(n *Node, ev *event) {
	if ev.kind != evArrive && ev.kind != evBegin && ev.life != n.life {
		return // of a life that is over
	}
	switch ev.kind {
	case evArrive:
		l.arrived(n, ev)
	case evStep:
		n.stepping = false
		l.step(n)
	case evWake:
		if n.wakeAt == ev.wakeTime {
			n.wakeAt = 0
			l.step(n)
		}
	case evSync:
		l.synced(n)
	case evPublish:
		l.published(n)
	case evWork:
		l.input(n, ev.input)
	case evBegin:
		l.begin(n)
	}
}

// arrived takes a packet in.
func (l *lane) arrived(n *Node, ev *event) {
	l.sum.InFlight--
	if n.nd == nil {
		return // nobody is there; the sender sends again
	}
	l.sum.Delivered++
	from := l.w.nodes[ev.from]
	if l.w.opt.OnTrace != nil {
		l.tracePacket(from, n, ev.raw)
	}
	if n.drv == nil {
		l.feed(n, from, ev.raw)
		return
	}
	l.input(n, arrivedEvent(from.Peer, ev.raw))
}

// arrival is the input that an arriving packet is for a node without a disk; the next packet uses it again.
type arrival struct {
	input    engine.Event
	envelope snapshot.EnvelopeEvent
}

// feed gives a packet to a node without a disk. When the node has taken all that it needs of it, its memory is used
// again.
func (l *lane) feed(n *Node, from *Node, raw []byte) {
	a := n.desk.arrival
	a.envelope = snapshot.EnvelopeEvent{From: string(from.Peer), Raw: raw}
	a.input.Envelope = &a.envelope
	l.direct(n, &a.input)
	switch {
	case n.nd == nil || n.nd.Engine().Waiting() > 0:
		n.desk.arrival = &arrival{} // the node still holds this one
	case !l.w.net.Faulty() && l.w.opt.Mutate == nil:
		n.desk.scratch.Recycle(raw) // nobody else has it
	}
}
