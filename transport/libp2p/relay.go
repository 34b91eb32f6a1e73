package libp2p

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// way is a relay at which this end keeps a place, so that peers can reach it where it has no address of its own.
type way struct {
	info  peer.AddrInfo
	kick  chan struct{} // holds one token when the connection with the relay has ended
	addrs []ma.Multiaddr
}

// parseRelays reads Config.Relays.
func (t *Transport) parseRelays() error {
	for _, text := range t.cfg.Relays {
		info, err := peer.AddrInfoFromString(text)
		if err != nil {
			return fmt.Errorf("transport/libp2p: relay %q: %w", text, err)
		}
		t.ways = append(t.ways, &way{info: *info, kick: make(chan struct{}, 1)})
	}
	return nil
}

// way returns the relay that a peer is to this end, or nil. The operator named it, so it needs no admission.
func (t *Transport) way(p peer.ID) *way {
	for _, w := range t.ways {
		if w.info.ID == p {
			return w
		}
	}
	return nil
}

// keep holds a place at a relay: it asks for one, asks again when half of its time is over or the connection has ended,
// and waits longer after each refusal.
func (t *Transport) keep(w *way) {
	fails := 0
	for {
		ctx, cancel := context.WithTimeout(t.ctx, t.cfg.DialTimeout)
		t.swarm.Backoff().Clear(w.info.ID)
		place, err := circuit.Reserve(ctx, t.host, w.info)
		cancel()
		var addrs []ma.Multiaddr
		wait := t.cfg.RetryMin << min(fails, 20)
		if err == nil {
			fails = 0
			wait = max(time.Until(place.Expiration)/2, time.Second)
			for _, a := range w.info.Addrs {
				addrs = append(addrs, a.Encapsulate(ma.StringCast("/p2p/"+w.info.ID.String()+"/p2p-circuit")))
			}
		} else {
			fails++
			wait = min(max(wait, t.cfg.RetryMin), 10*t.cfg.RetryMax)
			wait = wait/2 + rand.N(wait/2+1)
		}
		t.mu.Lock()
		w.addrs = addrs
		t.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-w.kick:
		case <-t.ctx.Done():
		}
		timer.Stop()
		if t.closing() {
			return
		}
	}
}

// serveRelay makes this end a relay for peers that are admitted, within bounds that follow from ours.
func (t *Transport) serveRelay() error {
	l := &t.cfg.Limits
	r, err := relay.New(t.host, relay.WithACL(patrons{t}), relay.WithInfiniteLimits(),
		relay.WithResources(relay.Resources{
			ReservationTTL: time.Hour, MaxReservations: min(l.Links, 1024), MaxCircuits: l.Streams,
			BufferSize:           16 << 10,
			MaxReservationsPerIP: or(l.AddressLinks, 256), MaxReservationsPerASN: l.Links,
		}))
	if err == nil {
		t.close = append(t.close, r.Close)
	}
	return err
}

// patrons says who may use the relay.
type patrons struct{ t *Transport }

func (a patrons) AllowReserve(p peer.ID, _ ma.Multiaddr) bool {
	return a.t.admit(wire.PeerID(p.String())) == nil
}

func (a patrons) AllowConnect(src peer.ID, _ ma.Multiaddr, dest peer.ID) bool {
	return a.t.admit(wire.PeerID(src.String())) == nil && a.t.admit(wire.PeerID(dest.String())) == nil
}

// connected moves a link from a relay to a connection that leads straight to the peer.
func (t *Transport) connected(_ network.Network, c network.Conn) {
	t.keepDialled(c)
	if relayed(c.RemoteMultiaddr()) {
		return
	}
	t.mu.Lock()
	r := t.records[wire.PeerID(c.RemotePeer().String())]
	t.mu.Unlock()
	if r == nil {
		return
	}
	if l := r.linkOn(nil); l != nil && r.overRelay(l) {
		r.end(l, errStraight)
	}
}

// overRelay says whether a link's own stream runs over a relay.
func (r *record) overRelay(l *link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return l.out != nil && relayed(l.out.Conn().RemoteMultiaddr())
}
