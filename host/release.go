package host

import (
	"fmt"
	"sync"
)

// releaser lets go of effects that are durable, in order, on a goroutine of its own.
type releaser struct {
	h *Host

	mu     sync.Mutex
	ready  *sync.Cond
	queue  []Effects
	closed bool
	done   sync.WaitGroup
}

func newReleaser(h *Host) *releaser {
	r := &releaser{h: h}
	r.ready = sync.NewCond(&r.mu)
	r.done.Go(r.run)
	return r
}

// durable is called by the committer when a record that effects wait for is durable.
func (r *releaser) durable(err error) {
	if err != nil {
		r.h.fail(err)
		return
	}
	r.mu.Lock()
	r.queue = append(r.queue, r.h.drv.Leaving()...)
	r.mu.Unlock()
	r.ready.Signal()
}

func (r *releaser) run() {
	for {
		r.mu.Lock()
		for len(r.queue) == 0 && !r.closed {
			r.ready.Wait()
		}
		if r.closed {
			r.mu.Unlock()
			return
		}
		queue := r.queue
		r.queue = nil
		r.mu.Unlock()
		for i := range queue {
			r.let(&queue[i])
		}
	}
}

// let sends packets and tells app events. A packet that the transport refuses is an input of the node.
func (r *releaser) let(e *Effects) {
	for _, p := range e.Packets {
		if err := r.h.cfg.Send(p.To, p.Raw); err != nil {
			r.h.unsent(p.To, err)
		}
	}
	for _, c := range e.Controls {
		r.h.calls.tell(c)
	}
	last := uint64(0)
	for _, ev := range e.Events {
		if r.h.cfg.OnEvent != nil {
			if err := r.h.cfg.OnEvent(ev); err != nil {
				r.h.fail(fmt.Errorf("host: app event %d (%s): %w", ev.Number, ev.Name, err)) // no acknowledgement leaves any more
				return
			}
		}
		last = ev.Number
	}
	if last != 0 {
		r.h.post(Told(last), 0)
	}
}

// close drops what waits: it is put out again after the next start.
func (r *releaser) close() {
	r.mu.Lock()
	r.closed, r.queue = true, nil
	r.mu.Unlock()
	r.ready.Broadcast()
	r.done.Wait()
}
