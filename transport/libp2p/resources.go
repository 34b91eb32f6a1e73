package libp2p

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/x/rate"
	ma "github.com/multiformats/go-multiaddr"
)

// memory that a connection and all of them may hold in libp2p's buffers, as its resource manager counts it. Flow
// control lets a stream's window grow to 16 MiB; what the windows of all streams have grown by is bounded by the
// system's share. Their first windows are not counted here, see muxer.
const (
	connMemory   = 32 << 20
	systemMemory = 1 << 30
)

// linkStreams is how many streams there may be in each direction for each link, in the mean: one of packets, and what
// is asked now and then.
const linkStreams = 2

// resources returns the resource manager, with limits that follow from ours.
func (t *Transport) resources() (network.ResourceManager, error) {
	l := &t.cfg.Limits
	streams := linkStreams * (l.Links + l.Peers)
	// Outgoing connections are made by this end's own will, one by one for each peer; only their sum is bounded.
	all := rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(l.Links + l.Peers), ConnsInbound: rcmgr.LimitVal(l.Links),
		ConnsOutbound: rcmgr.LimitVal(l.Peers),
		Streams:       rcmgr.LimitVal(2 * streams), StreamsInbound: rcmgr.LimitVal(streams),
		StreamsOutbound: rcmgr.LimitVal(streams),
		FD:              rcmgr.Unlimited, Memory: systemMemory,
	}
	// transient are connections and streams that have not shown yet who they are or what they want.
	transient := rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(l.Handshakes + l.Peers), ConnsInbound: rcmgr.LimitVal(l.Handshakes),
		ConnsOutbound: rcmgr.LimitVal(l.Peers),
		Streams:       rcmgr.LimitVal(8*l.Handshakes + l.Peers), StreamsInbound: rcmgr.LimitVal(8 * l.Handshakes),
		StreamsOutbound: rcmgr.LimitVal(l.Peers),
		FD:              rcmgr.Unlimited, Memory: systemMemory / 8,
	}
	one := rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(l.PeerLinks), ConnsInbound: rcmgr.LimitVal(l.PeerLinks),
		ConnsOutbound: rcmgr.LimitVal(l.PeerLinks),
		Streams:       rcmgr.LimitVal(2 * l.Streams), StreamsInbound: rcmgr.LimitVal(l.Streams),
		StreamsOutbound: rcmgr.LimitVal(l.Streams),
		FD:              rcmgr.Unlimited, Memory: 4 * connMemory,
	}
	open := rcmgr.ResourceLimits{Streams: rcmgr.Unlimited, StreamsInbound: rcmgr.Unlimited,
		StreamsOutbound: rcmgr.Unlimited,
		Conns:           rcmgr.Unlimited, ConnsInbound: rcmgr.Unlimited, ConnsOutbound: rcmgr.Unlimited,
		FD:     rcmgr.Unlimited,
		Memory: rcmgr.Unlimited64}
	conn := open
	conn.Memory = connMemory
	limits := rcmgr.PartialLimitConfig{System: all, Transient: transient, AllowlistedSystem: all,
		AllowlistedTransient: transient,
		ServiceDefault:       open, ServicePeerDefault: open, ProtocolDefault: open, ProtocolPeerDefault: open,
		PeerDefault: one,
		Conn:        conn, Stream: open}.Build(rcmgr.ConcreteLimitConfig{})
	links, home := or(l.AddressLinks, 256), or(l.AddressLinks, l.Links)
	speed := func(perSecond int) rate.Limit { return rate.Limit{RPS: float64(perSecond), Burst: 4 * perSecond} }
	each, atHome := speed(or(l.AddressRate, 10)), speed(or(l.AddressRate, 500))
	loop4, loop6 := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits), rcmgr.WithMetricsDisabled(),
		rcmgr.WithNetworkPrefixLimit([]rcmgr.NetworkPrefixLimit{{Network: loop4, ConnCount: home}},
			[]rcmgr.NetworkPrefixLimit{{Network: loop6, ConnCount: home}}),
		rcmgr.WithLimitPerSubnet([]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: links}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 64, ConnCount: links}}),
		rcmgr.WithConnRateLimiters(&rate.Limiter{NetworkPrefixLimits: []rate.PrefixLimit{{Prefix: loop4, Limit: atHome},
			{Prefix: loop6, Limit: atHome}},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: each}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 64, Limit: each}},
				GracePeriod:      time.Minute,
			}}))
}

// or returns the first that is not 0.
func or(a, b int) int {
	if a > 0 {
		return a
	}
	return b
}

// tallying counts what others begin beyond the limits: they are told nothing, because nobody has shown who he is.
type tallying struct {
	network.ResourceManager
	n *atomic.Uint64
}

func (m tallying) count(dir network.Direction, err error) {
	if err != nil && dir == network.DirInbound {
		m.n.Add(1)
	}
}

// OpenConnection counts connections.
func (m tallying) OpenConnection(dir network.Direction, usefd bool, from ma.Multiaddr) (network.ConnManagementScope,
	error) {
	s, err := m.ResourceManager.OpenConnection(dir, usefd, from)
	m.count(dir, err)
	if err != nil {
		return nil, err
	}
	return tallied{s, m, dir}, nil
}

// OpenStream counts streams.
func (m tallying) OpenStream(p peer.ID, dir network.Direction) (network.StreamManagementScope, error) {
	s, err := m.ResourceManager.OpenStream(p, dir)
	m.count(dir, err)
	return s, err
}

// tallied is a connection whose peer is not known yet.
type tallied struct {
	network.ConnManagementScope
	m   tallying
	dir network.Direction
}

// SetPeer counts connections of a peer that has too many.
func (t tallied) SetPeer(p peer.ID) error {
	err := t.ConnManagementScope.SetPeer(p)
	t.m.count(t.dir, err)
	return err
}
