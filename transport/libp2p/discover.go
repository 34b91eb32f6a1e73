package libp2p

import (
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// finder is told by mDNS who is on the local network.
type finder struct{ t *Transport }

// HandlePeerFound tells Config.Found of an admitted peer. What mDNS says is a claim: the handshake shows who is there.
func (f finder) HandlePeerFound(info peer.AddrInfo) {
	id := wire.PeerID(info.ID.String())
	if info.ID == f.t.swarm.LocalPeer() || f.t.closing() || f.t.admit(id) != nil {
		return
	}
	var addresses []string
	for _, a := range f.t.rank(info.Addrs) {
		if text := a.Addr.String() + "/p2p/" + string(id); len(text) <= wire.AddressBytesMax &&
			len(addresses) < foundMax {
			addresses = append(addresses, text)
		}
	}
	if len(addresses) > 0 {
		f.t.cfg.Found(id, addresses)
	}
}

// foundMax bounds the addresses of one answer.
const foundMax = 16

// discover announces this end on the local network and listens for others.
func (t *Transport) discover() error {
	s := mdns.NewMdnsService(t.host, t.cfg.MDNS, finder{t})
	if err := s.Start(); err != nil {
		return err
	}
	t.first = append(t.first, s.Close)
	return nil
}
