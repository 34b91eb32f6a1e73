package memory

import (
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/wire"
)

// Network connects the nodes of a process in real time. It is safe for concurrent use.
type Network struct {
	opts   Options
	start  time.Time
	counts counters
	ports  sync.WaitGroup // the goroutines of all ports

	mu     sync.Mutex
	closed bool
	joined map[wire.PeerID]*Port
	links  map[pair]*link
}

// New returns a network without nodes. Options out of range count as the nearest that is in range.
func New(opts Options) *Network {
	return &Network{opts: opts.sound(), start: time.Now(), joined: map[wire.PeerID]*Port{}, links: map[pair]*link{}}
}

// Join connects a peer. Its receiver is called from one goroutine, for one message after the other, and gets bytes that it
// must not change. A port that the peer had before is closed, and what is under way to it is lost. On a closed network the
// port is closed.
func (n *Network) Join(peer wire.PeerID, recv func(from wire.PeerID, raw []byte)) *Port {
	p := &Port{net: n, self: peer, recv: recv, wake: make(chan struct{}, 1), stop: make(chan struct{})}
	n.mu.Lock()
	old := n.joined[peer]
	if n.closed {
		p.closed = true
	} else {
		n.joined[peer] = p
		n.ports.Add(1)
		go p.run()
	}
	n.mu.Unlock()
	if old != nil {
		old.shut()
	}
	return p
}

// Close closes all ports and waits until no receiver runs. It must not be called from a receiver.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	for _, p := range n.joined {
		p.shut()
	}
	clear(n.joined)
	n.mu.Unlock()
	n.ports.Wait()
}

// Stats returns what happened so far.
func (n *Network) Stats() Stats { return n.counts.stats() }

// send gives a message to the receiver's queue as the pair's link says.
func (n *Network) send(from, to wire.PeerID, raw []byte) error {
	// One lock for all: what a pair's link decides must enter the queue in the order of deciding.
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.joined[to]
	if p == nil {
		return &UnreachableError{to}
	}
	if err := p.room(len(raw)); err != nil {
		return err
	}
	at, copies := [2]int64{}, 1
	if !n.opts.plain() {
		k := pair{from, to}
		if n.links[k] == nil {
			n.links[k] = newLink(n.opts.Seed, k)
		}
		at, copies = n.links[k].arrivals(int64(time.Since(n.start)), &n.opts, &n.counts)
	}
	for _, at := range at[:copies] {
		p.put(message{at: at, from: from, raw: raw})
	}
	return nil
}
