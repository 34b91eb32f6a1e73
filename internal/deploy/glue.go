package deploy

import (
	"sync"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// glue is the receiver of a transport whose host may not be there yet. It is safe for concurrent use.
type glue struct {
	admit func(wire.PeerID) error
	link  func(p wire.PeerID, remote string, up bool, reason error)

	knock func(p wire.PeerID, remote string, reason error) // told of those who are not admitted; may be nil

	open  chan struct{} // closed when the transport is there
	ready chan struct{} // closed when the host is there
	stop  chan struct{} // closed when nothing is taken any more
	once  sync.Once

	mu   sync.Mutex
	host *host.Host
	up   map[wire.PeerID]string // links that the host does not know yet
}

func newGlue(admit func(wire.PeerID) error, link func(wire.PeerID, string, bool, error)) *glue {
	return &glue{admit: admit, link: link, open: make(chan struct{}), ready: make(chan struct{}),
		stop: make(chan struct{}), up: map[wire.PeerID]string{}}
}

// bind gives the links that are there, the packets that wait, and all after them, to a host.
func (g *glue) bind(h *host.Host) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p, remote := range g.up {
		h.Linked(p, remote)
	}
	g.host, g.up = h, nil
	close(g.ready)
}

// bound returns the host, or nil where none is there yet.
func (g *glue) bound() *host.Host {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.host
}

func (g *glue) end() { g.once.Do(func() { close(g.stop) }) }

// Admit says whether a peer may be linked with.
func (g *glue) Admit(p wire.PeerID) error { return g.admit(p) }

// Knocked notes that a peer came by itself and was not admitted.
func (g *glue) Knocked(p wire.PeerID, remote string, reason error) {
	if g.knock != nil {
		g.knock(p, remote, reason)
	}
}

// Receive gives a packet to the node. While the node is full it waits, which slows the peer down.
func (g *glue) Receive(from wire.PeerID, raw []byte) error {
	select {
	case <-g.ready:
	case <-g.stop:
		return host.ErrStopped
	}
	return g.bound().Accept(from, raw, g.stop)
}

// Linked notes that a peer is there.
func (g *glue) Linked(p wire.PeerID, remote string) {
	g.mu.Lock()
	if g.host != nil {
		g.host.Linked(p, remote)
	} else {
		g.up[p] = remote
	}
	g.mu.Unlock()
	g.link(p, remote, true, nil)
}

// Unlinked notes that a peer is gone: what was under way to it may be lost.
func (g *glue) Unlinked(p wire.PeerID, reason error) {
	g.mu.Lock()
	if g.host != nil {
		g.host.Unlinked(p, reason)
	} else {
		delete(g.up, p)
	}
	g.mu.Unlock()
	g.link(p, "", false, reason)
}

// Lost tells the node that packets have not left.
func (g *glue) Lost(to wire.PeerID, packets int, reason error) {
	if h := g.bound(); h != nil {
		h.Lost(to, packets, reason)
	}
}
