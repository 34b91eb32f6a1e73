package engine

import (
	"encoding/binary"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// PeerKind says what became of a peer.
type PeerKind uint8

// The kinds of PeerNotice.
const (
	PeerUp         PeerKind = iota + 1 // it was heard: for the first time, or again
	PeerDown                           // it failed too often in a row, or was silent for too long
	PeerSuspected                      // it is silent for longer than it uses to be; Reason says how long
	PeerTrusted                        // a suspected peer was heard
	PeerBlocked                        // it is kept out, or is not on the allowlist any more
	PeerUnblocked                      // it is let in again
	PeerUnresolved                     // something is for it, and no address of it is known
	PeerRefused                        // it refuses this node; Reason is one of the wire's, Seen what it saw
	PeerAddresses                      // where it can be reached has changed; Addresses has all, the best first
	PeerJoined                         // it is a member from now on; Reason says of what
	PeerLeft                           // it was a member and left by itself
	PeerRemoved                        // it was a member and is none any more; Reason says why
	// it holds more of this node than this node knows: the directory went back, and a new epoch was opened
	PeerSurpassed
	// it has seen a life of this node that began later than this one: this one is to end
	PeerSuperseded
)

var peerKinds = [...]string{
	PeerUp: "up", PeerDown: "down", PeerSuspected: "suspected", PeerTrusted: "trusted", PeerBlocked: "blocked",
	PeerUnblocked: "unblocked", PeerUnresolved: "unresolved", PeerRefused: "refused", PeerAddresses: "addresses",
	PeerJoined: "joined", PeerLeft: "left", PeerRemoved: "removed",
	PeerSurpassed: "surpassed", PeerSuperseded: "superseded",
}

// String returns the name of the kind.
func (k PeerKind) String() string {
	if k == 0 || int(k) >= len(peerKinds) {
		return "unknown"
	}
	return peerKinds[k]
}

// PeerNotice tells the host what became of a peer.
type PeerNotice struct {
	Kind      PeerKind
	Peer      wire.PeerID
	Reason    string   // or empty
	Addresses []string // of PeerAddresses; read-only
	Seen      uint64   // of PeerRefused, PeerSurpassed and PeerSuperseded: the incarnation that the peer saw, or 0
	SeenStart uint64   // likewise: when that life began, microseconds of its host's clock, or 0
}

// append adds a form of the notice to what is hashed: no two notices have the same.
func (n *PeerNotice) append(b []byte) []byte {
	b = append(b, 0, byte(n.Kind))
	for _, s := range append([]string{string(n.Peer), n.Reason}, n.Addresses...) {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	b = binary.LittleEndian.AppendUint64(b, n.Seen)
	if n.SeenStart != 0 {
		b = binary.LittleEndian.AppendUint64(b, n.SeenStart)
	}
	return b
}

// notice tells the host what became of a peer. Nodes that go by earlier rules have no such output.
func (e *Engine) notice(n PeerNotice) {
	if e.rules(1) {
		e.out.Peers = append(e.out.Peers, n)
	}
}
