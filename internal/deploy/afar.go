package deploy

import (
	"context"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// CallAfar does a call at the node of an address, as the node of a directory, which must not run meanwhile. Errors are
// *DeniedError, *transport.UnreachableError, *exchange.ProtocolError and those of opening the directory.
func CallAfar(ctx context.Context, o Options, address string, q Request) (*Reply, error) {
	var reply Reply
	err := afar(ctx, o, []string{address}, func(_ *Dir, s transport.Stream) error {
		if err := exchange.WriteMessage(s, q); err != nil {
			return err
		}
		if err := exchange.ReadMessage(s, &reply, exchange.Timeout); err != nil {
			return err
		}
		if reply.Code != "" {
			return &DeniedError{reply.Code, reply.Reason}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &reply, nil
}

// afar opens the control of the one node that all addresses name, as the node of a directory.
func afar(ctx context.Context, o Options, addresses []string, do func(*Dir, transport.Stream) error) error {
	p, addresses, err := serverOf(addresses)
	if err != nil {
		return err
	}
	r, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer r.close()
	net, err := r.o.Network(End{ID: r.dir.ID, Receiver: newGlue(func(other wire.PeerID) error {
		if other != p {
			return &DeniedError{"stranger", "this call is of one node alone"}
		}
		return nil
	}, func(wire.PeerID, string, bool, error) {})})
	if err != nil {
		return err
	}
	r.net = net
	net.Learn(p, addresses)
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	s, err := net.Open(ctx, p, controlProtocol)
	if err != nil {
		return err
	}
	defer s.Close()
	return do(r.dir, s)
}
