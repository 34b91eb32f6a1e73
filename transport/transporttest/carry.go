package transporttest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// names: an end is who its key says, and its addresses name it.
func names(r *rig) {
	a := r.end(1, nil)
	if a.Self() != ID(1) {
		r.t.Errorf("Self is %s, want %s", a.Self(), ID(1))
	}
	for _, text := range a.Addresses() {
		if p, err := wire.ParseAddress(text); err != nil || p.Peer != a.Self() {
			r.t.Errorf("address %s: %v", text, err)
		}
	}
	if len(a.Addresses()) == 0 {
		r.t.Error("no address")
	}
}

// sizes: packets of all sizes up to the bound arrive whole, and one more byte is a *SizeError.
func sizes(r *rig) {
	const most = 3<<20 + 17
	a := r.end(1, func(o *Options, _ *Recorder) { o.PacketBytes = most })
	b := r.end(2, func(o *Options, _ *Recorder) { o.PacketBytes, o.Dialer = most, true })
	b.Learn(a.Self(), a.Addresses())
	want := []int{0, 1, 3, 4, 5, 8, 100, 1023, 4095, 4096, 4097, 32<<10 - 1, 32 << 10, 32<<10 + 1, 64<<10 - 4, 64 << 10,
		64<<10 + 1, 1 << 20, most, 9}
	var large *transport.SizeError
	if err := b.Send(a.Self(), make([]byte, most+1)); !errors.As(err, &large) || large.Max != most {
		r.t.Fatalf("a packet of %d bytes gave %v; want a *transport.SizeError with Max %d, since Options.PacketBytes was %d",
			most+1, err, most, most)
	}
	for i, n := range want {
		b.must(a.Self(), packet(i, n))
	}
	if r.f.Faulty || r.f.Breaks {
		b.arrives(a, []byte("the last one"))
		a.see(b.Self(), func(l *peerLog) {
			for _, p := range l.got {
				if i, ok := whole(p); len(p) >= 8 && string(p) != "the last one" &&
					(!ok || i >= len(want) || len(p) != want[i]) {
					r.t.Errorf("a packet of %d bytes is not as it was sent", len(p))
				}
			}
		})
		return
	}
	a.await(r.t, "all sizes", b.Self(), func(l *peerLog) bool { return len(l.got) == len(want) })
	a.see(b.Self(), func(l *peerLog) {
		for i, p := range l.got {
			if !slices.Equal(p, packet(i, want[i])) {
				r.t.Errorf("packet %d has %d bytes, want %d, or other bytes", i, len(p), want[i])
			}
		}
	})
}

// order: what several ends send to one arrives in the order of each, once, and what does not arrive was reported.
func order(r *rig) {
	const senders, each = 3, 3000
	a := r.end(1, nil)
	var all sync.WaitGroup
	var ends []*end
	for s := range senders {
		b := r.end(2+s, func(o *Options, _ *Recorder) { o.Dialer = true })
		b.Learn(a.Self(), a.Addresses())
		ends = append(ends, b)
		all.Go(func() {
			for i := range each {
				if !b.send(a.Self(), packet(i, 8+i%300)) {
					r.t.Errorf("packet %d is refused", i)
					return
				}
			}
		})
	}
	all.Wait()
	for _, b := range ends {
		b.accounted(a, each)
	}
}

// accounted waits until every packet of a run has arrived or can be accounted for by a report, and checks the order
// within each link.
func (e *end) accounted(at *end, sent int) {
	e.t.Helper()
	arrived := func() (n int) { at.see(e.Self(), func(l *peerLog) { n = len(l.got) }); return n }
	reports := func() (n int) { e.see(at.Self(), func(l *peerLog) { n = l.lost + l.unlinked }); return n }
	quiet, last := 0, -1
	for until := time.Now().Add(patience); arrived() < sent && time.Now().Before(until); pass(5 * time.Millisecond) {
		if n := arrived(); n != last {
			last, quiet = n, 0
		} else if quiet++; quiet > 40 && (e.f.Faulty || reports() > 0) { // 200 ms without one more
			break
		}
	}
	reported := reports()
	at.see(e.Self(), func(l *peerLog) {
		if len(l.got) < sent && reported == 0 && !e.f.Faulty {
			e.t.Errorf("%d of %d packets arrived and nothing was reported", len(l.got), sent)
		}
		seen := map[int]bool{}
		before, bounds := -1, l.links
		for i, p := range l.got {
			for len(bounds) > 0 && bounds[0] <= i {
				before, bounds = -1, bounds[1:]
			}
			n, ok := whole(p)
			switch {
			case !ok:
				e.t.Errorf("packet %d is not as it was sent", n)
			case e.f.Faulty:
			case n <= before:
				e.t.Errorf("packet %d comes after %d on one link", n, before)
			case seen[n]:
				e.t.Errorf("packet %d came twice", n)
			}
			before, seen[n] = n, true
		}
	})
}

// back: an end that listens nowhere is answered over the link that it made.
func back(r *rig) {
	a, b := r.pair()
	for i := range 50 {
		b.arrives(a, packet(i, 20))
		a.arrives(b, packet(1000+i, 20))
	}
	a.see(b.Self(), func(l *peerLog) {
		if l.linked == 0 || !r.f.Gone && !strings.HasPrefix(l.remote, "/") {
			r.t.Errorf("linked %d times, at %q", l.linked, l.remote)
		}
	})
}

// slow: a receiver that blocks slows its sender down and nobody else; the sender is told of the overflow, nothing that
// it had taken is lost, and afterwards all is as before.
func slow(r *rig) {
	if r.f.Breaks {
		r.t.Skip("a link that breaks takes what waits with it")
	}
	hold, entered := make(chan struct{}), make(chan struct{})
	var once, free sync.Once
	r.t.Cleanup(func() { free.Do(func() { close(hold) }) })
	a := r.end(1, func(o *Options, rec *Recorder) {
		o.QueuePackets, o.QueueBytes = 64, 16<<20 // where both ends share their bounds
		rec.gate = func(from wire.PeerID, _ []byte) {
			if from == ID(2) {
				once.Do(func() { close(entered) })
				<-hold
			}
		}
	})
	b := r.end(2, func(o *Options, _ *Recorder) { o.Dialer, o.QueuePackets, o.QueueBytes = true, 64, 16<<20 })
	c := r.end(3, func(o *Options, _ *Recorder) { o.Dialer = true })
	b.Learn(a.Self(), a.Addresses())
	c.Learn(a.Self(), a.Addresses())
	b.must(a.Self(), packet(0, 64<<10))
	<-entered
	var over *transport.OverflowError
	sent := 1
	for until := time.Now().Add(patience); ; sent++ {
		err := b.Send(a.Self(), packet(sent, 64<<10))
		if errors.As(err, &over) {
			// The wire may still take some of what waits: full is when it stays full.
			pass(20 * time.Millisecond)
			if err = b.Send(a.Self(), packet(sent, 64<<10)); errors.As(err, &over) {
				break
			}
		}
		if err != nil || time.Now().After(until) {
			r.t.Fatalf("no overflow after %d packets: %v", sent, err)
		}
	}
	for i := range 20 {
		c.must(a.Self(), packet(i, 1000))
	}
	a.await(r.t, "packets beside a blocked one", c.Self(), func(l *peerLog) bool { return len(l.got) == 20 })
	free.Do(func() { close(hold) })
	b.must(a.Self(), packet(sent, 64<<10))
	sent++
	a.await(r.t, "what was taken", b.Self(), func(l *peerLog) bool { return len(l.got) == sent })
	b.accounted(a, sent)
}
