package wires

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Wire is the router between two hosts. It is safe for concurrent use.
type Wire struct {
	cut  atomic.Bool
	ways []*way
	stop chan struct{}
	wait sync.WaitGroup
}

// way is what one of the ends sends.
type way struct {
	from                    Port
	c                       Conditions
	chance                  *rand.Rand
	queue                   chan packet
	passed, lost, cut, full atomic.Uint64
}

// packet is on its way until it is due.
type packet struct {
	due time.Time
	to  *os.File
	raw []byte
}

// Join lays a wire between two hosts. It runs until Close, which comes before that of the hosts.
func Join(a, b *Host, c Conditions) *Wire { return Connect(c, a.Port(), b.Port()) }

// Connect lays wires between all ends, with the same conditions on the way from each to each. Between two, whatever the
// one sends is for the other; between more, a packet goes to the end in whose prefix its address is, and to nobody
// where there is none.
func Connect(c Conditions, ends ...Port) *Wire {
	if c.Packets == 0 {
		c.Packets = 4096
	}
	w := &Wire{stop: make(chan struct{})}
	for i, end := range ends {
		y := &way{from: end, c: c, chance: rand.New(rand.NewPCG(c.Seed, uint64(i))),
			queue: make(chan packet, c.Packets)}
		w.ways = append(w.ways, y)
		y.from.tun.SetReadDeadline(time.Time{})
		w.wait.Go(func() { w.take(y, ends) })
		w.wait.Go(func() { w.hand(y) })
	}
	return w
}

// take reads what a host sends, and lets it be lost or go on its way.
func (w *Wire) take(y *way, ends []Port) {
	defer close(y.queue)
	buf := make([]byte, mtu+100)
	for {
		n, err := y.from.tun.Read(buf)
		if err != nil {
			return // the deadline of Close
		}
		if n < 20 || buf[0]>>4 != 4 {
			continue // what the system says by itself over IPv6: nobody there has an address of it
		}
		to := y.from.route(ends, netip.AddrFrom4([4]byte(buf[16:20])))
		if to == nil {
			continue
		}
		switch lost := y.chance.Float64() < y.c.Loss; {
		case w.cut.Load():
			y.cut.Add(1)
			continue
		case lost:
			y.lost.Add(1)
			continue
		}
		select {
		case y.queue <- packet{time.Now().Add(y.c.Delay), to, append([]byte(nil), buf[:n]...)}:
		default:
			y.full.Add(1)
		}
	}
}

// route returns the end for which a packet of this one is.
func (p Port) route(ends []Port, to netip.Addr) *os.File {
	for _, e := range ends {
		if e.tun != p.tun && (len(ends) == 2 || e.at.Contains(to)) {
			return e.tun
		}
	}
	return nil
}

// hand gives the other host each packet when it is due; all wait equally long, so that the order stays.
func (w *Wire) hand(y *way) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p := range y.queue {
		timer.Reset(time.Until(p.due))
		select {
		case <-timer.C:
		case <-w.stop:
			continue
		}
		if w.cut.Load() {
			y.cut.Add(1)
			continue
		}
		if _, err := p.to.Write(p.raw); err != nil {
			y.lost.Add(1) // the host refuses it: an address that it has no more
			continue
		}
		y.passed.Add(1)
	}
}

// Cut loses every packet of both directions until Heal, also those that are under way.
func (w *Wire) Cut() { w.cut.Store(true) }

// Heal ends a Cut.
func (w *Wire) Heal() { w.cut.Store(false) }

// Counts adds up both directions.
func (w *Wire) Counts() (c Counts) {
	for _, y := range w.ways {
		c.Passed += y.passed.Load()
		c.Lost += y.lost.Load()
		c.Cut += y.cut.Load()
		c.Full += y.full.Load()
	}
	return c
}

// Close ends the wire; what is under way is lost.
func (w *Wire) Close() {
	close(w.stop)
	for _, y := range w.ways {
		y.from.tun.SetReadDeadline(time.Now())
	}
	w.wait.Wait()
}
