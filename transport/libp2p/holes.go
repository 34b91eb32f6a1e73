package libp2p

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	"github.com/libp2p/go-libp2p/p2p/host/observedaddrs"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// holes punches holes through the address translators before this end and its peers (DCUtR). A host that is put
// together by hand learns nothing of where others see it, unless it is given a manager of observed addresses; and its
// own service takes public addresses of listeners alone. So both are made here. One observer is enough for an address
// to be tried: it is told to a peer that asks for it and not spread, and whoever is found there must prove to be the
// peer.
type holes struct {
	t    *Transport
	h    *basichost.BasicHost
	seen *observedaddrs.Manager

	mu sync.Mutex
	// nil until an address is known, without which it would wait and miss who comes meanwhile
	service *holepunch.Service
	tries   map[peer.ID]*holeTry // of peers that are linked over a relay and came over it
	closed  bool
}

// holeTry is how a hole was tried for a peer.
type holeTry struct {
	fails int
	next  time.Time
	busy  bool
}

// Bounds of the tries for a hole: the service tries three times each time. Between two translators that both choose a
// port for each peer there is none to be found, and the pauses grow.
const (
	holePauseMin = time.Second
	holePauseMax = 5 * time.Minute
	holesAtOnce  = 8
	// of one try: longer tells nothing more, and two tries of three are in vain where one end chooses ports
	holeDial = 3 * time.Second
)

func newHoles(t *Transport, h *basichost.BasicHost, seen *observedaddrs.Manager) *holes {
	return &holes{t: t, h: h, seen: seen, tries: map[peer.ID]*holeTry{}}
}

// addresses returns where this end is seen from outside, and where it listens in public.
func (s *holes) addresses() []ma.Multiaddr {
	all := ma.Unique(append(s.h.AllAddrs(), s.seen.Addrs(1)...))
	return slices.DeleteFunc(all, func(a ma.Multiaddr) bool { return !manet.IsPublicAddr(a) || relayed(a) })
}

// open waits until an address is known, and then punches.
func (s *holes) open() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for slow := 0; ; slow++ {
		select {
		case <-tick.C:
		case <-s.t.ctx.Done():
			return
		}
		if slow == 50 {
			tick.Reset(time.Second)
		}
		if s.ready() {
			s.punch()
		} else if len(s.addresses()) > 0 {
			s.serve()
		}
	}
}

// serve starts the service.
func (s *holes) serve() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.service != nil {
		return
	}
	// An error is one of the options, of which none can be wrong.
	s.service, _ = holepunch.NewService(s.h, s.h.IDService(), s.addresses,
		holepunch.DirectDialTimeout(min(s.t.cfg.DialTimeout, holeDial)))
}

// ready says whether the service serves its protocol.
func (s *holes) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.service != nil && slices.Contains(s.h.Mux().Protocols(), holepunch.Protocol)
}

// punch tries a hole for each peer that came over a relay and is linked over it still: the service does so by itself
// when the peer comes, and not for those who came before it was there, nor again.
func (s *holes) punch() {
	over := map[peer.ID]bool{}
	for _, r := range s.t.all() {
		if l := r.linkOn(nil); l != nil && r.overRelay(l) && came(l.conn()) {
			over[r.pid] = true
		}
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := 0
	for p, try := range s.tries {
		if try.busy {
			busy++
		} else if !over[p] {
			delete(s.tries, p)
		}
	}
	for p := range over {
		try := s.tries[p]
		if try == nil {
			try = &holeTry{}
			s.tries[p] = try
		}
		if try.busy || now.Before(try.next) || busy >= holesAtOnce {
			continue
		}
		service := s.service
		try.busy = s.t.start(func() {
			err := service.DirectConnect(p)
			s.mu.Lock()
			defer s.mu.Unlock()
			try.busy = false
			if err != nil {
				try.next = time.Now().Add(min(holePauseMax, holePauseMin<<min(try.fails, 10)))
				try.fails++
				return
			}
			try.next = time.Now().Add(holePauseMin)
		})
		busy++
	}
}

// again forgets the pauses: an address of this end is new.
func (s *holes) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, try := range s.tries {
		try.fails, try.next = 0, time.Time{}
	}
}

// close ends the service.
func (s *holes) close() error {
	s.mu.Lock()
	service := s.service
	s.closed = true
	s.mu.Unlock()
	if service == nil {
		return nil
	}
	return service.Close()
}

// came says whether the peer has begun a connection.
func came(c network.Conn) bool { return c.Stat().Direction == network.DirInbound }
