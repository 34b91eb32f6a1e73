package host

import (
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/value"
)

// loop is the thread that steps the node.
func (h *Host) loop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var wake int64
	for {
		select {
		case <-h.stop:
			return
		case before := <-h.release:
			if err := h.d.Journal.Release(before); err != nil {
				h.fail(err)
				return
			}
			continue
		case v := <-h.views:
			v.see(h.d.Node)
			close(v.seen)
			continue
		case <-h.notify:
		case <-timer.C:
		}
		events := h.take()
		for {
			if err := h.step(events); err != nil {
				h.fail(err)
				return
			}
			// What the node could not take yet is at the head of the inbox again; it is tried when the node has worked.
			if wake = h.drv.NextStep(); wake != 0 || h.halted() {
				break
			}
			if err := h.attend(); err != nil { // a node may have work for hours
				h.fail(err)
				return
			}
			events = h.take()
		}
		now, _ := h.now()
		timer.Reset(time.Duration(max(0, min(wake, h.settle(now), h.linksAt)-now)))
	}
}

// attend does one of the things that wait for the stepping thread between two steps, where there is one.
func (h *Host) attend() error {
	select {
	case before := <-h.release:
		return h.d.Journal.Release(before)
	case v := <-h.views:
		v.see(h.d.Node)
		close(v.seen)
	default:
	}
	return nil
}

// settle has the journal made durable in time although nothing waits for it. It returns the engine time at which it
// wants to be called again.
func (h *Host) settle(now int64) int64 {
	lsn, at := h.drv.Settle(now)
	if lsn != 0 {
		h.committer.Wait(lsn, h.effects.durable)
	}
	return at
}

func (h *Host) halted() bool {
	select {
	case <-h.stop:
		return true
	default:
		return false
	}
}

// take takes out of the inbox what one Step takes, so that what came before the wake-up is seen by it (trap
// lost-wakeup) or by the next Step, and adds what is due of links: it is bounded by the peers, so the bound of the
// inbox does not hold for it.
func (h *Host) take() []*engine.Event {
	now, _ := h.now()
	var links []*engine.Event
	links, h.linksAt = h.links.Take(now)
	h.mu.Lock()
	defer h.mu.Unlock()
	var events []*engine.Event
	events, h.left = h.inbox.take()
	if h.freed != nil && len(events) > 0 {
		close(h.freed)
		h.freed = nil
	}
	return append(links, events...)
}

// step feeds the events to the node and sends its effects on their way.
func (h *Host) step(events []*engine.Event) error {
	now, wall := h.now()
	began := time.Now()
	t, err := h.drv.Step(now, wall, events)
	if err != nil {
		return err
	}
	h.pace.worked(began)
	h.assess(events, t)
	return h.follow(t)
}

// follow does what a step asks for.
func (h *Host) follow(t *Turn) error {
	if len(t.Again) > 0 {
		h.mu.Lock()
		h.inbox.again(t.Again)
		h.mu.Unlock()
	}
	if (h.left || len(t.Again) > 0) && t.Accepted > 0 { // else they wait for what is in the way of these
		h.ping()
	}
	if e := h.d.Node.Engine(); e.Listed() != h.listed {
		h.cfg.Admission.fill(e)
		h.listed = e.Listed()
	}
	for _, n := range t.Peers {
		if n.Kind == engine.PeerJoined {
			h.conduct.Forgive(n.Peer)
			if h.links.Again(n.Peer) {
				h.linksAt = 0
			}
		}
		if h.cfg.OnPeer != nil {
			h.cfg.OnPeer(n)
		}
		switch start := h.d.Node.Engine().Start(); {
		case n.Kind != engine.PeerSuperseded || n.SeenStart <= start:
		case h.cfg.Takeover:
			h.post(h.drv.TakenOver(n), 0)
		default:
			return &SupersededError{Peer: n.Peer, Seen: n.SeenStart, Own: start}
		}
	}
	for _, r := range t.Dropped {
		h.denied(r)
		if h.cfg.OnDrop != nil {
			h.cfg.OnDrop(r.Event, r.Err)
		}
	}
	for _, p := range t.Tell {
		h.cfg.Send(p.To, p.Raw) // best effort: the peer will ask again
	}
	for _, c := range t.Commands {
		h.cfg.Workers.Do(c, h.work, h.finished)
	}
	if t.Holds && !t.Idle {
		h.committer.Wait(t.LSN, h.effects.durable)
	}
	h.flushed(t.LSN)
	return h.checkpoint()
}

// work runs a command, and counts its time where a replay would run it again.
func (h *Host) work(c engine.Command) ([]value.Value, error) {
	if h.d.Node.Recorded(c) {
		return h.d.Work(c)
	}
	defer h.pace.worked(time.Now())
	return h.d.Work(c)
}

// finished takes the results of a worker.
func (h *Host) finished(command uint64, out []value.Value, err error) {
	ev := record.Finish(h.cfg.Node.Values, command, out, err)
	h.post(&ev, 0) // ErrStopped: the command is given out again by the next start
}
