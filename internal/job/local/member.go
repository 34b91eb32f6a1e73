package local

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/transport"
)

// member is one node of a local run while it runs.
type member struct {
	job.Member

	life sync.Mutex // held while the node is started, dropped or stopped; guards host and disk
	host *host.Host // nil while it does not run
	disk *cut

	incarnation atomic.Uint64 // of its last start
}

// start runs a node on its directory; the caller holds its life.
func (c *cluster) start(m *member) error {
	m.disk = newCut(c.l.fs)
	var h *host.Host
	ready := make(chan struct{}) // closed when h is set: events come before that
	disk := m.disk
	started, err := host.Start(host.Config{
		Node:    m.Config,
		Store:   c.l.store(disk, m),
		Workers: c.workers,
		Transport: func(r transport.Receiver) (transport.Transport, error) {
			return c.net.Attach(m.Peer, r), nil
		},
		OnEvent: func(ev engine.AppEvent) error {
			select {
			case <-ready:
				return c.event(m, h, ev)
			default:
				return c.event(m, nil, ev)
			}
		},
		OnPeer: func(n engine.PeerNotice) {
			last := int64(0)
			select {
			case <-ready:
				last = h.Recovery().LastWall
			default:
			}
			c.peer(m, n, last)
		},
		OnStop: func(err error) {
			if !disk.isOff() {
				c.abort(&job.NodeError{Node: m.Name, Err: err})
			}
		},
	})
	h = started
	close(ready)
	if err != nil {
		return &job.NodeError{Node: m.Name, Err: err}
	}
	m.host = started
	return look(m.host, func(n *node.Node) { m.incarnation.Store(n.Engine().Incarnation()) })
}

// look looks at a node. One that has stopped by itself is no error here: its host tells why.
func look(h *host.Host, see func(*node.Node)) error {
	if err := h.View(see); !errors.Is(err, host.ErrStopped) {
		return err
	}
	return nil
}

// drop ends a node as a crash would: in the middle of its work, and without a word. Only its directory is left. The
// caller holds its life.
func (m *member) drop() {
	if m.host == nil {
		return
	}
	m.disk.cutOff()
	m.host.Stop() // what it could not write is what a crash would have lost
	m.host = nil
}
