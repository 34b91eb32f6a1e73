package host

import "github.com/rhizome-ml/rhizome/engine"

const (
	inboxBytes = 8 << 20 // of packets that wait; a peer whose packet does not fit is held up, as when there are too many
	stepBytes  = 1 << 20 // of packets that one Step takes, and so one record of the journal: what it is encoded in is no larger
)

// inbox is the inputs that wait for the node, in the order in which they came. It is thread-unsafe.
type inbox struct {
	events []*engine.Event
	bytes  int // of packets
}

func packetBytes(ev *engine.Event) int {
	if ev.Envelope == nil {
		return 0
	}
	return len(ev.Envelope.Raw)
}

// room says whether one more input may wait among at most max. A packet that is alone always fits.
func (b *inbox) room(ev *engine.Event, max int) bool {
	n := packetBytes(ev)
	return len(b.events) < max && (n == 0 || b.bytes == 0 || b.bytes+n <= inboxBytes)
}

func (b *inbox) put(ev *engine.Event) {
	b.events = append(b.events, ev)
	b.bytes += packetBytes(ev)
}

// again puts inputs back to the head.
func (b *inbox) again(events []*engine.Event) {
	for _, ev := range events {
		b.bytes += packetBytes(ev)
	}
	b.events = append(events, b.events...)
}

// take gives what one Step takes: of packets the first, up to stepBytes but at least one, and everything else, which may be what
// packets wait for. It says whether packets are left.
func (b *inbox) take() (events []*engine.Event, left bool) {
	taken := 0
	var kept []*engine.Event
	for _, ev := range b.events {
		n := packetBytes(ev)
		if n > 0 && (len(kept) > 0 || taken > 0 && taken+n > stepBytes) {
			kept = append(kept, ev)
			continue
		}
		taken += n
		events = append(events, ev)
	}
	b.events, b.bytes = kept, b.bytes-taken
	return events, len(kept) > 0
}
