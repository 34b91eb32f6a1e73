package libp2p

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// secondDelay is how long the addresses of the second choice wait for those of the first.
const secondDelay = 100 * time.Millisecond

// rank orders the addresses of a peer and says when each is dialled: TCP first and QUIC a moment later where all are
// near, as libp2p does it (QUIC first) elsewhere and where the Config prefers QUIC.
func (t *Transport) rank(addrs []ma.Multiaddr) []network.AddrDelay {
	if t.cfg.PreferQUIC || slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool { return !near(a) && !relayed(a) }) {
		return swarm.DefaultDialRanker(addrs)
	}
	class := func(a ma.Multiaddr) int {
		_, err := a.ValueForProtocol(ma.P_TCP)
		switch {
		case relayed(a):
			return 2
		case err != nil:
			return 1
		}
		return 0
	}
	out := make([]network.AddrDelay, len(addrs))
	for i, a := range addrs {
		out[i].Addr = a
	}
	slices.SortStableFunc(out, func(a, b network.AddrDelay) int { return class(a.Addr) - class(b.Addr) })
	for i := range out {
		out[i].Delay = time.Duration(class(out[i].Addr)-class(out[0].Addr)) * secondDelay
	}
	return out
}

// near says whether an address is of this machine or of a private network.
func near(a ma.Multiaddr) bool { return manet.IsPrivateAddr(a) || manet.IsIPLoopback(a) }

// relayed says whether an address leads over a relay.
func relayed(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}
