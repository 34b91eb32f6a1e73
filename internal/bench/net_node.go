package bench

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
	"github.com/rhizome-ml/rhizome/value"
)

// netKey returns the identity of a node of the bench, which is known to everybody: it listens on loopback only.
func netKey(index int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	binary.LittleEndian.PutUint32(seed, uint32(index+1))
	return ed25519.NewKeyFromSeed(seed)
}

// netEnd opens an end on a loopback socket.
func netEnd(spec netSpec, r transport.Receiver) (*libp2p.Transport, error) {
	listen := "/ip4/127.0.0.1/tcp/0"
	if spec.QUIC {
		listen = "/ip4/127.0.0.1/udp/0/quic-v1"
	}
	cfg := libp2p.Config{Key: netKey(spec.Index), Receiver: r, Listen: []string{listen}}
	if spec.Role == "source" { // its packets are all the same memory, so all of them may wait
		cfg.Limits.QueueBytes, cfg.Limits.QueuePackets = spec.Bytes+netPacket, spec.Bytes/netPacket+1
	}
	if spec.Members > 0 {
		cfg.Alive = fleetAlive
	}
	if spec.Index > 0 {
		cfg.Listen = nil
		if spec.Members > 0 { // one processor does the handshakes of thousands
			cfg.DialFor, cfg.DialTimeout = netPatience, netPatience
		}
	} else if spec.Members > 0 { // all else is as it is anywhere: who comes too soon tries again
		cfg.Limits.Links = spec.Members + spec.Members/8 + 64
	}
	return libp2p.New(cfg)
}

// netServer returns the peer whose addresses were given.
func netServer(spec netSpec) (wire.PeerID, error) {
	if len(spec.Server) == 0 {
		return "", errors.New("no address of the server was given")
	}
	a, err := wire.ParseAddress(spec.Server[0])
	return a.Peer, err
}

// netReceiver gives packets to a function, once there is one.
type netReceiver struct {
	ready chan struct{}
	take  func(from wire.PeerID, raw []byte)
	sees  sees

	linked   func() // called with the first link; nil where nobody asks
	linkOnce sync.Once
}

// sees is what hears of links: a host, or a light node.
type sees interface {
	Linked(p wire.PeerID, remote string)
	Unlinked(p wire.PeerID, reason error)
}

func newNetReceiver() *netReceiver { return &netReceiver{ready: make(chan struct{})} }

// bind gives the packets that wait, and all after them, to take, and what is seen of links to sees, which may be nil.
func (r *netReceiver) bind(sees sees, take func(from wire.PeerID, raw []byte)) {
	r.sees, r.take = sees, take
	close(r.ready)
}

// bindHost gives a node what comes, and who is linked. began is called before the first packet.
func (r *netReceiver) bindHost(h *host.Host, began func()) {
	var once sync.Once
	r.bind(h, func(from wire.PeerID, raw []byte) {
		once.Do(began)
		_ = h.Accept(from, raw, nil)
	})
}

func (r *netReceiver) Admit(wire.PeerID) error { return nil }

func (r *netReceiver) Receive(from wire.PeerID, raw []byte) error {
	<-r.ready
	r.take(from, raw)
	return nil
}

func (r *netReceiver) Linked(p wire.PeerID, remote string) {
	if r.linked != nil {
		r.linkOnce.Do(r.linked)
	}
	if <-r.ready; r.sees != nil {
		r.sees.Linked(p, remote)
	}
}

func (r *netReceiver) Unlinked(p wire.PeerID, reason error) {
	if <-r.ready; r.sees != nil {
		r.sees.Unlinked(p, reason)
	}
}

func (r *netReceiver) Lost(wire.PeerID, int, error) {}

// netNode is the process of a node of the job of empty rounds. The server tells how long the rounds took.
func netNode(spec netSpec, say func(netAnswer), over <-chan struct{}) error {
	if spec.Index == 0 {
		install.TuneServer() // as the server of a job is
	}
	receiver := newNetReceiver()
	if err := wantFiles(uint64(spec.Members) + fleetFiles); err != nil {
		return err
	}
	end, err := netEnd(spec, receiver)
	if err != nil {
		return err
	}
	defer end.Close()
	cfg, err := netConfig(spec, end.Self())
	if err != nil {
		return err
	}
	if spec.Index > 0 {
		end.Learn(cfg.Targets["server"][0], spec.Server)
	}
	var fsys vfs.FS = vfs.NewMem()
	if spec.Dir != "" {
		fsys = vfs.OS()
	}
	disk := newMeter(fsys)
	watch := &netWatch{spec: spec, disk: disk, done: make(chan netAnswer, 1)}
	workers := host.NewWorkers(1)
	defer workers.Close()
	dir := spec.Dir
	if dir == "" {
		dir = "node"
	}
	h, err := host.Start(host.Config{
		Node: cfg, Store: host.Store{FS: disk, Dir: dir}, Workers: workers, OnEvent: watch.event,
		Send: func(to wire.PeerID, raw []byte) error {
			watch.sent(raw)
			return end.Send(to, raw)
		},
	})
	if err != nil {
		return err
	}
	defer h.Stop()
	watch.own = ownMemory()
	receiver.bindHost(h, func() { watch.ready = time.Now() })
	say(netAnswer{Ready: true, Addresses: end.Addresses()})
	select {
	case a := <-watch.done:
		say(a)
		<-over
	case <-over:
		say(netAnswer{Ready: true, Syncs: disk.syncs.Load(), Bytes: disk.written.Load(), CPU: processorTime()})
	}
	return nil
}

// netConfig returns what the node is installed with.
func netConfig(spec netSpec, self wire.PeerID) (node.Config, error) {
	members, cohort := spec.fleet()
	art, err := empty{rounds: spec.Warm + spec.Rounds, floats: spec.Bytes / 4, members: members,
		cohort: cohort}.record()
	if err != nil {
		return node.Config{}, err
	}
	catalogue := node.NewCatalogue()
	if err := builtin.Register(catalogue); err != nil {
		return node.Config{}, err
	}
	cfg := node.Config{Artifact: art.Model, Catalogue: catalogue, Values: value.NewRegistry(), Seed: 1, Self: self,
		Limits: engine.DefaultLimits()}
	place, server := "server", self
	if spec.Index > 0 {
		if server, err = netServer(spec); err != nil {
			return node.Config{}, err
		}
		place = "clients"
		cfg.Options = emptyOptions(spec.Index - 1)
	}
	cfg.Targets, cfg.Anyone = map[string][]wire.PeerID{"server": {server}}, []string{"clients"}
	cfg.Program, err = program.Load(art.Model, place)
	return cfg, err
}

// netWatch takes the time of the rounds at the server: from the first question after those that warm up to the end. Its
// methods are called by the goroutine that lets effects go.
type netWatch struct {
	spec  netSpec
	disk  meter
	asked int
	ready time.Time // when the first packet came
	began time.Time
	own   float64 // memory of the process then
	first float64 // seconds from there to the first question
	cpu   float64
	syncs int64
	bytes int64
	done  chan netAnswer
	over  atomic.Bool
}

func (w *netWatch) sent(raw []byte) {
	if w.spec.Index > 0 || len(raw) < w.spec.Bytes {
		return
	}
	_, cohort := w.spec.fleet()
	if w.asked++; w.asked == 1 {
		w.first = time.Since(w.ready).Seconds()
	}
	if w.asked == cohort*w.spec.Warm+1 {
		w.began, w.cpu, w.syncs, w.bytes = time.Now(), processorTime(), w.disk.syncs.Load(), w.disk.written.Load()
	}
}

func (w *netWatch) event(ev engine.AppEvent) error {
	switch {
	case ev.Name == engine.FailureEvent:
		return fmt.Errorf("the node failed: %v", ev.Value)
	case ev.Name == "done" && !w.over.Swap(true):
		w.done <- netAnswer{Seconds: time.Since(w.began).Seconds(), CPU: processorTime() - w.cpu,
			Syncs: w.disk.syncs.Load() - w.syncs, Bytes: w.disk.written.Load() - w.bytes, First: w.first,
			Own: ownMemory() - w.own}
	}
	return nil
}
