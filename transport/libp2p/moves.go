package libp2p

import (
	"maps"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// A machine that has moved to another network, or has slept, has connections that nobody will ever answer over, and a
// transport that waits for their time-outs waits for a quarter of a minute and more. So the end looks at its addresses,
// and at the clock.
const (
	lookEvery = time.Second
	sleptFor  = 5 * lookEvery // between two looks: the machine slept, or the process was stopped
	// for the question whether a connection still leads anywhere; 5 ways there and back where they take long
	answerSoon = 2 * time.Second
	asksAtOnce = 256
)

// notice goes on after each change of the machine's addresses, and after a sleep.
func (t *Transport) notice() {
	news := machine.join()
	defer machine.leave(news)
	for {
		select {
		case has := <-news:
			t.counts.moves.Add(1)
			t.moved(has)
		case <-t.ctx.Done():
			return
		}
	}
}

// lookout looks at the machine for all ends of the process: for one it costs some 50 µs a second, and there may be
// thousands. It is safe for concurrent use, and looks while somebody listens.
type lookout struct {
	mu   sync.Mutex
	ends map[chan map[string]bool]bool // each has room for one change
	over chan struct{}                 // closed when nobody listens any more; nil while nobody does
}

var machine lookout

// join returns where the addresses of the machine are told after each change.
func (l *lookout) join() chan map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	news := make(chan map[string]bool, 1)
	if l.over == nil {
		l.ends, l.over = map[chan map[string]bool]bool{}, make(chan struct{})
		go l.look(l.over)
	}
	l.ends[news] = true
	return news
}

func (l *lookout) leave(news chan map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if delete(l.ends, news); len(l.ends) == 0 {
		close(l.over)
		l.over = nil
	}
}

// notify tells all of the newest addresses.
func (l *lookout) notify(has map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for news := range l.ends { // each hears the same
		select {
		case <-news: // not looked at yet
		default:
		}
		news <- has
	}
}

// look looks at the addresses and at the clock until it is over.
func (l *lookout) look(over chan struct{}) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	has, _ := ownAddresses()
	last := time.Now().Round(0) // by the clock on the wall, which goes on through a sleep
	for {
		select {
		case <-tick.C:
		case <-over:
			return
		}
		now := time.Now().Round(0)
		slept := now.Sub(last) > sleptFor
		last = now
		addrs, err := ownAddresses()
		if err != nil {
			addrs = has // the system does not say; not known to be other than before
		}
		if changed := !maps.Equal(addrs, has); changed || slept {
			has = addrs
			l.notify(has)
		}
	}
}

// ownAddresses returns the addresses of the machine, without those that lead nowhere else.
func ownAddresses() (map[string]bool, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(all))
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			out[n.IP.String()] = true
		}
	}
	return out, nil
}

// moved closes the connections from addresses that the machine has no more, asks over all others whether they lead
// anywhere, and closes those that do not. Peers are dialled anew at once, also those for whom nothing waits: they may
// not be able to dial this end.
func (t *Transport) moved(has map[string]bool) {
	for _, r := range t.all() {
		r.mu.Lock()
		r.fails = 0
		r.mu.Unlock()
		r.kick()
	}
	if t.holes != nil {
		t.holes.again()
	}
	t.start(func() {
		var asking sync.WaitGroup
		room := make(chan struct{}, asksAtOnce)
		for _, c := range t.swarm.Conns() {
			local := c.LocalMultiaddr()
			switch {
			case local == nil || manet.IsIPLoopback(c.RemoteMultiaddr()):
				continue
			case fixed(local) != "" && !has[fixed(local)]:
				t.giveUp(c)
				continue
			}
			select {
			case room <- struct{}{}:
			case <-t.ctx.Done():
			}
			asking.Go(func() {
				if t.ask(c, answerSoon) != nil {
					t.giveUp(c)
				}
				<-room
			})
		}
		asking.Wait()
	})
}

// giveUp closes a connection that leads nowhere, and dials the peer anew where it was linked over it.
func (t *Transport) giveUp(c network.Conn) {
	if t.closing() {
		return
	}
	t.counts.stranded.Add(1)
	t.mu.Lock()
	r := t.records[wire.PeerID(c.RemotePeer().String())]
	t.mu.Unlock()
	linked := r != nil && r.linkOn(c) != nil
	// Closing may wait for what cannot be sent any more.
	t.start(func() { _ = c.Close() })
	if linked {
		r.end(r.linkOn(c), errStranded)
		r.renew()
	}
}

// fixed returns the one address of this machine that a connection runs from, or nothing where the system chooses it for
// each packet.
func fixed(a ma.Multiaddr) string {
	if relayed(a) {
		return ""
	}
	ip, err := manet.ToIP(a)
	if err != nil || ip.IsUnspecified() {
		return ""
	}
	return ip.String()
}
