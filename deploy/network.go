package deploy

import (
	"github.com/rhizome-ml/rhizome/deploy/identity"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// Libp2p opens a transport over QUIC and TCP.
func Libp2p(id *identity.Identity, listen []string, r transport.Receiver) (transport.Transport, error) {
	t, err := libp2p.New(libp2p.Config{Key: id.Key(), Listen: listen, Receiver: r})
	if err != nil {
		return nil, err // not a nil *libp2p.Transport, which would be a transport
	}
	return t, nil
}
