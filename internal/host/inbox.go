package host

import "github.com/rhizome-ml/rhizome/internal/engine"

const (
	// of packets and calls that wait; a peer whose packet does not fit is held up, as when there are too many
	inboxBytes = 8 << 20
	// of packets and calls that one Step takes, and so one record of the journal: what it is encoded in is no larger
	stepBytes = 1 << 20
)

// inbox is the inputs that wait for the node, in the order in which they came. It is thread-unsafe.
type inbox struct {
	events  []queued
	bytes   int      // of packets and calls
	last    uint64   // place of the last that came
	stepped []queued // what the Step that is under way was given

	shares map[string]share // of the peers of which packets wait
}

// share is what waits of one peer.
type share struct{ packets, bytes int }

// inboxShare is which part of the inbox a peer may have once half of it is taken: one that sends more than the node
// works off leaves room for the others.
const inboxShare = 16

// waitingBytes is what an input counts against the bounds: packets and calls. Others are bounded by what was given out.
func waitingBytes(ev *engine.Event) int {
	switch {
	case ev.Envelope != nil:
		return len(ev.Envelope.Raw)
	case ev.Invoke != nil:
		n := 1 + len(ev.Invoke.Name)
		for _, v := range ev.Invoke.Inputs {
			if v != nil {
				n += v.Bytes()
			}
		}
		return n
	}
	return 0
}

// room says whether one more input may wait among at most max. One that is alone always fits.
func (b *inbox) room(ev *engine.Event, max int) bool {
	n := waitingBytes(ev)
	if len(b.events) >= max || n > 0 && b.bytes > 0 && b.bytes+n > inboxBytes {
		return false
	}
	if ev.Envelope == nil || 2*len(b.events) < max && 2*(b.bytes+n) <= inboxBytes {
		return true
	}
	s := b.shares[ev.Envelope.From]
	return s.packets == 0 || s.packets < max/inboxShare && s.bytes+n <= inboxBytes/inboxShare
}

func (b *inbox) put(ev *engine.Event) {
	b.last++
	b.events = append(b.events, queued{ev, b.last})
	b.count(ev, 1)
}

// count adds an input to the figures, or takes it out.
func (b *inbox) count(ev *engine.Event, sign int) {
	n := waitingBytes(ev)
	b.bytes += sign * n
	if ev.Envelope == nil {
		return
	}
	p := ev.Envelope.From
	s := b.shares[p]
	if s.packets, s.bytes = s.packets+sign, s.bytes+sign*n; s.packets == 0 {
		delete(b.shares, p)
		return
	}
	if b.shares == nil {
		b.shares = map[string]share{}
	}
	b.shares[p] = s
}

// again puts inputs back to the head.
func (b *inbox) again(events []*engine.Event) {
	back := make([]queued, 0, len(events)+len(b.events))
	for _, ev := range events {
		b.count(ev, 1)
		back = append(back, queued{ev, b.placeOf(ev)})
	}
	b.events = append(back, b.events...)
}

// take gives what one Step takes: of packets and calls the first, up to stepBytes but at least one, and everything
// else, which may be what they wait for. It says whether some of them are left.
func (b *inbox) take() (events []*engine.Event, left bool) {
	taken := 0
	var kept []queued
	b.stepped = b.stepped[:0]
	for _, q := range b.events {
		n := waitingBytes(q.ev)
		if n > 0 && (len(kept) > 0 || taken > 0 && taken+n > stepBytes) {
			kept = append(kept, q)
			continue
		}
		taken += n
		b.count(q.ev, -1)
		events = append(events, q.ev)
		b.stepped = append(b.stepped, q)
	}
	b.events = kept
	return events, len(kept) > 0
}
