package transport

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/wire"
)

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

// ListenError says that an end cannot listen at an address: another process has the port, the machine has no such address, or
// this user may not take the port. No retry helps until that changes.
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
