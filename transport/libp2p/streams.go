package libp2p

import (
	"context"
	"errors"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Open opens a stream of a protocol, with a dial where no connection is there. A protocol that the peer does not serve
// may show with the first Read or Write only.
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
	if errors.As(err, new(multistream.ErrNotSupported[protocol.ID])) {
		return nil, &transport.NoProtocolError{Peer: to, Protocol: name}
	}
	if err != nil {
		return nil, t.failed(r, err)
	}
	return opened{s, to}, nil
}

// opened is a stream that this end opened. Only its first use may show that the other end does not admit this one, or
// does not serve the protocol: that is said in words of package transport.
type opened struct {
	network.Stream
	to wire.PeerID
}

func (s opened) said(err error) error {
	switch {
	case err == nil:
		return nil
	case gated(err):
		return &transport.TurnedAwayError{Peer: s.to}
	case errors.As(err, new(multistream.ErrNotSupported[protocol.ID])):
		return &transport.NoProtocolError{Peer: s.to, Protocol: string(s.Protocol())}
	}
	return err
}

// Read reads.
func (s opened) Read(b []byte) (int, error) { n, err := s.Stream.Read(b); return n, s.said(err) }

// Write writes.
func (s opened) Write(b []byte) (int, error) { n, err := s.Stream.Write(b); return n, s.said(err) }

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
	if err := t.knocked(s.Conn()); err != nil {
		_ = s.Conn().CloseWithError(network.ConnGated)
		return nil, err
	}
	return t.record(wire.PeerID(s.Conn().RemotePeer().String()))
}
