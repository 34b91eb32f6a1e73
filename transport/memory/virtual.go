package memory

import "github.com/rhizome-ml/rhizome/wire"

// Virtual connects nodes in virtual time. It is thread-unsafe, starts no goroutine and reads no clock: its owner asks Next
// when something arrives and calls Deliver. The same calls give the same deliveries, to the byte.
type Virtual struct {
	opts   Options
	counts counters
	now    int64
	queue  queue
	joined map[wire.PeerID]*VirtualPort
	links  map[pair]*link
}

// VirtualPort is a node's end of a Virtual network. It is thread-unsafe.
type VirtualPort struct {
	net      *Virtual
	self     wire.PeerID
	recv     func(from wire.PeerID, raw []byte)
	closed   bool
	messages int // under way to it
	bytes    int
}

// NewVirtual returns a network without nodes, at time 0. Options out of range count as the nearest that is in range.
func NewVirtual(opts Options) *Virtual {
	return &Virtual{opts: opts.sound(), joined: map[wire.PeerID]*VirtualPort{}, links: map[pair]*link{}}
}

// Join connects a peer, whose receiver Deliver calls with bytes that it must not change. A port that the peer had before is
// closed, and what is under way to it is lost.
func (v *Virtual) Join(peer wire.PeerID, recv func(from wire.PeerID, raw []byte)) *VirtualPort {
	if old := v.joined[peer]; old != nil {
		old.closed = true
	}
	p := &VirtualPort{net: v, self: peer, recv: recv}
	v.joined[peer] = p
	return p
}

// Send puts a message under way at the network's time; it arrives at least a nanosecond later, so that an exchange without
// delay cannot keep Deliver from coming to an end. Errors are *UnreachableError, *OverflowError and *ClosedError; a message
// that a fault drops is no error.
func (p *VirtualPort) Send(to wire.PeerID, raw []byte) error {
	err := p.trySend(to, raw)
	if err != nil {
		p.net.counts.refused.Add(1)
		return err
	}
	p.net.counts.sent.Add(1)
	return nil
}

func (p *VirtualPort) trySend(to wire.PeerID, raw []byte) error {
	v := p.net
	dst := v.joined[to]
	switch {
	case p.closed:
		return &ClosedError{p.self}
	case dst == nil:
		return &UnreachableError{to}
	case dst.messages >= v.opts.QueueMessages:
		return &OverflowError{to, "messages", v.opts.QueueMessages}
	case len(raw) > v.opts.QueueBytes-dst.bytes:
		return &OverflowError{to, "bytes", v.opts.QueueBytes}
	}
	at, copies := [2]int64{v.now}, 1
	if !v.opts.plain() {
		k := pair{p.self, to}
		if v.links[k] == nil {
			v.links[k] = newLink(v.opts.Seed, k)
		}
		at, copies = v.links[k].arrivals(v.now, &v.opts, &v.counts)
	}
	for _, at := range at[:copies] {
		dst.messages++
		dst.bytes += len(raw)
		v.queue.push(message{at: max(at, v.now+1), from: p.self, to: dst, raw: raw})
	}
	return nil
}

// Close takes the node off the network. What is under way to it is lost.
func (p *VirtualPort) Close() {
	p.closed = true
	if p.net.joined[p.self] == p {
		delete(p.net.joined, p.self)
	}
}

// Now returns the network's time in nanoseconds: that of the last delivery, or the end of the last Deliver.
func (v *Virtual) Now() int64 { return v.now }

// Next returns when the next message arrives, and whether there is one.
func (v *Virtual) Next() (at int64, ok bool) { return v.queue.first() }

// Deliver gives all messages that arrive up to a time to their receivers, in the order of arrival and of sending, and sets
// the network's time to it. Messages that receivers send meanwhile are delivered too when they arrive in time. It returns
// how many were delivered.
func (v *Virtual) Deliver(until int64) int {
	n := 0
	for at, ok := v.queue.first(); ok && at <= until; at, ok = v.queue.first() {
		m := v.queue.pop()
		m.to.messages--
		m.to.bytes -= len(m.raw)
		v.now = max(v.now, at)
		if m.to.closed {
			v.counts.lost.Add(1)
			continue
		}
		v.counts.delivered.Add(1)
		m.to.recv(m.from, m.raw)
		n++
	}
	v.now = max(v.now, until)
	return n
}

// Stats returns what happened so far.
func (v *Virtual) Stats() Stats { return v.counts.stats() }
