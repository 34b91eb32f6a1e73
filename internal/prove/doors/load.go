package doors

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/value"
)

// load says how much is tried.
type load struct {
	peers   int           // over the memory transport
	sockets int           // over sockets, one node of its own
	span    time.Duration // for which each peer asks again and again
	every   time.Duration // between two questions of a peer
}

// full is what CI tries.
var full = load{peers: 10_000, sockets: 200, span: 10 * time.Second, every: 2500 * time.Millisecond}

// idleMax is what a peer that is linked and silent may cost, in bytes: what the node and both ends of the transport
// hold.
const idleMax = 32 << 10

// Load is the proof as a part of the whole.
type Load struct{}

// Name is the word of the command line.
func (Load) Name() string { return "load" }

// Promise is what holds.
func (Load) Promise() string {
	return "a node answers 10,000 peers that are there at once, loses nothing, and an idle one costs at most 32 KiB"
}

// Floors are those of CI.
func (Load) Floors() []prove.Floor {
	return []prove.Floor{{What: floorPeers, N: 10_000}, {What: floorAnswers, N: 40_000}, {What: floorSockets, N: 200}}
}

const (
	floorPeers   = "peers at once"
	floorAnswers = "questions answered"
	floorSockets = "peers over sockets"
)

// Run does it once, in one process.
func (Load) Run(s *prove.Shard) error {
	if _, ok := s.Next(); !ok || s.Index != 0 {
		return nil
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU()))
	return full.run(s)
}

// caller is a peer over the memory transport: the least that can ask.
type caller struct {
	self, to wire.PeerID
	send     func(wire.PeerID, []byte) error
	late     *latencies

	mu     sync.Mutex
	number uint64
	epoch  uint64
	ack    uint64
	asked  map[uint64]time.Time
}

// latencies are how long answers took.
type latencies struct {
	mu   sync.Mutex
	all  []time.Duration
	news atomic.Int64 // how many
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	l.all = append(l.all, d)
	l.mu.Unlock()
	l.news.Add(1)
}

// at returns quantiles, each between 0 and 1.
func (l *latencies) at(quantiles ...float64) (out []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.all)
	for _, q := range quantiles {
		if n := len(l.all); n > 0 {
			out = append(out, l.all[min(n-1, int(q*float64(n)))])
		} else {
			out = append(out, 0)
		}
	}
	return out
}

var (
	callers  = value.NewRegistry()
	question = value.NewList(value.Int(7), value.String("there"))
)

// ask sends the next question.
func (c *caller) ask() error {
	c.mu.Lock()
	c.number++
	e := &wire.Envelope{
		Version: wire.PlainVersion, From: c.self, To: c.to, Digest: digest, Incarnation: 1, Epoch: 1, Number: c.number,
		Edge:    askEdge,
		Request: wire.Request{Epoch: 1, ID: c.number}, AckEpoch: c.epoch, Ack: c.ack,
		Fills: []wire.Fill{{Site: askSite, Value: question}},
	}
	if c.asked == nil {
		c.asked = make(map[uint64]time.Time, 2)
	}
	c.asked[c.number] = time.Now()
	c.mu.Unlock()
	raw, err := wire.Append(nil, callers, e)
	if err == nil {
		err = c.send(c.to, raw)
	}
	return err
}

// receive takes an answer, and acknowledges it: nothing is left to do for an idle peer then.
func (c *caller) receive(_ wire.PeerID, raw []byte) {
	var e wire.Envelope
	lim := wire.DefaultLimits()
	if _, err := wire.DecodeHeaderInto(&e, raw, &lim, [2]wire.PeerID{c.to, c.self}); err != nil {
		return // it is missed at the end
	}
	c.mu.Lock()
	c.epoch, c.ack = e.Epoch, max(c.ack, e.Number)
	start, ok := c.asked[e.Answer.ID]
	if delete(c.asked, e.Answer.ID); len(c.asked) == 0 {
		c.asked = nil
	}
	ack := &wire.Envelope{Version: wire.PlainVersion, From: c.self, To: c.to, Digest: digest, Incarnation: 1, Epoch: 1,
		Edge: -1, AckEpoch: c.epoch, Ack: c.ack}
	c.mu.Unlock()
	if ok {
		c.late.add(time.Since(start))
	}
	if e.Number == 0 {
		return
	}
	if raw, err := wire.Append(nil, callers, ack); err == nil {
		_ = c.send(c.to, raw) // an acknowledgement that is lost comes with the next question
	}
}

// held is what the process holds after a collection: heap and stacks, in bytes.
func held() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func (l load) run(s *prove.Shard) error {
	if err := l.many(s); err != nil {
		return err
	}
	return l.few(s)
}

// many links all peers with a node over the memory transport.
func (l load) many(s *prove.Shard) error {
	program := *rig.Programs()[1]
	program.Digest = digest
	cfg, err := rig.Config(1, false)
	if err != nil {
		return err
	}
	cfg.Program = &program
	workers := host.NewWorkers(1)
	defer workers.Close()
	net := memory.New(memory.Options{})
	defer net.Close()
	var port *memory.Port
	ready := make(chan struct{})
	h, err := host.Start(host.Config{
		// a slow machine answers late, and drops nothing
		Node: cfg, Store: host.Store{FS: vfs.NewMem(), Dir: "n", SnapshotBytes: 1 << 40}, Workers: workers,
		Inbox: 10 * l.peers,

		Send:    func(to wire.PeerID, raw []byte) error { <-ready; return port.Send(to, raw) },
		OnEvent: func(engine.AppEvent) error { return nil },
	})
	if err != nil {
		return err
	}
	defer h.Stop()
	port = net.Attach(cfg.Self, h)
	close(ready)
	before := held()
	late := &latencies{all: make([]time.Duration, 0, 10*l.peers)}
	room := int64(cap(late.all)) * 8
	all := make([]*caller, l.peers)
	for i := range all {
		c := &caller{self: wire.PeerID(fmt.Sprintf("peer-%05d-of-the-load-with-a-name-of-52-bytes-aaaaaaa", i)),
			to: cfg.Self, late: late}
		c.send = net.Join(c.self, c.receive).Send
		all[i] = c
	}
	// Each asks at its own time, so that all of them are spread evenly.
	asked, start := 0, time.Now()
	rounds := max(1, int(l.span/l.every))
	for r := range rounds {
		for i, c := range all {
			at := start.Add(time.Duration(r)*l.every + l.every*time.Duration(i)/time.Duration(len(all)))
			if wait := time.Until(at); wait > time.Millisecond {
				<-time.After(wait)
			}
			if err := c.ask(); err != nil {
				s.Fail("%s cannot ask: %v", c.self, err)
				return nil
			}
			asked++
		}
	}
	lost := asked - l.await(late, asked)
	if lost > 0 {
		s.Fail("%d of %d questions are not answered", lost, asked)
	}
	<-time.After(300 * time.Millisecond) // acknowledgements that are under way
	idle := (held() - before - room) / int64(l.peers)
	if idle > idleMax {
		s.Fail("an idle peer costs %d bytes, want at most %d", idle, idleMax)
	}
	q := late.at(0.5, 0.99, 1)
	s.Add(floorPeers, uint64(l.peers))
	s.Add(floorAnswers, uint64(asked-lost))
	s.Add("bytes of an idle peer", uint64(max(idle, 0)))
	s.Add("µs of an answer, median", uint64(q[0].Microseconds()))
	s.Add("µs of an answer, p99", uint64(q[1].Microseconds()))
	s.Add("µs of an answer, most", uint64(q[2].Microseconds()))
	runtime.KeepAlive(all)
	return nil
}

// await waits until so many answers are there, as long as more of them come, and returns how many came.
func (l load) await(late *latencies, asked int) int {
	got, end := int64(0), time.Now().Add(2*patience)
	for got < int64(asked) && time.Now().Before(end) {
		<-time.After(5 * time.Millisecond)
		if now := late.news.Load(); now > got {
			got, end = now, time.Now().Add(2*patience)
		}
	}
	return int(got)
}

// few links some peers with a node over real sockets.
func (l load) few(s *prove.Shard) error {
	srv, err := serve(libp2p.Limits{AddressRate: 10_000})
	if err != nil {
		return err
	}
	defer srv.close()
	late := &latencies{}
	var all []*caller
	for i := range l.sockets {
		c := &caller{self: PeerOf(key(5000 + i)), to: srv.Self(), late: late}
		t, err := libp2p.New(libp2p.Config{Key: key(5000 + i), Receiver: calls(c.receive), DialFor: patience,
			DialTimeout: patience})
		if err != nil {
			return err
		}
		defer t.Close()
		t.Learn(srv.Self(), srv.Addresses())
		c.send = t.Send
		all = append(all, c)
	}
	asked := 0
	for range max(1, int(l.span/l.every)) {
		for _, c := range all {
			if err := c.ask(); err != nil {
				s.Fail("over a socket: %v", err)
				return nil
			}
			asked++
			<-time.After(l.every / time.Duration(2*len(all)))
		}
	}
	if got := l.await(late, asked); got != asked {
		s.Fail("over sockets, %d of %d questions are not answered", asked-got, asked)
	}
	q := late.at(0.5, 0.99)
	s.Add(floorSockets, uint64(l.sockets))
	s.Add("questions answered over sockets", uint64(late.news.Load()))
	s.Add("µs of an answer over a socket, median", uint64(q[0].Microseconds()))
	s.Add("µs of an answer over a socket, p99", uint64(q[1].Microseconds()))
	return nil
}

// calls is a receiver of packets that admits everybody.
type calls func(from wire.PeerID, raw []byte)

// Admit lets all in.
func (calls) Admit(wire.PeerID) error { return nil }

// Receive takes a packet.
func (f calls) Receive(from wire.PeerID, raw []byte) error { f(from, raw); return nil }

// Linked is no news.
func (calls) Linked(wire.PeerID, string) {}

// Unlinked is no news.
func (calls) Unlinked(wire.PeerID, error) {}

// Lost is no news: what is lost is missed.
func (calls) Lost(wire.PeerID, int, error) {}
