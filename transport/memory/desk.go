package memory

import (
	"errors"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

var (
	errDropped = errors.New("transport/memory: one of the ends dropped the link")
	errBroken  = errors.New("transport/memory: the link broke, as the options have it")
)

// What an event is.
type kind uint8

const (
	linked kind = iota
	message
	lost
	unlinked
)

// event is one call that a receiver is to get.
type event struct {
	kind    kind
	at      int64 // a message's arrival; reports come before all messages that wait
	seq     uint64
	raw     []byte
	packets int // that are lost
	reason  error
}

// desk is where what a receiver is to be told about one peer waits, and the goroutine that tells it while there is
// something. It is guarded by the network's lock.
type desk struct {
	port    *Port
	peer    wire.PeerID
	linked  bool
	running bool
	packets int // messages in the queue
	bytes   int
	queue   queue
	wake    chan struct{} // holds one token when the queue has changed since run last looked
}

// push adds an event, and sees to it that it is told.
func (d *desk) push(e event) {
	if d.port.closed {
		return
	}
	if e.kind == message {
		d.packets++
		d.bytes += len(e.raw)
	}
	d.queue.push(e)
	if !d.running {
		d.running = true
		d.port.work.Go(d.run)
		return
	}
	select {
	case d.wake <- struct{}{}:
	default: // a token lies there already
	}
}

// clear takes the messages out, and returns how many there were.
func (d *desk) clear() int {
	n := d.packets
	d.queue.keep(func(e event) bool { return e.kind != message })
	d.packets, d.bytes = 0, 0
	return n
}

// run tells the receiver what waits, as it arrives, until nothing does.
func (d *desk) run() {
	net := d.port.net
	for {
		net.mu.Lock()
		at, ok := d.queue.first()
		if !ok {
			d.running = false
			net.mu.Unlock()
			return
		}
		if at > 0 {
			if wait := time.Duration(at) - time.Since(net.start); wait > 0 {
				net.mu.Unlock()
				// The token of a change after first is still in wake, so nothing is slept over (trap lost-wakeup).
				timer := time.NewTimer(wait)
				select {
				case <-d.wake:
				case <-timer.C:
				}
				timer.Stop()
				continue
			}
		}
		e := d.queue.pop()
		if e.kind == message {
			d.packets--
			d.bytes -= len(e.raw)
		}
		net.mu.Unlock()
		d.notify(e)
	}
}

// notify calls the receiver.
func (d *desk) notify(e event) {
	switch to := d.port.to; e.kind {
	case linked:
		to.Linked(d.peer, "/memory/process")
	case message:
		d.port.net.counts.delivered.Add(1)
		_ = to.Receive(d.peer, e.raw) // what it drops, the peer's stream sends again
	case lost:
		to.Lost(d.peer, e.packets, e.reason)
	case unlinked:
		to.Unlinked(d.peer, e.reason)
	}
}
