package rhizome

import (
	"context"
	"iter"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/value"
)

// Event is what the program told its host (graph.Graph.AppEmit), or a component of it.
//
// An event of the name rhizome.failure is a failure that nothing in the program handled, such as that of a component
// which could not start, or of a value of the wrong type; its Value is a *value.Failure, with a code, a place and a
// message. The program goes on without what depends on it.
type Event struct {
	Number uint64 // from 1, without gaps; the same event has the same number after a restart
	Name   string
	Value  value.Value
}

// Events gives the node's events in order, unhandled failures (see Event) among them, and waits for more until the
// context ends or the node stops. An event is acknowledged when its turn of the loop has ended well; one that was not
// is told again by the next loop, and after a restart, with the same number: so whoever notes the last number beside
// what he makes of it sees each once. 4,096 events may wait to be
// acknowledged. Beyond them each AppEmit waits with its activation; calls and messages are taken for some thousands
// more, until the node has no room for what waits, and then Call waits as well. One loop at a time.
func (n *Node) Events(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for ctx.Err() == nil {
			n.mu.Lock()
			var ev Event
			there := len(n.events) > 0
			if there {
				ev = n.events[0]
			}
			n.mu.Unlock()
			if there {
				if !yield(ev) {
					return
				}
				n.mu.Lock()
				n.events = n.events[1:]
				n.mu.Unlock()
				if n.h.Acknowledge(ev.Number) != nil {
					return
				}
				continue
			}
			select {
			case <-n.more:
			case <-ctx.Done():
				return
			case <-n.h.Stopped():
				return
			}
		}
	}
}

// deliver takes an event of the node.
func (n *Node) deliver(ev engine.AppEvent) error {
	n.mu.Lock()
	n.events = append(n.events, Event{ev.Number, ev.Name, ev.Value})
	n.mu.Unlock()
	select {
	case n.more <- struct{}{}:
	default: // a token lies there already
	}
	return nil
}
