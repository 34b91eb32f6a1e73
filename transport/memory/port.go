package memory

import (
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/wire"
)

// Port is a node's end of a Network. It is safe for concurrent use.
type Port struct {
	net  *Network
	self wire.PeerID
	recv func(from wire.PeerID, raw []byte)
	wake chan struct{} // holds one token when the queue has changed since run last looked
	stop chan struct{} // closed with the port

	mu     sync.Mutex
	closed bool
	queue  queue
	bytes  int // in the queue
}

// Send gives a message to a peer. It never blocks. Errors are *UnreachableError, *OverflowError and *ClosedError; a message
// that a fault drops is no error.
func (p *Port) Send(to wire.PeerID, raw []byte) error {
	err := p.trySend(to, raw)
	if err != nil {
		p.net.counts.refused.Add(1)
		return err
	}
	p.net.counts.sent.Add(1)
	return nil
}

func (p *Port) trySend(to wire.PeerID, raw []byte) error {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return &ClosedError{p.self}
	}
	return p.net.send(p.self, to, raw)
}

// Close takes the node off the network. What is under way to it is lost. A call of the receiver that runs meanwhile goes on;
// no other one starts.
func (p *Port) Close() {
	p.net.mu.Lock()
	if p.net.joined[p.self] == p {
		delete(p.net.joined, p.self)
	}
	p.net.mu.Unlock()
	p.shut()
}

// shut ends the port's goroutine and drops what is in its queue.
func (p *Port) shut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.net.counts.lost.Add(uint64(p.queue.len()))
	p.queue, p.bytes = queue{}, 0
	close(p.stop)
}

// room says whether the queue takes a message of n bytes.
func (p *Port) room(n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch o := &p.net.opts; {
	case p.closed:
		return &UnreachableError{p.self}
	case p.queue.len() >= o.QueueMessages:
		return &OverflowError{p.self, "messages", o.QueueMessages}
	case n > o.QueueBytes-p.bytes:
		return &OverflowError{p.self, "bytes", o.QueueBytes}
	}
	return nil
}

// put adds a message to the queue and wakes the goroutine. A repetition may exceed the bounds by one message.
func (p *Port) put(m message) {
	p.mu.Lock()
	if p.closed {
		p.net.counts.lost.Add(1)
	} else {
		p.queue.push(m)
		p.bytes += len(m.raw)
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // a token lies there already
	}
}

// run gives messages to the receiver as they arrive, until the port is closed.
func (p *Port) run() {
	defer p.net.ports.Done()
	for {
		m, wait, state := p.take()
		switch state {
		case shut:
			return
		case due:
			p.net.counts.delivered.Add(1)
			p.recv(m.from, m.raw)
			continue
		}
		// The token of a change after take is still in wake, so nothing is slept over (trap 23).
		var timer <-chan time.Time
		if state == later {
			timer = time.After(wait)
		}
		select {
		case <-p.wake:
		case <-timer:
		case <-p.stop:
			return
		}
	}
}

// What take found.
type found uint8

const (
	shut  found = iota // the port is closed
	due                // a message
	later              // a message that arrives after a while
	empty              // nothing
)

// take removes the next message if it has arrived.
func (p *Port) take() (m message, wait time.Duration, state found) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.queue.first()
	switch {
	case p.closed:
		return m, 0, shut
	case !ok:
		return m, 0, empty
	}
	if at > 0 {
		if wait = time.Duration(at) - time.Since(p.net.start); wait > 0 {
			return m, wait, later
		}
	}
	m = p.queue.pop()
	p.bytes -= len(m.raw)
	return m, 0, due
}
