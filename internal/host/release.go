package host

import (
	"fmt"
	"slices"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// releaser lets go of effects that are durable, in order: packets on the committer's goroutine, app events and what
// comes behind them on a goroutine of its own, because whoever takes events may take its time.
type releaser struct {
	h *Host

	mu     sync.Mutex
	ready  *sync.Cond
	queue  []Effects
	busy   bool // the goroutine lets go of what it took from the queue
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
	effects := r.h.drv.Leaving()
	if len(effects) == 0 {
		return
	}
	supersede(effects)
	events := false
	for i := range effects {
		events = events || len(effects[i].Events) > 0
	}
	r.mu.Lock()
	if events || r.busy || len(r.queue) > 0 || r.closed {
		r.queue = append(r.queue, effects...)
		r.mu.Unlock()
		r.ready.Signal()
		return
	}
	r.mu.Unlock() // nobody else adds to the queue, so what follows is in order
	for i := range effects {
		r.let(&effects[i])
	}
}

// supersede takes out the packets that only acknowledge where a later one goes to the same peer: that one says as much.
func supersede(effects []Effects) {
	var later []wire.PeerID
	for i := len(effects) - 1; i >= 0; i-- {
		e := &effects[i]
		kept := len(e.Packets)
		for j := len(e.Packets) - 1; j >= 0; j-- {
			p := e.Packets[j]
			if p.Acks && slices.Contains(later, p.To) {
				continue
			}
			kept--
			e.Packets[kept] = p
			if p.Acked && len(later) < supersedeMax {
				later = append(later, p.To)
			}
		}
		e.Packets = e.Packets[kept:]
	}
}

// supersedeMax bounds the search: beyond it an acknowledgement more is sent.
const supersedeMax = 16

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
		r.queue, r.busy = nil, true
		r.mu.Unlock()
		for i := range queue {
			r.let(&queue[i])
		}
		r.mu.Lock()
		r.busy = false
		r.mu.Unlock()
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
		r.h.calls.report(c)
	}
	last := uint64(0)
	for _, ev := range e.Events {
		if r.h.cfg.OnEvent != nil {
			if err := r.h.cfg.OnEvent(ev); err != nil {
				// no acknowledgement leaves any more
				r.h.fail(fmt.Errorf("host: app event %d (%s): %w", ev.Number, ev.Name, err))
				return
			}
		}
		last = ev.Number
	}
	if last != 0 && !r.h.cfg.HoldEvents {
		r.h.post(Told(last), 0)
	}
}

// Acknowledge says that app events up to that number have been dealt with and need not be told again; see
// Config.HoldEvents.
func (h *Host) Acknowledge(upTo uint64) error { return h.post(Told(upTo), 0) }

// close drops what waits: it is put out again after the next start.
func (r *releaser) close() {
	r.mu.Lock()
	r.closed, r.queue = true, nil
	r.mu.Unlock()
	r.ready.Broadcast()
	r.done.Wait()
}
