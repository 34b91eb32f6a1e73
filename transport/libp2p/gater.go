package libp2p

import (
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/rhizome-ml/rhizome/wire"
)

// gater asks the receiver about each peer, at the first moment at which its id is known.
type gater struct{ t *Transport }

// admit says why a peer may not be linked with, and counts it.
func (t *Transport) admit(p wire.PeerID) error {
	err := p.Validate() // only ed25519 identities are peers: those of other kinds have no wire.PeerID
	if err == nil {
		err = t.cfg.Receiver.Admit(p)
	} else {
		t.counts.foreign.Add(1)
	}
	if err != nil {
		t.counts.refused.Add(1)
	}
	return err
}

func (g gater) InterceptPeerDial(p peer.ID) bool {
	return g.t.way(p) != nil || g.t.admit(wire.PeerID(p.String())) == nil
}

func (g gater) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

func (g gater) InterceptAccept(network.ConnMultiaddrs) bool {
	g.t.counts.accepted.Add(1)
	return !g.t.closing()
}

func (g gater) InterceptSecured(d network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	if d == network.DirInbound {
		g.t.counts.proven.Add(1)
	}
	return g.t.way(p) != nil || g.t.admit(wire.PeerID(p.String())) == nil
}

func (g gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
