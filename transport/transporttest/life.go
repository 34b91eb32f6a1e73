package transporttest

import (
	"errors"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// drop: links that either end drops, again and again under load, are reported, made anew, and lose nothing without a
// report.
func drop(r *rig) {
	a, b := r.pair()
	const packets = 400
	for i := range packets {
		if !b.send(a.Self(), packet(i, 50)) {
			r.t.Fatalf("packet %d is refused: %v", i, b.Send(a.Self(), nil))
		}
		switch i % 100 {
		case 30:
			b.Drop(a.Self())
		case 80:
			a.Drop(b.Self())
		}
	}
	b.accounted(a, packets)
	b.arrives(a, packet(packets, 50))
	b.Drop(a.Self())
	b.await(r.t, "the end of the link", a.Self(), func(l *peerLog) bool {
		return l.unlinked > 0 &&
			l.unlinked == l.linked
	})
	a.await(r.t, "the end of the link", b.Self(), func(l *peerLog) bool {
		return l.unlinked > 0 &&
			l.unlinked == l.linked
	})
	b.Drop(ID(99)) // nobody
	b.arrives(a, packet(packets+1, 50))
}

// restart: an end that is closed and comes back at its place is linked with again; what was under way is accounted for.
func restart(r *rig) {
	a, b := r.pair()
	b.arrives(a, packet(1, 50))
	at := a.Addresses()
	for round := range 3 {
		a.close()
		b.await(r.t, "Unlinked", a.Self(), func(l *peerLog) bool { return l.unlinked == l.linked })
		again := r.end(1, func(o *Options, _ *Recorder) { o.At = at[0] })
		b.arrives(again, packet(2+round, 50))
		again.arrives(b, packet(2+round, 50))
		a = again
	}
}

// moved: a peer that comes back somewhere else is reached there once it is learned, and by itself when it calls.
func moved(r *rig) {
	if r.f.Gone {
		r.t.Skip("addresses do not count in one process")
	}
	a, b := r.pair()
	b.arrives(a, packet(1, 50))
	old := a.Addresses()
	a.close()
	a = r.end(1, nil)
	if a.Addresses()[0] == old[0] {
		r.t.Fatalf("the end is at %s again", old[0])
	}
	b.send(a.Self(), packet(2, 50)) // waits for the old place, or is lost with a report
	b.Learn(a.Self(), a.Addresses())
	b.arrives(a, packet(3, 50))
	a.close()
	a = r.end(1, nil)
	c := r.end(2, nil)
	b.close()
	a.Learn(c.Self(), c.Addresses()) // c is the same peer as b, at another place
	a.arrives(c, packet(4, 50))
	c.arrives(a, packet(5, 50)) // which has not learned where a is now
}

// silent: a peer that vanishes without a word is found out, and what was sent to it is accounted for.
func silent(r *rig) {
	if r.f.Silence == nil {
		r.t.Skip("the transport has no wire that could be cut")
	}
	a := r.end(1, func(o *Options, _ *Recorder) { o.Soon = true })
	b := r.end(2, func(o *Options, _ *Recorder) { o.Dialer, o.Soon = true, true })
	through, cut := r.f.Silence(r.t, a.Addresses()[0])
	b.Learn(a.Self(), []string{through})
	b.arrives(a, packet(1, 50))
	a.arrives(b, packet(1, 50))
	cut()
	for i := range 5 {
		b.must(a.Self(), packet(2+i, 50))
	}
	for _, e := range []struct{ at, of *end }{{b, a}, {a, b}} {
		e.at.await(r.t, "Unlinked", e.of.Self(), func(l *peerLog) bool {
			return l.unlinked > 0 &&
				l.unlinked == l.linked
		})
	}
	b.Learn(a.Self(), a.Addresses())
	b.arrives(a, packet(10, 50))
}

// closing: an end can be closed in every state, twice, and is then silent; whoever asks it afterwards is told.
func closing(r *rig) {
	a := r.end(1, nil)
	closed := func(e *end) {
		r.t.Helper()
		e.close()
		if err := e.Transport.Close(); err != nil {
			r.t.Errorf("the second Close: %v", err)
		}
		var shut *transport.ClosedError
		if err := e.Send(a.Self(), nil); !errors.As(err, &shut) || shut.Self != e.Self() {
			r.t.Errorf("Send after Close: %v", err)
		}
		e.Drop(a.Self())
		e.Learn(a.Self(), a.Addresses())
	}
	closed(r.end(2, nil)) // idle
	dialling := r.end(3, nil)
	dialling.Learn(a.Self(), []string{"/ip4/127.0.0.1/tcp/1/p2p/" + string(a.Self())})
	_ = dialling.Send(a.Self(), packet(0, 10))
	closed(dialling)
	just := r.end(4, nil)
	just.Learn(a.Self(), a.Addresses())
	just.must(a.Self(), packet(0, 10)) // the link is being made
	closed(just)
	linked := r.end(5, nil)
	linked.Learn(a.Self(), a.Addresses())
	linked.arrives(a, packet(0, 10))
	closed(linked)

	// Under load in both directions, and while a call of the receiver runs.
	var stop sync.WaitGroup
	busy := r.end(6, func(_ *Options, rec *Recorder) {
		rec.gate = func(wire.PeerID, []byte) { pass(100 * time.Microsecond) }
	})
	busy.Learn(a.Self(), a.Addresses())
	busy.arrives(a, packet(0, 10))
	for _, e := range []struct{ from, to *end }{{busy, a}, {a, busy}} {
		stop.Go(func() {
			for i := range 2000 {
				_ = e.from.Send(e.to.Self(), packet(i, 1000))
			}
		})
	}
	pass(5 * time.Millisecond)
	closed(busy)
	stop.Wait()

	// With a peer that never comes back from Receive until the end is closed.
	release := make(chan struct{})
	entered := make(chan struct{}, 1)
	stuck := r.end(7, func(_ *Options, rec *Recorder) {
		rec.gate = func(wire.PeerID, []byte) {
			select {
			case entered <- struct{}{}:
			default:
			}
			<-release
		}
	})
	stuck.Learn(a.Self(), a.Addresses())
	stuck.must(a.Self(), packet(0, 10))
	a.await(r.t, "a packet", stuck.Self(), func(l *peerLog) bool {
		return len(l.got) > 0 || r.f.Faulty || r.f.Breaks &&
			l.unlinked > 0
	})
	for range 50 {
		_ = a.Send(stuck.Self(), packet(1, 10))
	}
	if !r.f.Faulty {
		select {
		case <-entered:
		case <-time.After(patience):
			r.t.Error("nothing arrives")
		}
	}
	time.AfterFunc(10*time.Millisecond, func() { close(release) })
	closed(stuck)
}
