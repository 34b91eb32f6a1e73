package libp2p

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/wire"
)

// Open opens a stream of a protocol, with a dial where no connection is there. A protocol that the peer does not serve may
// show with the first Read or Write only.
func (t *Transport) Open(ctx context.Context, to wire.PeerID, name string) (transport.Stream, error) {
	r, err := t.reachable(to)
	if err != nil {
		return nil, err
	}
	ctx = network.WithAllowLimitedConn(ctx, "stream")
	if err := t.dial(ctx, r); err != nil {
		return nil, t.failed(r, err)
	}
	s, err := t.host.NewStream(ctx, r.pid, protocol.ID(name))
	if err != nil {
		return nil, t.failed(r, err)
	}
	return s, nil
}

// Handle registers a protocol.
func (t *Transport) Handle(name string, serve func(from wire.PeerID, s transport.Stream)) {
	t.host.SetStreamHandler(protocol.ID(name), func(s network.Stream) {
		r, err := t.welcome(s)
		if err != nil || !t.start(func() {
			stop := context.AfterFunc(t.ctx, func() { _ = s.Reset() })
			defer stop()
			serve(r.id, s)
			_ = s.Close()
		}) {
			_ = s.Reset()
		}
	})
}

// welcome returns the record of the peer that opened a stream, if the peer is admitted.
func (t *Transport) welcome(s network.Stream) (*record, error) {
	id := wire.PeerID(s.Conn().RemotePeer().String())
	if err := t.admit(id); err != nil {
		_ = s.Conn().Close()
		return nil, err
	}
	return t.record(id)
}
