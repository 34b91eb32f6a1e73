package host

import (
	"fmt"
	"sync"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// releaser holds effects back until the journal is durable, and then lets them go, in order (law L5).
type releaser struct {
	h    *Host
	more bool  // of the last step; of the stepping thread
	wake int64 // of the last step; of the stepping thread

	mu     sync.Mutex
	ready  *sync.Cond
	queue  []effect // durable, in order
	closed bool
	done   sync.WaitGroup
}

// effect is what one step wants to leave the node.
type effect struct {
	packets []engine.Packet
	events  []engine.AppEvent
}

func newReleaser(h *Host) *releaser {
	r := &releaser{h: h}
	r.ready = sync.NewCond(&r.mu)
	r.done.Go(r.run)
	return r
}

// hold keeps the effects of a step until record lsn is durable. It is called by the stepping thread.
func (r *releaser) hold(out *engine.Output, lsn uint64) {
	e := effect{append([]engine.Packet(nil), out.Envelopes...), append([]engine.AppEvent(nil), out.AppEvents...)}
	r.h.committer.Wait(lsn, func(err error) {
		if err != nil {
			r.h.fail(err)
			return
		}
		r.mu.Lock()
		r.queue = append(r.queue, e)
		r.mu.Unlock()
		r.ready.Signal()
	})
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

// let sends packets and tells app events. A packet that the transport refuses is an input of the node: it backs off and
// sends again.
func (r *releaser) let(e *effect) {
	for _, p := range e.packets {
		if err := r.h.cfg.Send(p.To, p.Raw); err != nil {
			r.h.post(&engine.Event{SendFailed: &snapshot.SendFailedEvent{Peer: string(p.To), Reason: err.Error()}}, r.h.cfg.Inbox)
		}
	}
	last := uint64(0)
	for _, ev := range e.events {
		if r.h.cfg.OnEvent != nil {
			if err := r.h.cfg.OnEvent(ev); err != nil {
				r.h.fail(fmt.Errorf("host: app event %d (%s): %w", ev.Number, ev.Name, err)) // no acknowledgement leaves any more
				return
			}
		}
		last = ev.Number
	}
	if last != 0 {
		r.h.post(&engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: last}}, 0)
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
