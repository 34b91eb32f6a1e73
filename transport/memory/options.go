package memory

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/transport"
)

// Options says how a network behaves. The zero value is the plain mode: no delay, no faults, default queues.
type Options struct {
	Seed      uint64  // of all faults
	Drop      float64 // probability that a message is lost
	Duplicate float64 // probability that a message arrives a second time
	Reorder   float64 // probability that later messages of the pair may overtake a message: it is delayed once more

	DelayMin, DelayMax time.Duration // each message takes a time drawn evenly between them

	Break float64 // probability that the link breaks behind a message

	QueueMessages int // under way from one peer to another; 0 means 4,096
	QueueBytes    int // their bytes; 0 means 256 MiB
	PacketBytes   int // of one message; 0 means QueueBytes
}

// reorderDelay is how far a message can fall behind when the network has no delay of its own.
const reorderDelay = time.Millisecond

// Validate says whether a network can behave like that: nil, or a *transport.ConfigError for the first field that
// cannot be. New takes what Validate refuses as the nearest that can be.
func (o Options) Validate() error {
	no := func(field string, got any, want string) error {
		return &transport.ConfigError{Field: field, Got: fmt.Sprint(got), Want: want}
	}
	for _, p := range []struct {
		name string
		v    float64
	}{{"Drop", o.Drop}, {"Duplicate", o.Duplicate}, {"Reorder", o.Reorder}, {"Break", o.Break}} {
		if !(p.v >= 0 && p.v <= 1) {
			return no(p.name, p.v, "a probability, 0 to 1")
		}
	}
	for _, d := range []struct {
		name string
		v    int64
	}{{"DelayMin", int64(o.DelayMin)}, {"QueueMessages", int64(o.QueueMessages)}, {"QueueBytes", int64(o.QueueBytes)},
		{"PacketBytes", int64(o.PacketBytes)}} {
		if d.v < 0 {
			return no(d.name, d.v, "0 for the default, or more")
		}
	}
	if o.DelayMax < o.DelayMin {
		return no("DelayMax", o.DelayMax, "at least DelayMin, which is "+o.DelayMin.String())
	}
	return nil
}

// sound returns the options with probabilities between 0 and 1, delays in order and not negative, and queues of a size.
func (o Options) sound() Options {
	for _, p := range []*float64{&o.Drop, &o.Duplicate, &o.Reorder, &o.Break} {
		if !(*p > 0) { // also NaN
			*p = 0
		}
		*p = min(*p, 1)
	}
	o.DelayMin = max(o.DelayMin, 0)
	o.DelayMax = max(o.DelayMax, o.DelayMin)
	if o.QueueMessages <= 0 {
		o.QueueMessages = 4096
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 256 << 20
	}
	if o.PacketBytes <= 0 {
		o.PacketBytes = o.QueueBytes
	}
	return o
}

// plain says whether nothing happens to messages.
func (o *Options) plain() bool {
	return o.Drop == 0 && o.Duplicate == 0 && o.Reorder == 0 && o.Break == 0 && o.DelayMax == 0
}

// Stats counts what happened to messages since the network was made.
type Stats struct {
	Sent       uint64 // taken by Send
	Delivered  uint64 // given to a receiver, repetitions included
	Dropped    uint64 // by Options.Drop
	Duplicated uint64 // by Options.Duplicate
	Reordered  uint64 // by Options.Reorder
	Delayed    uint64 // that took time
	Broken     uint64 // links, by Options.Break
	Lost       uint64 // under way on a link that ended
	Refused    uint64 // by Send, with an error
}

// counters is the form of Stats that many goroutines count in.
type counters struct {
	sent, delivered, dropped, duplicated, reordered, delayed, lost, broken, refused atomic.Uint64
}

func (c *counters) stats() Stats {
	return Stats{
		Sent: c.sent.Load(), Delivered: c.delivered.Load(), Dropped: c.dropped.Load(), Duplicated: c.duplicated.Load(),
		Reordered: c.reordered.Load(), Delayed: c.delayed.Load(), Broken: c.broken.Load(), Lost: c.lost.Load(),
		Refused: c.refused.Load(),
	}
}
