package host

import (
	"context"

	"github.com/rhizome-ml/rhizome/internal/engine"
)

// Deliver and Receive return when an input waits for the node: it is not durable then, and the node has not taken it.
// Flush is for who must know that it is: what was given before the call was taken or refused, and is there after any
// crash, when Flush has returned nil.

// flushesMax bounds the calls of Flush that wait.
const flushesMax = 4096

// flush is a call of Flush.
type flush struct {
	upTo uint64 // the last input that was given before
	done chan error
}

// Flush returns nil when every input that was given to the host before the call has been decided: those that the node
// took are durable, with all that they depend on, and those that it refused were told to Config.OnDrop. Errors are
// *FullError, ErrStopped, those of the context, and what prevents that the journal becomes durable.
func (h *Host) Flush(ctx context.Context) error {
	f := flush{done: make(chan error, 1)}
	h.mu.Lock()
	switch {
	case h.stopped:
		h.mu.Unlock()
		return ErrStopped
	case len(h.flushes) >= flushesMax:
		h.mu.Unlock()
		return &FullError{flushesMax}
	}
	f.upTo = h.inbox.last
	h.flushes = append(h.flushes, f)
	h.mu.Unlock()
	h.ping()
	select {
	case err := <-f.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-h.stop:
		return ErrStopped
	}
}

// flushed has those who wait told once the record is durable that a step has made: what waits in the inbox now is not
// in it.
func (h *Host) flushed(lsn uint64) {
	h.mu.Lock()
	clear(h.inbox.stepped)
	h.inbox.stepped = h.inbox.stepped[:0]
	if len(h.flushes) == 0 {
		h.mu.Unlock()
		return
	}
	decided := h.inbox.settled()
	var ready, rest []flush
	for _, f := range h.flushes {
		if f.upTo <= decided {
			ready = append(ready, f)
		} else {
			rest = append(rest, f)
		}
	}
	h.flushes = rest
	h.mu.Unlock()
	if len(ready) > 0 {
		h.committer.Wait(lsn, func(err error) {
			for _, f := range ready {
				f.done <- err
			}
		})
	}
}

// queued is an input of the inbox.
type queued struct {
	ev *engine.Event
	at uint64 // its place among all that ever came, from 1
}

// settled returns the place up to which all inputs have left the inbox for good, when no Step is under way.
func (b *inbox) settled() uint64 {
	upTo := b.last
	for i := range b.events { // what a Step gave back stands before what waited longer
		upTo = min(upTo, max(b.events[i].at, 1)-1)
	}
	return upTo
}

// placeOf returns the place of an input that the last Step was given and gives back.
func (b *inbox) placeOf(ev *engine.Event) uint64 {
	for i := range b.stepped {
		if b.stepped[i].ev == ev {
			return b.stepped[i].at
		}
	}
	return 0 // of links: before all others, though it was not counted
}
