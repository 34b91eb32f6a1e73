package wires

import (
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Wire is the router between two hosts. It is safe for concurrent use.
type Wire struct {
	cut  atomic.Bool
	ways [2]*way
	stop chan struct{}
	wait sync.WaitGroup
}

// way is one direction of a wire.
type way struct {
	from, to                *os.File
	c                       Conditions
	chance                  *rand.Rand
	queue                   chan packet
	passed, lost, cut, full atomic.Uint64
}

// packet is on its way until it is due.
type packet struct {
	due time.Time
	raw []byte
}

// Join lays a wire between two hosts. It runs until Close, which comes before that of the hosts.
func Join(a, b *Host, c Conditions) *Wire {
	if c.Packets == 0 {
		c.Packets = 4096
	}
	w := &Wire{stop: make(chan struct{})}
	for i, ends := range [2][2]*Host{{a, b}, {b, a}} {
		y := &way{from: ends[0].tun, to: ends[1].tun, c: c, chance: rand.New(rand.NewPCG(c.Seed, uint64(i))), queue: make(chan packet, c.Packets)}
		w.ways[i] = y
		y.from.SetReadDeadline(time.Time{})
		w.wait.Go(func() { w.take(y) })
		w.wait.Go(func() { w.hand(y) })
	}
	return w
}

// take reads what a host sends, and lets it be lost or go on its way.
func (w *Wire) take(y *way) {
	defer close(y.queue)
	buf := make([]byte, mtu+100)
	for {
		n, err := y.from.Read(buf)
		if err != nil {
			return // the deadline of Close
		}
		if n == 0 || buf[0]>>4 != 4 {
			continue // what the system says by itself over IPv6: nobody there has an address of it
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
		case y.queue <- packet{time.Now().Add(y.c.Delay), append([]byte(nil), buf[:n]...)}:
		default:
			y.full.Add(1)
		}
	}
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
		if _, err := y.to.Write(p.raw); err != nil {
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
		y.from.SetReadDeadline(time.Now())
	}
	w.wait.Wait()
}
