package libp2p

import (
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// gater asks the receiver about each peer: before it is dialled, and when it has shown who it is. One that came by
// itself is asked about when there is a way to tell it the answer, which is when its connection has a multiplexer: no
// stream of it was opened by then.
type gater struct{ t *Transport }

// admit says why a peer may not be linked with.
func (t *Transport) admit(p wire.PeerID) error {
	if err := p.Validate(); err != nil { // only ed25519 identities are peers: those of other kinds have no wire.PeerID
		return err
	}
	return t.cfg.Receiver.Admit(p)
}

// knocked is admit for a peer that came by itself: one that is not admitted is counted and told of.
func (t *Transport) knocked(c network.Conn) error {
	p := wire.PeerID(c.RemotePeer().String())
	err := t.admit(p)
	if err == nil {
		return nil
	}
	t.counts.refused.Add(1)
	if p.Validate() != nil {
		t.counts.foreign.Add(1)
		p = p[:min(len(p), wire.PeerIDBytesMax)]
	}
	if k, ok := t.cfg.Receiver.(transport.Knocks); ok {
		k.Knocked(p, c.RemoteMultiaddr().String(), err)
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
		return true
	}
	return g.t.way(p) != nil || g.t.admit(wire.PeerID(p.String())) == nil
}

// InterceptUpgraded is the last word: a connection that it refuses is closed with the code of a gate, which the other
// end sees.
func (g gater) InterceptUpgraded(c network.Conn) (bool, control.DisconnectReason) {
	switch {
	case g.t.way(c.RemotePeer()) != nil:
		return true, 0
	case c.Stat().Direction == network.DirInbound:
		return g.t.knocked(c) == nil, 0
	}
	return g.t.admit(wire.PeerID(c.RemotePeer().String())) == nil, 0
}
