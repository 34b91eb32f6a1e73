package doors

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// Flood is the proof as a part of the whole.
type Flood struct {
	Command []string // the arguments with which this program serves
}

// Name is the word of the command line.
func (Flood) Name() string { return "flood" }

// Promise is what holds.
func (Flood) Promise() string {
	return "under ten times as much junk as a server takes, honest peers wait at most twice as long, and it grows " +
		"by at most 64 MiB"
}

// The floors of a flood.
const (
	triesMax   = 3        // how often latencies are taken, until they hold
	slowerMax  = 2        // p99 of honest peers, against that before
	growthMax  = 64 << 20 // bytes of the server's memory
	answersMax = 3        // bytes that attackers get for one of theirs
)

const floorConnects, floorJunk = "junk connections", "junk frames"

// Floors are those of CI.
func (Flood) Floors() []prove.Floor {
	floors := []prove.Floor{{What: floorConnects, N: 5000, Scales: true}, {What: floorJunk, N: 30_000, Scales: true}}
	for _, name := range attackNames {
		floors = append(floors, prove.Floor{What: name, N: 100, Fault: true})
	}
	return floors
}

// flood says how much. A server takes 50 new connections a second of an address; its honest peers ask 400 times a
// second together, and junk comes ten times as often.
type flood struct {
	calm, span       time.Duration // without a flood; of one turn under it
	turns            int
	connects, frames int // a second
	askEvery         time.Duration
	measured         bool // latencies are held against the floor
}

var fullFlood = flood{calm: 4 * time.Second, span: 5 * time.Second, turns: 4, connects: 500, frames: 4000,
	askEvery: 10 * time.Millisecond, measured: true}

// Run does it once, against a process of its own.
func (f Flood) Run(s *prove.Shard) error {
	if _, ok := s.Next(); !ok || s.Index != 0 {
		return nil
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU()))
	see, end, err := f.start()
	if err != nil {
		return err
	}
	defer end()
	other, endOther, err := f.start()
	if err != nil {
		return err
	}
	defer endOther()
	return fullFlood.run(s, see, other)
}

// start starts a server in a process of its own.
func (f Flood) start() (look, func(), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(self, f.Command...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", runtime.NumCPU()))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	return looking(in, out), func() { in.Close(); cmd.Wait() }, nil
}

// look asks a server for its figures.
type look func() (figures, error)

func looking(in io.Writer, out io.Reader) look {
	lines, first := bufio.NewScanner(out), true
	return func() (f figures, err error) {
		if !first {
			if _, err := io.WriteString(in, "\n"); err != nil {
				return f, err
			}
		}
		first = false
		if !lines.Scan() {
			return f, fmt.Errorf("the server has ended: %v", lines.Err())
		}
		return f, json.Unmarshal(lines.Bytes(), &f)
	}
}

// run has honest peers ask a server, while attackers turn to another and to it, in turns: what they take of the
// processors is taken in both, and what differs is the flood.
func (f flood) run(s *prove.Shard, see, seeOther look) error {
	was, err := see()
	if err != nil {
		return err
	}
	other, err := seeOther()
	if err != nil {
		return err
	}
	h := &honest{every: f.askEvery}
	defer h.close()
	for i := range honestPeers {
		p, err := newPeerAt(key(firstHonest+i), was.Peer, was.Addresses)
		if err != nil {
			return err
		}
		h.peers = append(h.peers, p)
	}
	h.ask(time.Second, &latencies{}) // links
	calm := &latencies{}
	h.ask(f.calm, calm)
	if was, err = see(); err != nil {
		return err
	}
	g, err := f.besiege(was)
	if err != nil {
		return err
	}
	defer g.end()
	o, err := f.besiege(other)
	if err != nil {
		return err
	}
	defer o.end()
	t := g.t
	var now figures
	var c, a, b []time.Duration
	for try := 0; ; try++ {
		aside, during := &latencies{}, &latencies{}
		for range f.turns {
			o.during(func() { h.ask(f.span/2, aside) })
			g.during(func() { h.ask(f.span, during) })
		}
		s.Add("times that latencies were taken", 1)
		if try == 0 {
			if now, err = see(); err != nil {
				return err
			}
		}
		c, a, b = calm.at(0.5, 0.99), aside.at(0.5, 0.99), during.at(0.5, 0.99)
		if !f.measured || b[1] <= slowerMax*a[1] || try == triesMax-1 {
			// what else the machine does may fall into one turn and not into the other: then all is measured again
			break
		}
	}
	if n := h.failed.Load(); n > 0 {
		s.Fail("%d questions of honest peers are not answered", n)
	}
	if f.measured && b[1] > slowerMax*a[1] {
		s.Fail(
			"p99 of honest peers: %v while the flood goes to another server, %v under it, want at most %d times as much", a[1], b[1], slowerMax)
	}
	if now.RSS-was.RSS > growthMax {
		s.Fail("the server grew by %d bytes, want at most %d", now.RSS-was.RSS, growthMax)
	}
	if out, in := t.out.Load(), t.in.Load(); in > answersMax*out {
		s.Fail("attackers sent %d bytes and got %d, want at most %d times as many", out, in, answersMax)
	}
	if got := uint64(now.Tally); got > h.asked.Load() {
		s.Fail("the node counts %d questions, and honest peers asked %d", got, h.asked.Load())
	}
	var sum [2]uint64
	for k := range t.tries {
		n := t.tries[k].Load()
		s.Add(attackNames[k], n)
		sum[min(1, k/int(attackFrames))] += n
	}
	s.Add(floorConnects, sum[0])
	s.Add(floorJunk, sum[1])
	s.Add("questions of honest peers", h.asked.Load())
	for i, what := range []string{"median", "p99"} {
		s.Add("µs of honest "+what+", no flood", uint64(c[i].Microseconds()))
		s.Add("µs of honest "+what+", flood elsewhere", uint64(a[i].Microseconds()))
		s.Add("µs of honest "+what+", flooded", uint64(b[i].Microseconds()))
	}
	s.Add("KiB that the server grew by", uint64(max(0, now.RSS-was.RSS))>>10)
	s.Add("bytes from attackers", uint64(t.out.Load()))
	s.Add("bytes to attackers", uint64(t.in.Load()))
	s.Add("envelopes refused by the node", now.Refused-was.Refused)
	s.Add("connections refused", now.Transport.Refused-was.Transport.Refused)
	return nil
}

// siege is attackers that are ready.
type siege struct {
	flood
	t       *traffic
	addr    string
	through string // where libp2p peers find the server
	srv     figures
	junk    []*peer
	unknown []*peer
	relay   context.CancelFunc
	seeds   atomic.Uint64
}

// unknownPeers are those that come again and again and are not admitted.
const unknownPeers = 32

// besiege makes attackers of a server.
func (f flood) besiege(srv figures) (*siege, error) {
	ctx, cancel := context.WithCancel(context.Background())
	g := &siege{flood: f, t: &traffic{}, addr: tcpOf(srv.Addresses), srv: srv, relay: cancel}
	port, err := g.t.relay(ctx, g.addr)
	g.through = fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", port, srv.Peer)
	for i := 0; err == nil && i < junkPeers+unknownPeers; i++ {
		n, list := firstJunk+i, &g.junk
		if i >= junkPeers {
			n, list = 1_000_000+i, &g.unknown
		}
		var p *peer
		if p, err = newPeerAt(key(n), srv.Peer, []string{g.through}); err == nil {
			*list = append(*list, p)
		}
	}
	if err != nil {
		g.end()
	}
	return g, err
}

func (g *siege) end() {
	g.relay()
	for _, p := range append(g.junk, g.unknown...) {
		p.Close()
	}
}

func (g *siege) rng() *rand.Rand { return rand.New(rand.NewPCG(g.seeds.Add(1), 4)) }

// during attacks while f runs.
func (g *siege) during(f func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for _, p := range g.junk {
		rng := g.rng()
		wait.Go(func() { g.t.junk(ctx, p, rng, time.Second*junkPeers/time.Duration(g.frames)) })
	}
	each(ctx, &wait, g.connects*6/10, 64, func(int) { g.t.raw(ctx, g.addr, attackGarbage, g.rng()) })
	each(ctx, &wait, g.connects*3/10, 400, func(int) { g.t.raw(ctx, g.addr, attackHalf, g.rng()) })
	each(ctx, &wait, max(1, g.connects/10), 2*unknownPeers, func(n int) { g.t.unknown(ctx, g.unknown[n%unknownPeers]) })
	each(ctx, &wait, 20, 4, func(n int) { g.t.oversize(ctx, g.junk[n%junkPeers]) })
	f()
	cancel()
	wait.Wait()
}

// honest are peers that ask, each one question after the other.
type honest struct {
	peers         []*peer
	every         time.Duration
	asked, failed atomic.Uint64
}

// ask has all of them ask for a while.
func (h *honest) ask(span time.Duration, late *latencies) {
	end := time.Now().Add(span)
	var wait sync.WaitGroup
	for _, p := range h.peers {
		wait.Go(func() {
			tick := time.NewTicker(h.every)
			defer tick.Stop()
			for time.Now().Before(end) {
				<-tick.C
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				h.asked.Add(1)
				d, err := p.ask(ctx)
				cancel()
				if err != nil {
					h.failed.Add(1)
					return
				}
				late.add(d)
			}
		})
	}
	wait.Wait()
}

func (h *honest) close() {
	for _, p := range h.peers {
		p.Close()
	}
}
