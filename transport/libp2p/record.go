package libp2p

import (
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// record is what an end holds of a peer: where it may be reached, what waits for it, and the link with it. It is safe
// for concurrent use.
type record struct {
	t    *Transport
	id   wire.PeerID
	pid  peer.ID
	wake chan struct{} // holds one token when something changed since the writer last looked

	mu      sync.Mutex
	addrs   []ma.Multiaddr
	queue   [][]byte // from head on
	head    int
	bytes   int // in the queue
	writing bool
	want    bool // a link, also without a packet: one was lost that the peer may need to reach this end
	gone    bool // no more in the transport's table
	link    *link
	beside  []*link // that were replaced over another connection, and still carry
	notes   []note
	fails   int          // dials since the last link
	briefs  int          // links in a row that did not last
	retry   time.Time    // not to be dialled before
	dialled network.Conn // that this end made last; see gated

	calls sync.Mutex // held while the receiver is called for this peer
	mute  bool       // under calls: the end is closed
}

// kick leaves a token for the writer.
func (r *record) kick() {
	select {
	case r.wake <- struct{}{}:
	default: // a token lies there already
	}
}

// put queues a packet, and starts the writer where none runs.
func (r *record) put(raw []byte) error {
	l := &r.t.cfg.Limits
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return errForgotten
	}
	if waiting := len(r.queue) - r.head; waiting >= l.QueuePackets || len(raw) > l.QueueBytes-r.bytes {
		r.mu.Unlock()
		r.t.counts.overflows.Add(1)
		if waiting >= l.QueuePackets {
			return &transport.OverflowError{Peer: r.id, What: "packets", Max: l.QueuePackets}
		}
		return &transport.OverflowError{Peer: r.id, What: "bytes", Max: l.QueueBytes}
	}
	if !r.writing {
		if !r.t.start(r.write) {
			r.mu.Unlock()
			return &transport.ClosedError{Self: r.t.self}
		}
		r.writing = true
	}
	r.queue = append(r.queue, raw)
	r.bytes += len(raw)
	for _, l := range r.beside {
		r.copyTo(l, raw)
	}
	r.mu.Unlock()
	r.kick()
	return nil
}

// renew asks for a link in place of one that this end gave up, without a packet that waits for it. What this end does
// not know how to dial comes by itself.
func (r *record) renew() {
	r.mu.Lock()
	r.fails, r.retry = 0, time.Time{}
	if len(r.addrs) > 0 && !r.gone && (r.link == nil || r.link.out == nil) {
		if r.writing || r.t.start(r.write) {
			r.writing, r.want = true, true
		}
	}
	r.mu.Unlock()
	r.kick()
}

// take removes the next packets from the queue into batch: one large packet, or small ones up to batchBytes.
func (r *record) take(batch [][]byte) [][]byte {
	total := 0
	for r.head < len(r.queue) {
		p := r.queue[r.head]
		if total += headBytes + len(p); len(batch) > 0 && (total > batchBytes || len(p) > copyBytes) {
			break
		}
		batch = append(batch, p)
		r.queue[r.head] = nil
		r.head++
		r.bytes -= len(p)
		if len(p) > copyBytes {
			break
		}
	}
	switch {
	case r.head == len(r.queue):
		r.queue, r.head = r.queue[:0], 0
		if cap(r.queue) > 256 {
			r.queue = nil
		}
	case r.head >= 1024 && r.head > len(r.queue)/2:
		n := copy(r.queue, r.queue[r.head:])
		clear(r.queue[n:])
		r.queue, r.head = r.queue[:n], 0
	}
	return batch
}

// lose empties the queue and reports it.
func (r *record) lose(reason error) {
	r.mu.Lock()
	if n := len(r.queue) - r.head; n > 0 {
		r.queue, r.head, r.bytes = nil, 0, 0
		r.t.counts.lost.Add(uint64(n))
		r.notes = append(r.notes, note{kind: lost, packets: n, reason: reason})
	}
	r.mu.Unlock()
	r.flush()
}

// forget marks a record as gone, unless something would be lost with it.
func (r *record) forget() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone = r.link == nil && len(r.beside) == 0 && !r.writing && len(r.notes) == 0
	return r.gone
}

// errForgotten says that the record was forgotten meanwhile: the peer has another one now, or none.
var errForgotten = errors.New("transport/libp2p: the record was forgotten")
