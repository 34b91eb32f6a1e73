package libp2p

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/core/transport"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/observedaddrs"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/quic-go/quic-go"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// assemble makes the host of the parts that a node has a use for, and listens. What it has made by the time of an error
// is closed by Close.
func (t *Transport) assemble() error {
	key, err := crypto.UnmarshalEd25519PrivateKey(t.cfg.Key)
	if err != nil {
		return fmt.Errorf("transport/libp2p: the private key is none of ed25519")
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return err
	}
	t.self = wire.PeerID(id.String())
	store, err := pstoremem.NewPeerstore()
	if err != nil {
		return err
	}
	// Everything below owns or closes what was made before it: the host closes the swarm, the peer store and the
	// manager.
	if err := store.AddPrivKey(id, key); err != nil {
		return err
	}
	if err := store.AddPubKey(id, key.GetPublic()); err != nil {
		return err
	}
	limited, err := t.resources()
	if err != nil {
		return err
	}
	manager := tallying{limited, &t.counts.crowded}
	bus := eventbus.NewBus()
	t.swarm, err = swarm.NewSwarm(id, store, bus, swarm.WithConnectionGater(gater{t}),
		swarm.WithResourceManager(manager),
		swarm.WithDialRanker(t.rank), swarm.WithMultiaddrResolver(t.names), swarm.WithDialTimeout(t.cfg.DialTimeout),
		swarm.WithDialTimeoutLocal(t.cfg.DialTimeout),
		swarm.WithUDPBlackHoleSuccessCounter(nil), swarm.WithIPv6BlackHoleSuccessCounter(nil))
	if err != nil {
		return err
	}
	up, err := t.addTCP(key, manager)
	if err != nil {
		return err
	}
	if err := t.addQUIC(key, manager); err != nil {
		return err
	}
	opts := &basichost.HostOpts{EventBus: bus, EnablePing: true, UserAgent: "rhizome", ProtocolVersion: "rhizome/1",
		NegotiationTimeout: t.cfg.DialTimeout}
	var seen *observedaddrs.Manager
	if t.cfg.HolePunch {
		if seen, err = observedaddrs.NewManager(bus, t.swarm); err != nil {
			return err
		}
		t.close = append(t.close, seen.Close)
		opts.ObservedAddrsManager = seen
	}
	h, err := basichost.NewHost(t.swarm, opts)
	if err != nil {
		return err
	}
	t.host = h
	if seen != nil {
		seen.Start(t.swarm)
		t.holes = newHoles(t, h, seen)
		t.first = append(t.first, t.holes.close)
	}
	if err := circuit.AddTransport(h, up); err != nil {
		return err
	}
	t.swarm.Notify(&network.NotifyBundle{ConnectedF: t.connected, DisconnectedF: t.disconnected})
	h.SetStreamHandler(EnvelopeProtocol, t.serveEnvelopes)
	h.Start()
	serve := t.swarm.StreamHandler()
	t.swarm.SetStreamHandler(func(s network.Stream) {
		t.used.Store(s.Conn(), time.Now())
		serve(s)
	})
	t.start(t.watch)
	t.start(t.notice)
	if t.holes != nil {
		t.start(t.holes.open)
	}
	if t.cfg.Relay {
		if err := t.serveRelay(); err != nil {
			return err
		}
	}
	if err := t.listen(); err != nil {
		return err
	}
	for _, w := range t.ways {
		t.start(func() { t.keep(w) })
	}
	if t.cfg.MDNS != "" {
		return t.discover()
	}
	return nil
}

// addTCP adds TCP with Noise, with TLS behind it where the Config says so, and yamux. It returns what makes a
// connection of a socket, for the relay's too. A port is for one listener: with SO_REUSEPORT, which libp2p sets where
// it is let, two nodes of one user would both listen, and the kernel would deal their connections between them. See
// listen for who punches holes.
func (t *Transport) addTCP(key crypto.PrivKey, manager network.ResourceManager) (up transport.Upgrader, err error) {
	own := muxer{*yamux.DefaultTransport}
	own.KeepAliveInterval, own.ConnectionWriteTimeout = t.cfg.Alive, 2*t.cfg.Alive
	own.MeasureRTTInterval = max(own.MeasureRTTInterval, t.cfg.Alive)
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: &own}}
	n, err := noise.New(noise.ID, key, muxers)
	if err != nil {
		return nil, err
	}
	secure := []sec.SecureTransport{n}
	if t.cfg.TLS {
		s, err := libp2ptls.New(libp2ptls.ID, key, muxers)
		if err != nil {
			return nil, err
		}
		secure = append(secure, s)
	}
	if up, err = upgrader.New(secure, muxers, nil, manager, gater{t},
		upgrader.WithAcceptTimeout(t.cfg.DialTimeout)); err != nil {
		return nil, err
	}
	var opts []tcp.Option
	if !t.cfg.HolePunch {
		opts = append(opts, tcp.DisableReuseport())
	}
	tr, err := tcp.NewTCPTransport(up, manager, nil, opts...)
	if err != nil {
		return nil, err
	}
	return up, t.swarm.AddTransport(tr)
}

// addQUIC adds QUIC. The keys for stateless resets and address tokens are derived from the identity, so that an end
// that was killed and is back at its port can tell its peers that their connections are gone.
func (t *Transport) addQUIC(key crypto.PrivKey, manager network.ResourceManager) error {
	var reset quic.StatelessResetKey
	var token quic.TokenGeneratorKey
	for _, k := range []struct {
		into []byte
		info string
	}{{reset[:], "rhizome quic stateless reset"}, {token[:], "rhizome quic token"}} {
		b, err := hkdf.Key(sha256.New, t.cfg.Key.Seed(), nil, k.info, len(k.into))
		if err != nil {
			return err
		}
		copy(k.into, b)
	}
	conns, err := quicreuse.NewConnManager(reset, token,
		quicreuse.VerifySourceAddress(manager.VerifySourceAddress),
		// The manager is asked before the handshake, which costs more than the asking.
		quicreuse.ConnContext(func(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
			addr, err := quicreuse.ToQuicMultiaddr(client.RemoteAddr, quic.Version1)
			if err != nil {
				addr = nil
			}
			scope, err := manager.OpenConnection(network.DirInbound, false, addr)
			if err != nil {
				return ctx, err
			}
			ctx = network.WithConnManagementScope(ctx, scope)
			context.AfterFunc(ctx, scope.Done)
			return ctx, nil
		}))
	if err != nil {
		return err
	}
	t.close = append(t.close, conns.Close)
	tr, err := libp2pquic.NewTransport(key, conns, nil, gater{t}, manager)
	if err != nil {
		return err
	}
	return t.swarm.AddTransport(tr)
}

// disconnected ends the link that ran over a connection.
func (t *Transport) disconnected(_ network.Network, c network.Conn) {
	t.mu.Lock()
	r := t.records[wire.PeerID(c.RemotePeer().String())]
	t.mu.Unlock()
	if r != nil {
		r.end(r.linkOn(c), errGone)
	}
	if w := t.way(c.RemotePeer()); w != nil {
		select {
		case w.kick <- struct{}{}:
		default: // a token lies there already
		}
	}
}
