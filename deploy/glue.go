package deploy

import (
	"errors"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/host"
	"github.com/rhizome-ml/rhizome/wire"
)

// glue is the receiver of a transport whose host may not be there yet. It is safe for concurrent use.
type glue struct {
	admit func(wire.PeerID) error
	link  func(p wire.PeerID, remote string, up bool, reason error)

	ready chan struct{} // closed when the host is there
	stop  chan struct{} // closed when nothing is taken any more
	once  sync.Once
	host  *host.Host
}

func newGlue(admit func(wire.PeerID) error, link func(wire.PeerID, string, bool, error)) *glue {
	return &glue{admit: admit, link: link, ready: make(chan struct{}), stop: make(chan struct{})}
}

// bind gives the packets that wait, and all after them, to a host.
func (g *glue) bind(h *host.Host) {
	g.host = h
	close(g.ready)
}

// bound returns the host, or nil where none is there yet.
func (g *glue) bound() *host.Host {
	select {
	case <-g.ready:
		return g.host
	default:
		return nil
	}
}

func (g *glue) end() { g.once.Do(func() { close(g.stop) }) }

// Admit says whether a peer may be linked with.
func (g *glue) Admit(p wire.PeerID) error { return g.admit(p) }

// Receive gives a packet to the node. While the node is full it waits, which slows the peer down.
func (g *glue) Receive(from wire.PeerID, raw []byte) error {
	select {
	case <-g.ready:
	case <-g.stop:
		return host.ErrStopped
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := g.host.Receive(from, raw)
		if !errors.As(err, new(*host.FullError)) {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-g.stop:
			t.Stop()
			return host.ErrStopped
		}
	}
}

// Linked notes that a peer is there.
func (g *glue) Linked(p wire.PeerID, remote string) { g.link(p, remote, true, nil) }

// Unlinked notes that a peer is gone: what was under way to it may be lost.
func (g *glue) Unlinked(p wire.PeerID, reason error) {
	g.failed(p, reason)
	g.link(p, "", false, reason)
}

// Lost tells the node that packets have not left.
func (g *glue) Lost(to wire.PeerID, _ int, reason error) { g.failed(to, reason) }

func (g *glue) failed(p wire.PeerID, reason error) {
	if reason == nil {
		reason = errors.New("the link ended")
	}
	select {
	case <-g.ready:
		g.host.Deliver(host.SendFailed(p, reason)) // a full inbox: the streams resend by themselves, later
	default:
	}
}
