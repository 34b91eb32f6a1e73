package sim

import (
	"errors"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// inboxMax is how many packets wait for a node; more are lost, as at a real host.
const inboxMax = 4096

func arrivedEvent(from wire.PeerID, raw []byte) *engine.Event { return host.Arrived(from, raw) }

// Deliver gives a node an input of its host, such as a call. It is lost when the node is down.
func (w *World) Deliver(n *Node, ev *engine.Event) {
	if n.nd != nil {
		w.later(n, ev)
	}
}

// later gives a node an input as the next thing that happens at the present time.
func (w *World) later(n *Node, ev *engine.Event) {
	w.queue.push(w.now, event{kind: evWork, node: n.id, life: n.life, input: ev})
}

// input gives a node something to be stepped with.
func (w *World) input(n *Node, ev *engine.Event) {
	if n.drv == nil {
		w.direct(n, ev)
		return
	}
	if ev.Envelope != nil && len(n.inbox) >= inboxMax {
		w.Refusals["inbox"]++
		return
	}
	n.inbox = append(n.inbox, ev)
	w.soon(n)
}

// soon has the node stepped at the present time.
func (w *World) soon(n *Node) {
	if !n.stepping {
		n.stepping = true
		w.queue.push(w.now, event{kind: evStep, node: n.id, life: n.life})
	}
}

// step feeds a node what waits for it.
func (w *World) step(n *Node) {
	if n.drv == nil {
		w.poll(n)
		return
	}
	events := n.inbox
	n.inbox = nil
	t, err := n.drv.Step(n.engineNow(w.now), n.clock.wall(w.now), events)
	w.Steps++
	if err != nil {
		w.stopped(n, err)
		return
	}
	w.follow(n, t)
}

// follow does what a step asks for.
func (w *World) follow(n *Node, t *host.Turn) {
	w.Inputs += uint64(t.Accepted)
	n.inbox = append(t.Again, n.inbox...)
	for _, r := range t.Dropped {
		w.refused(n, r.Event, r.Err)
	}
	for _, p := range t.Tell {
		w.packet(n, p)
	}
	for _, p := range t.Peers {
		if p.Kind == engine.PeerSuperseded && p.SeenStart > n.nd.Engine().Start() {
			if w.superseded(n, p); n.nd == nil {
				return
			}
		}
	}
	if w.opt.OnTrace != nil {
		w.traceEngine(n, t.Trace)
	}
	for _, c := range t.Commands {
		w.command(n, c)
	}
	if t.Holds {
		w.sync(n)
	}
	if n.drv == nil {
		return // the sync has failed
	}
	if n.drv.Durable().SnapshotDue() && !n.saving {
		c, err := n.drv.Durable().Checkpoint()
		if err != nil {
			w.Fail(fmt.Errorf("sim: %s: snapshot: %w", n.Name, err))
			return
		}
		n.saving, n.ckpt = true, c
		w.queue.push(w.now+w.opt.Disk.Publish.draw(&n.chance), event{kind: evPublish, node: n.id, life: n.life})
	}
	w.arm(n)
}

// arm sets the time at which the node is due by itself.
func (w *World) arm(n *Node) {
	next := n.drv.NextStep()
	if next == 0 {
		w.soon(n)
		return
	}
	engineNow := n.engineNow(w.now)
	lsn, at := n.drv.Settle(engineNow)
	if lsn != 0 {
		if w.sync(n); n.drv == nil {
			return
		}
	}
	if next = min(next, at); next == host.Never {
		return
	}
	w.wake(n, n.trueTime(max(next, engineNow)))
}

// wake sets the alarm of a node, unless it is set for that time.
func (w *World) wake(n *Node, at int64) {
	at = max(at, w.now)
	if n.wakeAt != at {
		n.wakeAt = at
		w.queue.push(at, event{kind: evWake, node: n.id, life: n.life, wakeTime: at})
	}
}

// sync begins to make the journal durable; one sync serves all that wait when it begins. The disk does its part at the
// beginning of the time that a sync takes, or at its end: a crash between finds it done or not.
func (w *World) sync(n *Node) {
	if n.syncing {
		n.resync = true
		return
	}
	n.syncing = true
	took := w.syncTime(n)
	if n.early = n.chance.Below(2) == 0; n.early {
		if err := w.syncJournal(n); err != nil {
			w.stopped(n, err)
			return
		}
	}
	w.queue.push(w.now+took, event{kind: evSync, node: n.id, life: n.life})
}

// synced ends a sync and lets the effects go that waited for it.
func (w *World) synced(n *Node) {
	n.syncing = false
	if !n.early {
		if err := w.syncJournal(n); err != nil {
			w.stopped(n, err)
			return
		}
	}
	for _, e := range n.drv.Leaving() {
		w.checkDurable(n, e.LSN)
		if told := w.leave(n, e.Packets, e.Events); told != 0 {
			w.input(n, host.Told(told))
		}
	}
	if n.resync {
		n.resync = false
		w.sync(n)
	}
}

// leave lets effects out of a node, and returns the number of the last event that its host has taken, or 0.
func (w *World) leave(n *Node, packets []engine.Packet, events []engine.AppEvent) (told uint64) {
	for _, p := range packets {
		w.packet(n, p)
	}
	for _, ev := range events {
		if w.opt.OnTrace != nil {
			w.traceApp(n, ev)
		}
		if n.original != nil {
			n.told = append(n.told, ev)
		} else if w.opt.OnApp != nil {
			if err := w.opt.OnApp(n, ev); err != nil {
				w.Fail(err)
				return 0
			}
		}
		told = ev.Number
	}
	return told
}

func (w *World) packet(n *Node, p engine.Packet) {
	to, ok := w.byPeer[p.To]
	if !ok {
		w.later(n, host.SendFailed(p.To, errNobody))
		return
	}
	to = w.addressee(n, to)
	raw := p.Raw
	if w.opt.Mutate != nil {
		raw = w.opt.Mutate(n, w.nodes[to], raw)
	}
	if w.opt.OnOutput != nil {
		w.opt.OnOutput(n, raw)
	}
	w.send(n, to, raw)
}

var errNobody = errors.New("nobody has that peer id")

// published ends the writing of a snapshot.
func (w *World) published(n *Node) {
	n.saving = false
	before, err := n.ckpt.Publish()
	n.ckpt = nil
	if err == nil {
		err = n.drv.Durable().Journal.Release(before)
	}
	if err != nil {
		w.stopped(n, err)
		return
	}
	w.checkKept(n)
}

// command runs a command and sets when its result comes.
func (w *World) command(n *Node, c engine.Command) {
	f := w.fateOf(n)
	if f == workNever {
		n.silent++
		return
	}
	n.work = f
	out, err := n.nd.Work(c)
	n.work = workSound
	finish := record.Finish
	if n.drv == nil {
		finish = record.Unkept
	}
	ev := finish(n.cfg.Values, c.ID, out, err)
	at := w.now + w.opt.Work.draw(&n.chance)
	if f == workLate {
		at += int64(n.chance.Between(lateMin, lateMax))
	}
	w.queue.push(at, event{kind: evWork, node: n.id, life: n.life, input: &ev})
}

func (w *World) refused(n *Node, ev *engine.Event, err error) {
	n.Refused++
	var re *engine.RefusedError
	why := "other"
	if errors.As(err, &re) {
		why = re.Code
	}
	w.Refusals[why]++
	if w.opt.OnTrace != nil {
		w.trace(n, "refuses", record.Kind(ev)+": "+err.Error())
	}
}

// direct feeds a node without a journal and lets its effects go at once.
func (w *World) direct(n *Node, ev *engine.Event) {
	if err := n.nd.Deliver(ev); err != nil {
		w.refused(n, ev, err)
		return
	}
	w.Inputs++
	w.poll(n)
}

// poll steps a node without a journal until it has nothing to do at the present time.
func (w *World) poll(n *Node) {
	for {
		out := n.nd.Poll(w.now)
		w.Steps++
		if w.opt.OnTrace != nil {
			w.traceEngine(n, out.Trace)
		}
		for _, c := range out.Commands {
			w.command(n, c)
		}
		wake, more := out.Wake, out.More
		if len(out.Envelopes) > 0 || len(out.AppEvents) > 0 {
			if told := w.leave(n, out.Envelopes, out.AppEvents); told != 0 { // delivered, and taken by the next Poll
				more = true
				if err := n.nd.Deliver(host.Told(told)); err != nil {
					w.refused(n, host.Told(told), err)
				}
			}
		}
		if more && w.failure == nil {
			continue
		}
		if wake != 0 {
			w.wake(n, wake)
		}
		return
	}
}

// workFate is what becomes of a command.
type workFate uint8

const (
	workSound workFate = iota
	workError
	workPanic
	workLate
	workNever
)

// strike is called within a command's work.
func (f workFate) strike() error {
	switch f {
	case workError:
		return value.Fail(value.CodeError, "sim", "the worker failed")
	case workPanic:
		panic("sim: the worker fell over")
	}
	return nil
}
