package memory

import (
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Port is a node's end of a Network. It is safe for concurrent use.
type Port struct {
	net  *Network
	self wire.PeerID
	to   transport.Receiver
	work sync.WaitGroup // calls of the receiver, and streams

	// Guarded by the network's lock.
	closed  bool
	desks   map[wire.PeerID]*desk
	serve   map[string]handler
	streams map[*stream]bool
}

var _ transport.Transport = (*Port)(nil)

// Self returns the peer that this end is.
func (p *Port) Self() wire.PeerID { return p.self }

// Addresses returns where this end is: in this process.
func (p *Port) Addresses() []string {
	if p.self.Validate() != nil {
		return []string{"/memory/process"}
	}
	return []string{"/memory/process/p2p/" + string(p.self)}
}

// Learn does nothing: a peer of the process is found by its id.
func (p *Port) Learn(wire.PeerID, []string) {}

// Send queues a packet for a peer. A message that a fault drops is no error.
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
	n := p.net
	if len(raw) > n.opts.PacketBytes {
		return &transport.SizeError{Peer: to, Bytes: len(raw), Max: n.opts.PacketBytes}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	q, err := p.link(to)
	if err != nil {
		return err
	}
	d := q.desk(p.self)
	switch o := &n.opts; {
	case d.packets >= o.QueueMessages:
		return &transport.OverflowError{Peer: to, What: "packets", Max: o.QueueMessages}
	case len(raw) > o.QueueBytes-d.bytes:
		return &transport.OverflowError{Peer: to, What: "bytes", Max: o.QueueBytes}
	}
	at, copies := [2]int64{}, 1
	broken := false
	if !n.opts.plain() {
		k := pair{p.self, to}
		if n.links[k] == nil {
			n.links[k] = newLink(n.opts.Seed, k)
		}
		at, copies = n.links[k].arrivals(int64(time.Since(n.start)), &n.opts, &n.counts)
		broken = n.links[k].breaks(&n.opts)
	}
	for _, at := range at[:copies] {
		d.push(event{kind: message, at: at, raw: raw})
	}
	if broken && q != p {
		n.counts.broken.Add(1)
		p.part(to, errBroken)
	}
	return nil
}

// link returns the port of a peer that this one is linked with, and links them if they are not. The caller holds the
// lock, which link lets go while it asks the receivers.
func (p *Port) link(to wire.PeerID) (*Port, error) {
	n := p.net
	q := n.joined[to]
	switch {
	case p.closed:
		return nil, &transport.ClosedError{Self: p.self}
	case q == p:
		return q, nil
	case q != nil && p.desks[to] != nil && p.desks[to].linked:
		return q, nil
	}
	n.mu.Unlock()
	err := p.to.Admit(to)
	if err != nil {
		err = &transport.DeniedError{Peer: to, Reason: err.Error()}
	} else if q == nil {
		err = &transport.UnreachableError{Peer: to, Reason: "nobody is joined under this id"}
	} else if no := q.to.Admit(p.self); no != nil {
		err = &transport.TurnedAwayError{Peer: to}
		if k, ok := q.to.(transport.Knocks); ok {
			k.Knocked(p.self, "/memory/process", no)
		}
	}
	n.mu.Lock()
	switch {
	case err != nil:
		return nil, err
	case p.closed:
		return nil, &transport.ClosedError{Self: p.self}
	case n.joined[to] != q:
		return nil, &transport.UnreachableError{Peer: to, Reason: "it has just left"}
	}
	if d := p.desk(to); !d.linked {
		for _, d := range []*desk{d, q.desk(p.self)} {
			d.linked = true
			d.push(event{kind: linked})
		}
	}
	return q, nil
}

// Drop ends the link with a peer. What is under way on it is lost.
func (p *Port) Drop(peer wire.PeerID) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.part(peer, errDropped)
}

// Close takes the node off the network, and waits until its receiver does not run any more. It must not be called from
// a call of the receiver.
func (p *Port) Close() error {
	p.net.mu.Lock()
	p.shut()
	p.net.mu.Unlock()
	p.work.Wait()
	return nil
}

// shut ends all links of the port. The caller holds the lock.
func (p *Port) shut() {
	if p.closed {
		return
	}
	if p.net.joined[p.self] == p {
		delete(p.net.joined, p.self)
	}
	for peer, d := range p.desks {
		p.part(peer, &transport.ClosedError{Self: p.self})
		p.net.counts.lost.Add(uint64(d.clear())) // from itself
	}
	for s := range p.streams {
		s.reset()
	}
	p.closed = true
}

// part ends the link with a peer at both ends: what waits on it is lost, with a report. The caller holds the lock.
func (p *Port) part(peer wire.PeerID, reason error) {
	q := p.net.joined[peer]
	d := p.desks[peer]
	if d == nil || !d.linked {
		return
	}
	// Both ends are there: a link ends before its port leaves the network.
	for _, end := range []struct{ at, other *desk }{{d, q.desk(p.self)}, {q.desk(p.self), d}} {
		end.at.linked = false
		if n := end.other.clear(); n > 0 {
			p.net.counts.lost.Add(uint64(n))
			end.at.push(event{kind: lost, packets: n, reason: reason})
		}
	}
	for _, d := range []*desk{d, q.desk(p.self)} {
		d.push(event{kind: unlinked, reason: reason})
	}
}

// desk returns where what comes from a peer waits. The caller holds the lock.
func (p *Port) desk(peer wire.PeerID) *desk {
	d := p.desks[peer]
	if d == nil {
		d = &desk{port: p, peer: peer, wake: make(chan struct{}, 1)}
		p.desks[peer] = d
	}
	return d
}
