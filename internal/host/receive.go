package host

import (
	"context"
	"errors"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Receive takes a packet of an authenticated peer. A *FullError means that it was dropped; the peer sends it again. A
// *CutError means that the peer is kept out for a while.
func (h *Host) Receive(from wire.PeerID, raw []byte) error {
	if err := h.keptOut(from); err != nil {
		return err
	}
	return h.post(Arrived(from, raw), h.cfg.Inbox)
}

// Accept is Receive that waits for room, so that a transport reads no more of this peer meanwhile. It ends with
// ErrStopped when the host stops, or when stop is closed, which may be nil.
func (h *Host) Accept(from wire.PeerID, raw []byte, stop <-chan struct{}) error {
	err := h.wait(stop, func() error { return h.Receive(from, raw) })
	if err == errEnded {
		return ErrStopped
	}
	return err
}

// Give is Deliver that waits for room. It ends with the context's error, or with ErrStopped when the host stops.
func (h *Host) Give(ctx context.Context, ev *engine.Event) error {
	err := h.wait(ctx.Done(), func() error { return h.Deliver(ev) })
	if err == errEnded {
		return ctx.Err()
	}
	return err
}

// errEnded says that whoever waits for room was told to stop.
var errEnded = errors.New("host: nobody waits any more")

// wait tries until there is room.
func (h *Host) wait(end <-chan struct{}, try func() error) error {
	err := try()
	for errors.As(err, new(*FullError)) {
		freed := h.soon() // before another look, so that no room is missed
		if err = try(); !errors.As(err, new(*FullError)) {
			break
		}
		select {
		case <-freed:
		case <-h.stop:
			return ErrStopped
		case <-end:
			return errEnded
		}
	}
	return err
}

// soon returns what is closed when something is taken out of the inbox.
func (h *Host) soon() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.freed == nil {
		h.freed = make(chan struct{})
	}
	return h.freed
}

// Deliver takes any other input. It is not durable when Deliver returns; see Flush.
func (h *Host) Deliver(ev *engine.Event) error { return h.post(ev, h.cfg.Inbox) }

// post queues an input. Results of workers and acknowledgements are never refused: they are bounded by what was given
// out (max 0 means no bound).
func (h *Host) post(ev *engine.Event, max int) error {
	h.mu.Lock()
	if h.stopped {
		h.mu.Unlock()
		return ErrStopped
	}
	if max > 0 && !h.inbox.room(ev, max) {
		n := len(h.inbox.events)
		h.mu.Unlock()
		return &FullError{n}
	}
	h.inbox.put(ev)
	h.mu.Unlock()
	h.ping()
	return nil
}

func (h *Host) ping() {
	select {
	case h.notify <- struct{}{}:
	default:
	}
}
