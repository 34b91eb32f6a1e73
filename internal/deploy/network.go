package deploy

import (
	"strings"

	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// End says which end of a network is opened.
type End struct {
	ID       *identity.Identity
	Listen   []string
	Receiver transport.Receiver
	// at which it keeps a place, so that it is reached behind an address translator
	Relays []string
	Relay  bool // it is one itself, for those whom it admits
	// told who is on the local network; nil: the end does not say that it is there
	Found func(p wire.PeerID, addresses []string)
}

// Network opens the transport of a node.
type Network func(End) (transport.Transport, error)

// lanName is the name by which nodes find each other on the local network.
const lanName = "rhizome"

// Libp2p opens a transport over QUIC and TCP.
func Libp2p(e End) (transport.Transport, error) {
	c := libp2p.Config{Listen: e.Listen, Relays: e.Relays, Relay: e.Relay, HolePunch: len(e.Relays) > 0}
	if e.Found != nil {
		c.MDNS, c.Found = lanName, e.Found
	}
	return c.Open(e.ID.Key(), e.Receiver)
}

// found notes a peer of the local network, where somebody waits for one or it is known; it never blocks.
func (r *running) found(p wire.PeerID, addresses []string) {
	addresses = sound(addresses, p)
	if len(addresses) == 0 {
		return
	}
	select {
	case r.near <- nearby{p, addresses}:
	default: // it says so again
	}
	addresses = append(addresses, written(r.dir.Record(), p)...)
	if rec := r.dir.Record(); rec != nil && (rec.Server == p || find(rec.Members, p) >= 0) {
		r.net.Learn(p, addresses)
	}
}

// nearby is a peer of the local network.
type nearby struct {
	peer      wire.PeerID
	addresses []string
}

// onLoopback says whether a node can be reached by its own machine alone.
func onLoopback(listen []string) bool {
	for _, a := range listen {
		if !strings.HasPrefix(a, "/ip4/127.") && !strings.HasPrefix(a, "/ip6/::1/") {
			return false
		}
	}
	return len(listen) > 0
}
