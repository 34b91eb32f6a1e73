package libp2p

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/rhizome-ml/rhizome/transport"
)

// hello is what the receiving end answers to a stream: the version of the framing.
const hello = 1

// write is the writer of a peer: it takes packets from the queue and writes them to the link's stream, which it opens
// where none is there. It ends when nothing waits and no stream is there to keep.
func (r *record) write() {
	var batch [][]byte
	var last *link // that was written to
	for {
		r.mu.Lock()
		r.wrote(last)
		l := r.link
		hasOut := l != nil && l.out != nil
		switch {
		case l != nil && l.copying: // it was beside another one, and is not the writer's yet
			r.mu.Unlock()
			<-r.wake
			continue
		case r.head == len(r.queue) && !hasOut && !r.want:
			r.writing = false
			r.mu.Unlock()
			return
		case r.head == len(r.queue) && hasOut:
			r.mu.Unlock()
			select {
			case <-r.wake:
			case <-r.t.ctx.Done():
				r.end(l, &transport.ClosedError{Self: r.t.self})
			}
			continue
		case !hasOut:
			r.mu.Unlock()
			if err := r.connect(); err != nil {
				r.lose(err)
			}
			r.mu.Lock()
			r.want = false
			r.mu.Unlock()
			continue
		}
		batch = r.take(batch[:0])
		l.busy, last = true, l
		r.mu.Unlock()
		size := 0
		for _, p := range batch {
			size += len(p)
		}
		if err := l.frames.write(batch); err != nil {
			r.end(l, err)
		} else {
			r.t.counts.sent.Add(uint64(len(batch)))
			r.t.counts.sentBytes.Add(uint64(size))
		}
		clear(batch)
	}
}

// connect opens the outgoing stream, with a dial where no connection is there, unless a link that has one takes the
// place of the peer's meanwhile. It tries again, with growing pauses, until DialFor has passed; then the error says why
// the last try failed.
func (r *record) connect() error {
	until := time.Now().Add(r.t.cfg.DialFor)
	for {
		if err := r.pause(); err != nil {
			return err
		}
		if err := r.t.admit(r.id); err != nil {
			return &transport.DeniedError{Peer: r.id, Reason: err.Error()}
		}
		r.mu.Lock()
		if r.taken() {
			r.mu.Unlock()
			return nil
		}
		on, conn := r.answering()
		if on != nil {
			on.opening = true
		}
		r.mu.Unlock()
		s, err := r.t.openEnvelopes(r, conn)
		if err == nil {
			r.attachOut(s, on)
			return nil
		}
		r.mu.Lock()
		if on != nil {
			on.opening = false
			r.copyOn(on)
		}
		taken := r.taken()
		r.mu.Unlock()
		if taken {
			return nil
		}
		if r.t.closing() {
			return &transport.ClosedError{Self: r.t.self}
		}
		r.mu.Lock()
		c := &r.t.cfg
		span := min(c.RetryMax, c.RetryMin<<min(r.fails, 20))
		r.fails++
		r.retry = time.Now().Add(span/2 + rand.N(span/2+1))
		late := r.retry.After(until)
		r.mu.Unlock()
		if late {
			return r.t.failed(r, err)
		}
	}
}

// pause waits until the peer may be dialled again: until the pause is over, or an address or a connection is new.
func (r *record) pause() error {
	for {
		r.mu.Lock()
		wait := time.Until(r.retry)
		if r.fails == 0 {
			wait = 0
		}
		r.mu.Unlock()
		if r.t.closing() {
			return &transport.ClosedError{Self: r.t.self}
		}
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-r.wake: // a packet more, or fails is 0 now
		case <-r.t.ctx.Done():
		}
		timer.Stop()
	}
}

// dial makes a connection with a peer where none is there.
func (t *Transport) dial(ctx context.Context, r *record) error {
	if c := t.swarm.Connectedness(r.pid); c == network.Connected || c == network.Limited {
		return nil
	}
	r.mu.Lock()
	addrs := r.addrs
	r.dialled = nil
	r.mu.Unlock()
	t.counts.dials.Add(1)
	t.swarm.Backoff().Clear(r.pid) // the pauses are ours
	err := t.host.Connect(ctx, peer.AddrInfo{ID: r.pid, Addrs: addrs})
	if err != nil {
		t.counts.dialsFailed.Add(1)
	}
	return err
}

// openEnvelopes opens a stream for packets, on a connection if it is not nil, and waits for the answer.
func (t *Transport) openEnvelopes(r *record, on network.Conn) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(t.ctx, "envelopes"), t.cfg.DialTimeout)
	defer cancel()
	s, err := t.carrying(ctx, r, on)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	var b [1]byte
	if _, err = s.Read(b[:]); err == nil && b[0] != hello {
		err = fmt.Errorf("the peer answers %d to %s, want %d", b[0], EnvelopeProtocol, hello)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = s.Reset()
		// A connection on which no answer comes is not worth keeping: the next try makes a new one.
		_ = s.Conn().Close()
		return nil, err
	}
	return s, nil
}

// carrying opens a stream of packets, on a connection if it is not nil, or else on one that it dials where none is
// there.
func (t *Transport) carrying(ctx context.Context, r *record, on network.Conn) (network.Stream, error) {
	if on == nil {
		if err := t.dial(ctx, r); err != nil {
			return nil, err
		}
		return t.host.NewStream(ctx, r.pid, EnvelopeProtocol)
	}
	s, err := on.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	return speak(s)
}
