package libp2p

import (
	"net"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
)

// muxer is yamux, whose streams take none of the memory that the resource manager has to give for their first window,
// of 256 KiB: it is room that a peer may fill, not memory. Counted, it would be used up by 2,048 idle links with their
// two streams, and all who come after them would be cut off. What the first windows can hold together is bounded by the
// number of streams; what windows grow by is counted.
type muxer struct{ yamux.Transport }

// NewConn makes a muxed connection.
func (m *muxer) NewConn(c net.Conn, server bool, scope network.PeerScope) (network.MuxedConn, error) {
	return m.Transport.NewConn(c, server, growth{scope})
}

// growth is the scope of a peer in which first windows cost nothing.
type growth struct{ network.PeerScope }

// BeginSpan begins the account of one stream.
func (g growth) BeginSpan() (network.ResourceScopeSpan, error) {
	s, err := g.PeerScope.BeginSpan()
	if err != nil {
		return nil, err
	}
	return account{s}, nil
}

// account is that of one stream. Yamux asks for the first window as for what it has to have, and for more as for what
// it would like.
type account struct{ network.ResourceScopeSpan }

// ReserveMemory counts what a window grows by.
func (a account) ReserveMemory(size int, prio uint8) error {
	if prio == network.ReservationPriorityAlways {
		return nil
	}
	return a.ResourceScopeSpan.ReserveMemory(size, prio)
}
