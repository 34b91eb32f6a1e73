package libp2p

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Transport is an end of the network: a libp2p host that carries packets. It is safe for concurrent use.
type Transport struct {
	cfg    Config
	self   wire.PeerID
	host   host.Host
	swarm  *swarm.Swarm
	close  []func() error // what the host does not close, and needs itself: the last first
	first  []func() error // what is closed before the host
	ways   []*way
	names  *names // what resolved, and what did not
	holes  *holes // nil: none are punched
	ctx    context.Context
	cancel context.CancelFunc
	counts counters

	overlayOnce sync.Once
	overlay     *Overlay
	overlayErr  error

	used sync.Map // by connection: when its peer opened a stream last

	work sync.WaitGroup // all goroutines of this package
	once sync.Once

	gate   sync.Mutex // never held while another lock is taken
	closed bool

	mu      sync.Mutex // taken before a record's
	records map[wire.PeerID]*record
}

var _ transport.Transport = (*Transport)(nil)

// Open opens an end of that Config for a key and a receiver, in place of its own: a transport.Opener.
func (c Config) Open(key ed25519.PrivateKey, r transport.Receiver) (transport.Transport, error) {
	c.Key, c.Receiver = key, r
	t, err := New(c)
	if err != nil {
		return nil, err // not a nil *Transport, which would be a transport
	}
	return t, nil
}

// New assembles an end and listens. The Config is checked first; its errors name the field.
func New(cfg Config) (*Transport, error) {
	cfg, err := cfg.sound()
	if err != nil {
		return nil, err
	}
	t := &Transport{cfg: cfg, records: map[wire.PeerID]*record{}, names: newNames()}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	err = t.parseRelays()
	if err == nil {
		err = t.assemble()
	}
	if err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

// Self returns the peer that this end is.
func (t *Transport) Self() wire.PeerID { return t.self }

// String names the end, and nothing of its key.
func (t *Transport) String() string { return "libp2p " + string(t.self) }

// GoString is String.
func (t *Transport) GoString() string { return t.String() }

// Addresses returns where this end listens, with its peer id, in the order in which peers should try, and then the ways
// over relays at which it has a place.
func (t *Transport) Addresses() []string {
	var out []string
	for _, a := range t.rank(t.host.Addrs()) {
		if first, _ := ma.SplitFirst(a.Addr); first != nil && first.Protocol().Code != ma.P_CIRCUIT {
			out = append(out, a.Addr.String()+"/p2p/"+string(t.self))
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.ways {
		for _, a := range w.addrs {
			out = append(out, a.String()+"/p2p/"+string(t.self))
		}
	}
	return out
}

// Learn tells where a peer may be reached. Texts that are no addresses, and those that name another peer, are left out.
func (t *Transport) Learn(p wire.PeerID, addresses []string) {
	r, err := t.record(p)
	if err != nil {
		return
	}
	var addrs []ma.Multiaddr
	for _, text := range addresses {
		a, err := ma.NewMultiaddr(text)
		if err != nil {
			continue
		}
		rest, id := peer.SplitAddr(a)
		if rest != nil && (id == "" || id == r.pid) {
			addrs = append(addrs, rest)
		}
	}
	r.mu.Lock()
	same := slices.EqualFunc(r.addrs, addrs, func(a, b ma.Multiaddr) bool { return a.Equal(b) })
	if r.addrs = addrs; !same {
		r.fails = 0
	}
	r.mu.Unlock()
	if same {
		return
	}
	t.host.Peerstore().ClearAddrs(r.pid) // what was told before is forgotten
	r.kick()
}

// Send queues a packet.
func (t *Transport) Send(to wire.PeerID, raw []byte) error {
	if len(raw) > t.cfg.Limits.PacketBytes {
		return &transport.SizeError{Peer: to, Bytes: len(raw), Max: t.cfg.Limits.PacketBytes}
	}
	t.mu.Lock()
	r := t.records[to]
	t.mu.Unlock()
	for {
		if r == nil || r.linkOn(nil) == nil {
			var err error
			if r, err = t.reachable(to); err != nil {
				return err
			}
		}
		if err := r.put(raw); err != errForgotten {
			return err
		}
		r = nil
	}
}

// Drop ends the links and connections with a peer. What waits for it stays, and goes over the next link.
func (t *Transport) Drop(p wire.PeerID) {
	t.mu.Lock()
	r := t.records[p]
	t.mu.Unlock()
	if r == nil {
		return
	}
	r.alone()
	r.end(r.linkOn(nil), errDropped)
	code := network.ConnNoError
	if t.admit(p) != nil {
		code = network.ConnGated
	}
	for _, c := range t.swarm.ConnsToPeer(r.pid) {
		_ = c.CloseWithError(code)
	}
}

// Close ends all links, and reports them and what waits. Afterwards the receiver is not called any more.
func (t *Transport) Close() error {
	t.once.Do(func() {
		t.gate.Lock()
		t.closed = true
		t.gate.Unlock()
		t.mu.Lock()
		all := make([]*record, 0, len(t.records))
		for _, r := range t.records {
			all = append(all, r)
		}
		t.mu.Unlock()
		t.cancel()
		reason := &transport.ClosedError{Self: t.self}
		for _, r := range all {
			r.end(r.linkOn(nil), reason)
		}
		for _, f := range t.first {
			_ = f()
		}
		switch {
		case t.host != nil:
			_ = t.host.Close()
		case t.swarm != nil: // New failed half-way
			_ = t.swarm.Close()
		}
		t.work.Wait()
		for _, r := range all {
			r.end(r.linkOn(nil), reason)
			r.lose(reason)
			r.calls.Lock()
			r.drain()
			r.mute = true
			r.calls.Unlock()
		}
		for i := len(t.close) - 1; i >= 0; i-- {
			_ = t.close[i]()
		}
	})
	return nil
}

// start runs f on a goroutine that Close waits for, or returns false when the end is closed.
func (t *Transport) start(f func()) bool {
	t.gate.Lock()
	defer t.gate.Unlock()
	if t.closed {
		return false
	}
	t.work.Go(f)
	return true
}

func (t *Transport) closing() bool { return t.ctx.Err() != nil }

// reachable returns the record of a peer that may be dialled or is linked, or why it is not: *transport.DeniedError,
// *transport.UnreachableError or *transport.ClosedError.
func (t *Transport) reachable(p wire.PeerID) (*record, error) {
	if t.closing() {
		return nil, &transport.ClosedError{Self: t.self}
	}
	if p == t.self {
		return nil, &transport.UnreachableError{Peer: p, Reason: "it is this end"}
	}
	if err := t.admit(p); err != nil {
		return nil, &transport.DeniedError{Peer: p, Reason: err.Error()}
	}
	r, err := t.record(p)
	if err != nil {
		return nil, &transport.UnreachableError{Peer: p, Reason: err.Error()}
	}
	r.mu.Lock()
	known := len(r.addrs) > 0 || r.link != nil
	r.mu.Unlock()
	if !known && t.swarm.Connectedness(r.pid) == network.NotConnected {
		return nil, &transport.UnreachableError{Peer: p, Reason: "no address of it is known"}
	}
	return r, nil
}

// record returns the record of a peer, a new one if none is there. When there are too many, an idle one is forgotten.
func (t *Transport) record(p wire.PeerID) (*record, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.records[p]; r != nil {
		return r, nil
	}
	if t.closing() {
		return nil, &transport.ClosedError{Self: t.self}
	}
	pid, err := peer.Decode(string(p))
	if err != nil {
		return nil, &transport.UnreachableError{Peer: p, Reason: "the id is not one of a peer"}
	}
	if len(t.records) >= t.cfg.Limits.Peers {
		for id, old := range t.records {
			if old.forget() {
				delete(t.records, id)
				break
			}
		}
		if len(t.records) >= t.cfg.Limits.Peers {
			return nil, fmt.Errorf("%d peers are linked already", t.cfg.Limits.Peers)
		}
	}
	r := &record{t: t, id: p, pid: pid, wake: make(chan struct{}, 1)}
	t.records[p] = r
	return r, nil
}
