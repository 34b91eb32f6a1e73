package doors

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// digest is that of the program that the server plays.
var digest = [32]byte{0xd0, 0x0e}

// key returns the key of a peer by its number.
func key(n int) ed25519.PrivateKey {
	seed := sha256.Sum256(fmt.Appendf(nil, "rhizome prove doors %d", n))
	return ed25519.NewKeyFromSeed(seed[:])
}

// PeerOf returns the peer id of a key.
func PeerOf(k ed25519.PrivateKey) wire.PeerID {
	id, err := wire.PeerIDFromPublicKey(k.Public().(ed25519.PublicKey))
	if err != nil {
		panic(err) // every ed25519 key has one
	}
	return id
}

// server is a durable node that answers questions, behind a transport.
type server struct {
	*libp2p.Transport
	host    *host.Host
	disk    *vfs.Mem
	workers *host.Workers
	dropped drops
	lists   atomic.Pointer[lists]
	linked  atomic.Uint64
	ready   chan struct{}
}

// lists are a copy of the governor's, for the door of the transport.
type lists struct {
	blocked, allowed []wire.PeerID
	closed           bool
}

// drops counts what the node refused, by reason.
type drops struct {
	mu sync.Mutex
	by map[string]uint64
}

func (d *drops) note(_ *engine.Event, err error) {
	var re *engine.RefusedError
	code := "without a type"
	if errors.As(err, &re) && re.Reason != "" {
		code = re.What + ": " + re.Code
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.by[code]++
}

func (d *drops) of(code string) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.by[code]
}

// serve starts a server on loopback.
func serve(limits libp2p.Limits) (*server, error) {
	program := *rig.Programs()[1]
	program.Digest = digest
	cfg, err := rig.Config(1, false)
	if err != nil {
		return nil, err
	}
	cfg.Program, cfg.Self = &program, PeerOf(key(0))
	s := &server{disk: vfs.NewMem(), workers: host.NewWorkers(1), dropped: drops{by: map[string]uint64{}},
		ready: make(chan struct{})}
	s.lists.Store(&lists{})
	s.Transport, err = libp2p.New(libp2p.Config{
		Key: key(0), Receiver: s, Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"},
		Limits: limits,
	})
	if err != nil {
		s.workers.Close()
		return nil, err
	}
	s.host, err = host.Start(host.Config{
		Node: cfg, Store: host.Store{FS: s.disk, Dir: "n"}, Workers: s.workers, Send: s.Transport.Send,
		OnEvent: func(engine.AppEvent) error { return nil }, OnDrop: s.dropped.note,
	})
	close(s.ready)
	if err != nil {
		s.close()
	}
	return s, err
}

func (s *server) close() {
	s.Transport.Close()
	if s.host != nil {
		s.host.Stop()
	}
	s.workers.Close()
}

// Admit asks the copy of the lists.
func (s *server) Admit(p wire.PeerID) error {
	l := s.lists.Load()
	switch {
	case slices.Contains(l.blocked, p):
		return errors.New("blocked")
	case l.closed && !slices.Contains(l.allowed, p):
		return errors.New("not on the allowlist")
	}
	return nil
}

// Receive gives a packet to the node.
func (s *server) Receive(from wire.PeerID, raw []byte) error {
	<-s.ready
	return s.host.Accept(from, raw, nil)
}

// Linked counts links.
func (s *server) Linked(wire.PeerID, string) { s.linked.Add(1) }

// Unlinked has nothing to do: the node's streams send again.
func (s *server) Unlinked(wire.PeerID, error) {}

// Lost has nothing to do either.
func (s *server) Lost(wire.PeerID, int, error) {}

// control has the node's own operator, or a caller from afar, call the control plane.
func (s *server) control(caller wire.PeerID, op string, p wire.PeerID) error {
	return s.host.Deliver(&engine.Event{Control: &snapshot.ControlEvent{Op: op, Peer: string(p),
		Caller: string(caller)}})
}

// counter returns a counter of the engine, of those that it keeps and of those of refusals.
func (s *server) counter(name string) (n uint64) {
	s.host.View(func(nd *node.Node) {
		for _, c := range append(nd.Engine().Counters(), nd.Engine().Refusals()...) {
			if c.Name == name {
				n = c.Count
			}
		}
	})
	return n
}
