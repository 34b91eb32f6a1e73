package libp2p

import (
	"errors"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/rhizome-ml/rhizome/transport"
)

// failed gives an error of a dial its type: *transport.DeniedError where another peer was found, *transport.ClosedError, or
// *transport.UnreachableError.
func (t *Transport) failed(r *record, err error) error {
	if t.closing() {
		return &transport.ClosedError{Self: t.self}
	}
	if other(err) {
		return &transport.DeniedError{Peer: r.id, Reason: "another peer is there: " + reason(err)}
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
