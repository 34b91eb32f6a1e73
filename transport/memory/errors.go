package memory

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/wire"
)

// UnreachableError says that nobody is joined under the id.
type UnreachableError struct{ Peer wire.PeerID }

// Error names the peer.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("transport/memory: %s is not reachable: nobody is joined under this id", e.Peer)
}

// OverflowError says that the receiver's queue has no room; the message was not taken.
type OverflowError struct {
	Peer wire.PeerID // the receiver
	What string      // "messages" or "bytes"
	Max  int         // the bound of its queue
}

// Error names the receiver and the bound.
func (e *OverflowError) Error() string {
	return fmt.Sprintf("transport/memory: the queue of %s is full, at most %d %s", e.Peer, e.Max, e.What)
}

// ClosedError says that a port is closed: by its owner, with its network, or because the peer joined again.
type ClosedError struct{ Peer wire.PeerID }

// Error names the owner of the port.
func (e *ClosedError) Error() string {
	return fmt.Sprintf("transport/memory: the port of %s is closed", e.Peer)
}
