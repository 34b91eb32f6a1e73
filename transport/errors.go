package transport

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// ConfigError says that a configuration of a transport cannot be.
type ConfigError struct {
	Field string // such as "Limits.Peers"
	Got   string
	Want  string // what would be right
}

// Error names the field and both sides.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("transport: config: %s is %s, want %s", e.Field, e.Got, e.Want)
}

// UnreachableError says that a peer cannot be reached: no address is known, or none answers.
type UnreachableError struct {
	Peer   wire.PeerID
	Reason string
}

// Error names the peer and the reason.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("transport: %s cannot be reached: %s", e.Peer, e.Reason)
}

// OverflowError says that too much waits for a peer; it drains, and the same packet may be taken later.
type OverflowError struct {
	Peer wire.PeerID
	What string // "packets" or "bytes"
	Max  int
}

// Error names the peer and the bound.
func (e *OverflowError) Error() string {
	return fmt.Sprintf("transport: %d %s wait for %s already", e.Max, e.What, e.Peer)
}

// DeniedError says that a peer is not admitted, or that it is not who it was taken for.
type DeniedError struct {
	Peer   wire.PeerID
	Reason string
}

// Error names the peer and the reason.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("transport: %s is denied: %s", e.Peer, e.Reason)
}

// ClosedError says that this end is closed.
type ClosedError struct{ Self wire.PeerID }

// Error names the end.
func (e *ClosedError) Error() string { return fmt.Sprintf("transport: %s is closed", e.Self) }

// SizeError says that a packet is larger than the transport carries; no retry helps.
type SizeError struct {
	Peer       wire.PeerID
	Bytes, Max int
}

// Error names the size and the bound.
func (e *SizeError) Error() string {
	return fmt.Sprintf("transport: a packet of %d bytes for %s, want at most %d", e.Bytes, e.Peer, e.Max)
}

// TurnedAwayError says that a peer is there and does not admit this end. Which of its lists keeps this end out, and for
// how long, is the peer's to say; a later try may go better.
type TurnedAwayError struct{ Peer wire.PeerID }

// Error names the peer and what would help.
func (e *TurnedAwayError) Error() string { return e.Unwrap().Error() }

// Unwrap returns an *UnreachableError: for this end the peer is as good as away.
func (e *TurnedAwayError) Unwrap() error {
	return &UnreachableError{Peer: e.Peer,
		Reason: "it answers, and turns this node away: blocked there, not on its allowlist, cut off for what it sent, " +
			"or it is still starting; its operator sees which in its log, or with rhizome status"}
}

// NoProtocolError says that a peer is there and does not serve a protocol: it is a node of another kind, or of another
// release.
type NoProtocolError struct {
	Peer     wire.PeerID
	Protocol string
}

// Error names the peer and the protocol.
func (e *NoProtocolError) Error() string { return e.Unwrap().Error() }

// Unwrap returns an *UnreachableError.
func (e *NoProtocolError) Unwrap() error {
	return &UnreachableError{Peer: e.Peer, Reason: "it answers, and does not serve " + e.Protocol +
		": it is a node of another kind, or of another release"}
}

// MalformedError says that a peer broke the form of what it sends, and that the link with it ends of that. It is what
// Unlinked is told.
type MalformedError struct {
	Peer wire.PeerID
	Err  error
}

// Error names the peer and what was wrong.
func (e *MalformedError) Error() string { return fmt.Sprintf("transport: %s: %v", e.Peer, e.Err) }

// Unwrap returns what was wrong.
func (e *MalformedError) Unwrap() error { return e.Err }

// ListenError says that an end cannot listen at an address: another process has the port, the machine has no such
// address, or this user may not take the port. No retry helps until that changes.
type ListenError struct {
	Address string
	Reason  string // what is in the way, and what would be right
	Err     error
}

// Error names the address and what is in the way.
func (e *ListenError) Error() string {
	return fmt.Sprintf("cannot listen at %s: %s", e.Address, e.Reason)
}

// Unwrap returns what the system said.
func (e *ListenError) Unwrap() error { return e.Err }
