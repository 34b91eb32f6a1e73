package deploy

import (
	"context"

	"github.com/rhizome-ml/rhizome/deploy/exchange"
	"github.com/rhizome-ml/rhizome/wire"
)

// CallAfar does a call at the node of an address, as the node of a directory, which must not run meanwhile. Errors are
// *DeniedError, *transport.UnreachableError, *exchange.ProtocolError and those of opening the directory.
func CallAfar(ctx context.Context, o Options, address string, q Request) (*Reply, error) {
	p, addresses, err := serverOf([]string{address})
	if err != nil {
		return nil, err
	}
	r, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	net, err := r.o.Network(End{ID: r.dir.ID, Receiver: newGlue(func(other wire.PeerID) error {
		if other != p {
			return &DeniedError{"stranger", "this call is of one node alone"}
		}
		return nil
	}, func(wire.PeerID, string, bool, error) {})})
	if err != nil {
		return nil, err
	}
	r.net = net
	net.Learn(p, addresses)
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	s, err := net.Open(ctx, p, controlProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := exchange.WriteMessage(s, q); err != nil {
		return nil, err
	}
	var reply Reply
	if err := exchange.ReadMessage(s, &reply, exchange.Timeout); err != nil {
		return nil, err
	}
	if reply.Code != "" {
		return nil, &DeniedError{reply.Code, reply.Reason}
	}
	return &reply, nil
}
