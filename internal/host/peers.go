package host

import (
	"errors"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// A Host is the Receiver of a transport: what the transport sees becomes inputs of the node, and the transport asks for
// admission without waiting for it.
var _ transport.Receiver = (*Host)(nil)

// Admit says whether a peer may be linked with: nil, a *peer.NotAdmittedError, or a *CutError.
func (h *Host) Admit(p wire.PeerID) error { return h.cfg.Admission.Admit(p) }

// patient is a host that has a peer wait while it has no room.
type patient struct{ *Host }

func (p patient) Receive(from wire.PeerID, raw []byte) error { return p.Accept(from, raw, nil) }

// Linked notes that a peer is there, and at which address it is seen.
func (h *Host) Linked(p wire.PeerID, remote string) {
	h.links.Up(p, remote)
	h.ping()
}

// Unlinked notes that the last link with a peer ended.
func (h *Host) Unlinked(p wire.PeerID, reason error) {
	h.links.Down(p, reason)
	h.broke(p, reason)
	h.ping()
}

// Lost notes that packets to a peer have not left and never will: their streams send them again.
func (h *Host) Lost(to wire.PeerID, _ int, reason error) { h.unsent(to, reason) }

// unsent notes that a packet did not leave. A transport that is full is no failure of the peer: the stream sends again
// later.
func (h *Host) unsent(to wire.PeerID, reason error) {
	if errors.As(reason, new(*transport.OverflowError)) {
		h.overflows.Add(1)
		return
	}
	h.links.Failed(to, reason, errors.As(reason, new(*transport.UnreachableError)))
	h.ping()
}

// Overflows returns how many packets the transport had no room for.
func (h *Host) Overflows() uint64 { return h.overflows.Load() }

// Peer does what a notice of the node asks of a transport: a Config.OnPeer for hosts that have no other use for it.
func Peer(t transport.Transport, n engine.PeerNotice) {
	switch n.Kind {
	case engine.PeerAddresses:
		t.Learn(n.Peer, n.Addresses)
	case engine.PeerBlocked, engine.PeerRemoved:
		t.Drop(n.Peer)
	}
}
