package transport

import (
	"context"
	"crypto/ed25519"
	"io"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Transport carries packets between peers as the package comment promises. It is safe for concurrent use.
type Transport interface {
	// Self returns the peer that this end is.
	Self() wire.PeerID
	// Addresses returns where this end can be reached, as multiaddrs that end with its peer id, the best first.
	Addresses() []string
	// Learn tells where a peer may be reached, the best first, in place of what was told before. Nothing is dialled
	// yet.
	Learn(p wire.PeerID, addresses []string)
	// Send queues a packet for a peer, and dials it where no link is there. It keeps raw, which nobody changes from
	// then on. Errors are *UnreachableError, *OverflowError, *SizeError, *DeniedError and *ClosedError.
	Send(to wire.PeerID, raw []byte) error
	// Drop ends the links with a peer.
	Drop(p wire.PeerID)
	// Open opens a stream of a protocol beside the packets, dialling where no link is there: for what happens before a
	// node exists, such as a job that travels, and for calls of the control plane.
	Open(ctx context.Context, to wire.PeerID, protocol string) (Stream, error)
	// Handle has serve called, on a goroutine of its own, with each stream of the protocol that an admitted peer opens.
	// The stream is closed when serve returns.
	Handle(protocol string, serve func(from wire.PeerID, s Stream))
	// Close ends all links. It must not be called from a call of the Receiver.
	Close() error
}

// Opener opens a transport of the peer that has the key, for a receiver that is told from then on what happens.
type Opener func(key ed25519.PrivateKey, r Receiver) (Transport, error)

// Stream is two directions of bytes between two peers.
type Stream interface {
	io.Reader
	io.Writer
	CloseWrite() error // the other end reads io.EOF; reading goes on
	Reset() error      // gives up both directions
	SetDeadline(time.Time) error
	Close() error
}

// Receiver is told what happens at a transport. Calls for one peer come one after the other; those for different peers
// may come at once.
type Receiver interface {
	// Admit says whether a peer may be linked with: nil, or the reason why not. It must not block.
	Admit(p wire.PeerID) error
	// Receive takes a packet of a linked peer, which the receiver may keep and nobody changes. It may block: then no
	// more of this peer is read. An error means that the packet was dropped; the peer's stream sends it again.
	Receive(from wire.PeerID, raw []byte) error
	// Linked says that a peer is there, and at which address it is seen.
	Linked(p wire.PeerID, remote string)
	// Unlinked says that the last link with a peer ended, and why.
	Unlinked(p wire.PeerID, reason error)
	// Lost says that so many packets to a peer, which Send took, have not left and never will.
	Lost(to wire.PeerID, packets int, reason error)
}

// Knocks is what a Receiver may be beside: it is told of each peer that came by itself, showed who it is, and was not
// admitted. The id is a wire.PeerID of its own key, or another text where the key is of another kind. The calls come at
// any time, from any goroutine, and must not block.
type Knocks interface {
	Knocked(p wire.PeerID, remote string, reason error)
}
