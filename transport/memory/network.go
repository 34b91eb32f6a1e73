package memory

import (
	"crypto/ed25519"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Network connects the nodes of a process in real time. It is safe for concurrent use.
type Network struct {
	opts   Options
	start  time.Time
	counts counters

	// One lock for all: what a pair's link decides must enter the queue in the order of deciding.
	mu     sync.Mutex
	closed bool
	joined map[wire.PeerID]*Port
	links  map[pair]*link
}

// New returns a network without nodes. Options out of range count as the nearest that is in range.
func New(opts Options) *Network {
	return &Network{opts: opts.sound(), start: time.Now(), joined: map[wire.PeerID]*Port{}, links: map[pair]*link{}}
}

// Join connects a peer that takes packets only and admits everybody: recv is called as Receive of a transport.Receiver
// is.
func (n *Network) Join(peer wire.PeerID, recv func(from wire.PeerID, raw []byte)) *Port {
	return n.Attach(peer, packets(recv))
}

// Attach connects a peer. A port that the peer had before is closed, and what is under way to it is lost. On a closed
// network the port is closed.
func (n *Network) Attach(peer wire.PeerID, r transport.Receiver) *Port {
	p := &Port{net: n, self: peer, to: r, desks: map[wire.PeerID]*desk{}, serve: map[string]handler{},
		streams: map[*stream]bool{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	if old := n.joined[peer]; old != nil {
		old.shut()
	}
	if p.closed = n.closed; !p.closed {
		n.joined[peer] = p
	}
	return p
}

// Open connects the peer that has the key: a transport.Opener.
func (n *Network) Open(key ed25519.PrivateKey, r transport.Receiver) (transport.Transport, error) {
	public, _ := key.Public().(ed25519.PublicKey)
	id, err := wire.PeerIDFromPublicKey(public)
	if err != nil {
		return nil, err
	}
	return n.Attach(id, r), nil
}

// Close closes all ports and waits until no receiver runs. It must not be called from a receiver.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	var all []*Port
	for _, p := range n.joined {
		all = append(all, p)
	}
	n.mu.Unlock()
	for _, p := range all {
		_ = p.Close()
	}
}

// Stats returns what happened so far.
func (n *Network) Stats() Stats { return n.counts.stats() }

// packets is a receiver of packets alone.
type packets func(from wire.PeerID, raw []byte)

func (packets) Admit(wire.PeerID) error { return nil }

func (f packets) Receive(from wire.PeerID, raw []byte) error {
	f(from, raw)
	return nil
}

func (packets) Linked(wire.PeerID, string)   {}
func (packets) Unlinked(wire.PeerID, error)  {}
func (packets) Lost(wire.PeerID, int, error) {}
