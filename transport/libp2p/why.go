package libp2p

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// failed gives an error of a dial its type: *transport.DeniedError where another peer was found,
// *transport.ClosedError, *transport.TurnedAwayError, or *transport.UnreachableError.
func (t *Transport) failed(r *record, err error) error {
	if t.closing() {
		return &transport.ClosedError{Self: t.self}
	}
	if other(err) {
		return &transport.DeniedError{Peer: r.id, Reason: "another peer is there: " + reason(err)}
	}
	if gated(err) || r.gated() {
		return &transport.TurnedAwayError{Peer: r.id}
	}
	r.mu.Lock()
	addrs := slices.Clone(r.addrs)
	r.mu.Unlock()
	text := reason(err)
	if names := t.names.why(addrs); len(names) > 0 {
		all := strings.Join(names, "; ")
		if errors.Is(err, swarm.ErrNoGoodAddresses) {
			text = all // and nothing else was tried
		} else {
			text = all + "; " + text
		}
	}
	return &transport.UnreachableError{Peer: r.id, Reason: text}
}

// gated says whether the other end closed the connection because it does not admit this one.
func gated(err error) bool {
	var closed *network.ConnError
	return errors.As(err, &closed) && closed.Remote && closed.ErrorCode == network.ConnGated
}

// keepDialled keeps a connection that this end made, until it makes another: if it ends soon, it tells why.
func (t *Transport) keepDialled(c network.Conn) {
	if c.Stat().Direction != network.DirOutbound {
		return
	}
	t.mu.Lock()
	r := t.records[wire.PeerID(c.RemotePeer().String())]
	t.mu.Unlock()
	if r != nil {
		r.mu.Lock()
		r.dialled = c
		r.mu.Unlock()
	}
}

// gated says whether the connection that this end made last is over because the other end does not admit this one. It
// may have been over before anything was asked of it, and then the error of the asking does not say why.
func (r *record) gated() bool {
	r.mu.Lock()
	c := r.dialled
	r.mu.Unlock()
	if c == nil || !c.IsClosed() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := c.NewStream(ctx) // of a connection that is over, it says why
	if err == nil {
		_ = s.Reset()
		return false
	}
	return gated(err)
}

// other says whether a handshake showed another peer than the one that was dialled. Over QUIC only the text says so.
func other(err error) bool {
	var mismatch sec.ErrPeerIDMismatch
	if errors.As(err, &mismatch) || strings.Contains(err.Error(), "peer id mismatch") {
		return true
	}
	var dial *swarm.DialError
	if errors.As(err, &dial) {
		for _, e := range dial.DialErrors {
			if e.Cause != nil && other(e.Cause) {
				return true
			}
		}
	}
	return false
}

// reason writes an error in one line, the causes of a dial one after the other.
func reason(err error) string {
	var dial *swarm.DialError
	if !errors.As(err, &dial) || len(dial.DialErrors) == 0 {
		return strings.Join(strings.Fields(err.Error()), " ")
	}
	var parts []string
	for _, e := range dial.DialErrors {
		cause := "no answer"
		if e.Cause != nil {
			cause = e.Cause.Error()
		}
		parts = append(parts, e.Address.String()+": "+strings.Join(strings.Fields(cause), " "))
	}
	return strings.Join(parts, "; ")
}
