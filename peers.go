package rhizome

import (
	"context"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/engine"
)

// Know notes addresses of a peer, as multiaddrs, so that the node finds it also after a restart. Each call is durable
// when it returns, and so are those below. Errors are *RefusedError, those of the context, and *StoppedError.
func (n *Node) Know(ctx context.Context, p PeerID, addresses ...string) error {
	for _, a := range addresses {
		if err := n.control(ctx, engine.ControlLearn, p, a); err != nil {
			return err
		}
	}
	return nil
}

// Allow lets a peer in. Once one was allowed, only those who were are let in.
func (n *Node) Allow(ctx context.Context, p PeerID) error {
	return n.control(ctx, engine.ControlAllow, p, "")
}

// Block keeps a peer out, also one that was allowed, and ends its links.
func (n *Node) Block(ctx context.Context, p PeerID) error {
	return n.control(ctx, engine.ControlBlock, p, "")
}

// Unblock takes Block back.
func (n *Node) Unblock(ctx context.Context, p PeerID) error {
	return n.control(ctx, engine.ControlUnblock, p, "")
}

// control does a call of the node's own operator.
func (n *Node) control(ctx context.Context, op string, p PeerID, address string) error {
	r, err := n.h.Control(ctx, "", op, p, address)
	switch {
	case err != nil:
		return n.because(err)
	case !r.Accepted:
		return &RefusedError{op, fmt.Errorf("%s: %s", p, r.Reason)}
	}
	return nil
}
