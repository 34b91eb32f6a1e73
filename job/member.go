package job

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/rhizome-ml/rhizome/component/data"
	"github.com/rhizome-ml/rhizome/component/protocol/registry"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/host"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/transport/memory"
	"github.com/rhizome-ml/rhizome/wire"
)

// member is one node of a local run.
type member struct {
	name string
	peer wire.PeerID
	cfg  node.Config

	life sync.Mutex // held while the node is started, dropped or stopped; guards host, port and disk
	host *host.Host // nil while it does not run
	port *memory.Port
	disk *cut

	incarnation atomic.Uint64 // of its last start
}

// members describes the nodes of the run, the server first.
func (c *cluster) members(l *Local) error {
	names := nodeNames(l.cfg.Clients)
	peers := make([]wire.PeerID, len(names))
	for i, name := range names {
		var err error
		if peers[i], err = localPeer(l.cfg.Seed, name); err != nil {
			return err
		}
	}
	targets := map[string][]wire.PeerID{ServerPlace: peers[:1]}
	for i, name := range names {
		cfg := node.Config{
			Program: c.programs[ClientsPlace], Artifact: l.art.Model, Catalogue: c.catalogue, Values: c.values,
			Self: peers[i], Seed: l.cfg.Seed, Targets: targets, Limits: engine.DefaultLimits(),
		}
		if i == 0 {
			cfg.Program, cfg.Targets = c.programs[ServerPlace], nil // the server learns of its clients when they join
		} else {
			part := i - 1
			options, err := nodeOptions(name, part)
			if err != nil {
				return err
			}
			cfg.Options = options
		}
		c.nodes = append(c.nodes, &member{name: name, peer: peers[i], cfg: cfg})
	}
	return nil
}

// nodeOptions are the settings of a client's components that are its own.
func nodeOptions(name string, part int) (map[string][]byte, error) {
	mine, err := json.Marshal(data.Options{Partition: &part})
	if err != nil {
		return nil, err
	}
	called, err := json.Marshal(registry.Options{Name: name})
	return map[string][]byte{"data": mine, "registry": called}, err
}

// start runs a node on its directory; the caller holds its life.
func (c *cluster) start(m *member) error {
	m.disk = newCut(c.l.fs)
	// The port comes first: effects leave as soon as the host is there. What arrives before it is there waits.
	var h *host.Host
	ready := make(chan struct{}) // closed when h is set
	port := c.net.Join(m.peer, func(from wire.PeerID, raw []byte) {
		<-ready
		if h != nil {
			h.Receive(from, raw) // what it does not take, the sender sends again
		}
	})
	m.port = port
	disk := m.disk
	started, err := host.Start(host.Config{
		Node:    m.cfg,
		Store:   c.l.store(disk, m),
		Workers: c.workers,
		Send:    port.Send,
		OnEvent: func(ev engine.AppEvent) error {
			select {
			case <-ready:
				return c.event(m, h, ev)
			default:
				return c.event(m, nil, ev)
			}
		},
		OnStop: func(err error) {
			if !disk.isOff() {
				c.abort(&NodeError{m.name, err})
			}
		},
	})
	h = started
	close(ready)
	if err != nil {
		port.Close()
		return &NodeError{m.name, err}
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
	m.port.Close()
	m.host.Stop() // what it could not write is what a crash would have lost
	m.host = nil
}
