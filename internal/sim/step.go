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
func (l *lane) later(n *Node, ev *engine.Event) {
	l.push(l.now, event{kind: evWork, node: n.id, life: n.life, input: ev})
}

// input gives a node something to be stepped with.
func (l *lane) input(n *Node, ev *engine.Event) {
	if n.drv == nil {
		l.direct(n, ev)
		return
	}
	if ev.Envelope != nil && len(n.inbox) >= inboxMax {
		l.refuse("inbox")
		return
	}
	n.inbox = append(n.inbox, ev)
	l.soon(n)
}

// soon has the node stepped at the present time.
func (l *lane) soon(n *Node) {
	if !n.stepping {
		n.stepping = true
		l.push(l.now, event{kind: evStep, node: n.id, life: n.life})
	}
}

// step feeds a node what waits for it.
func (l *lane) step(n *Node) {
	if n.drv == nil {
		l.poll(n)
		return
	}
	events := n.inbox
	n.inbox = nil
	t, err := n.drv.Step(n.engineNow(l.now), n.clock.wall(l.now), events)
	l.sum.Steps++
	if err != nil {
		l.stopped(n, err)
		return
	}
	l.follow(n, t)
}

// follow does what a step asks for.
func (l *lane) follow(n *Node, t *host.Turn) {
	l.sum.Inputs += uint64(t.Accepted)
	n.inbox = append(t.Again, n.inbox...)
	for _, r := range t.Dropped {
		l.refused(n, r.Event, r.Err)
	}
	for _, p := range t.Tell {
		l.packet(n, p)
	}
	for _, p := range t.Peers {
		if p.Kind == engine.PeerSuperseded && p.SeenStart > n.nd.Engine().Start() {
			if l.superseded(n, p); n.nd == nil {
				return
			}
		}
	}
	if l.w.opt.OnTrace != nil {
		l.traceEngine(n, t.Trace)
	}
	for _, c := range t.Commands {
		l.command(n, c)
	}
	if t.Holds {
		l.sync(n)
	}
	if n.drv == nil {
		return // the sync has failed
	}
	if n.drv.Durable().SnapshotDue() && !n.saving {
		c, err := n.drv.Durable().Checkpoint()
		if err != nil {
			l.fail(fmt.Errorf("sim: %s: snapshot: %w", n.Name, err))
			return
		}
		n.saving, n.ckpt = true, c
		l.push(l.now+l.w.opt.Disk.Publish.draw(&n.chance), event{kind: evPublish, node: n.id, life: n.life})
	}
	l.arm(n)
}

// arm sets the time at which the node is due by itself.
func (l *lane) arm(n *Node) {
	next := n.drv.NextStep()
	if next == 0 {
		l.soon(n)
		return
	}
	engineNow := n.engineNow(l.now)
	lsn, at := n.drv.Settle(engineNow)
	if lsn != 0 {
		if l.sync(n); n.drv == nil {
			return
		}
	}
	if next = min(next, at); next == host.Never {
		return
	}
	l.wake(n, n.trueTime(max(next, engineNow)))
}

// wake sets the alarm of a node, unless it is set for that time.
func (l *lane) wake(n *Node, at int64) {
	at = max(at, l.now)
	if n.wakeAt != at {
		n.wakeAt = at
		l.push(at, event{kind: evWake, node: n.id, life: n.life, wakeTime: at})
	}
}

// sync begins to make the journal durable; one sync serves all that wait when it begins. The disk does its part at the
// beginning of the time that a sync takes, or at its end: a crash between finds it done or not.
func (l *lane) sync(n *Node) {
	if n.syncing {
		n.resync = true
		return
	}
	n.syncing = true
	took := l.syncTime(n)
	if n.early = n.chance.Below(2) == 0; n.early {
		if err := l.syncJournal(n); err != nil {
			l.stopped(n, err)
			return
		}
	}
	l.push(l.now+took, event{kind: evSync, node: n.id, life: n.life})
}

// synced ends a sync and lets the effects go that waited for it.
func (l *lane) synced(n *Node) {
	n.syncing = false
	if !n.early {
		if err := l.syncJournal(n); err != nil {
			l.stopped(n, err)
			return
		}
	}
	for _, e := range n.drv.Leaving() {
		l.checkDurable(n, e.LSN)
		if told := l.leave(n, e.Packets, e.Events); told != 0 {
			l.input(n, host.Told(told))
		}
	}
	if n.resync {
		n.resync = false
		l.sync(n)
	}
}

// leave lets effects out of a node, and returns the number of the last event that its host has taken, or 0.
func (l *lane) leave(n *Node, packets []engine.Packet, events []engine.AppEvent) (told uint64) {
	for _, p := range packets {
		l.packet(n, p)
	}
	for _, ev := range events {
		if l.w.opt.OnTrace != nil {
			l.traceApp(n, ev)
		}
		if n.original != nil {
			n.told = append(n.told, ev)
		} else if l.w.opt.OnApp != nil && !l.tell(n, ev) {
			return 0
		}
		told = ev.Number
	}
	return told
}

func (l *lane) packet(n *Node, p engine.Packet) {
	to, ok := l.w.byPeer[p.To]
	if !ok {
		l.later(n, host.SendFailed(p.To, errNobody))
		return
	}
	to = l.addressee(n, to)
	l.send(n, to, p.Raw)
}

var errNobody = errors.New("nobody has that peer id")

// published ends the writing of a snapshot.
func (l *lane) published(n *Node) {
	n.saving = false
	before, err := n.ckpt.Publish()
	n.ckpt = nil
	if err == nil {
		err = n.drv.Durable().Journal.Release(before)
	}
	if err != nil {
		l.stopped(n, err)
		return
	}
	l.checkKept(n)
}

// command runs a command and sets when its result comes.
func (l *lane) command(n *Node, c engine.Command) {
	f := l.fateOf(n)
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
	ev := finish(n.nd.Values(), c.ID, out, err)
	at := l.now + l.w.opt.Work.draw(&n.chance)
	if f == workLate {
		at += int64(n.chance.Between(lateMin, lateMax))
	}
	l.push(at, event{kind: evWork, node: n.id, life: n.life, input: &ev})
}

func (l *lane) refused(n *Node, ev *engine.Event, err error) {
	n.Refused++
	var re *engine.RefusedError
	why := "other"
	if errors.As(err, &re) {
		why = re.Code
	}
	l.refuse(why)
	if l.w.opt.OnTrace != nil {
		l.trace(n, "refuses", record.Kind(ev)+": "+err.Error())
	}
}

// direct feeds a node without a journal and lets its effects go at once.
func (l *lane) direct(n *Node, ev *engine.Event) {
	if err := n.nd.Deliver(ev); err != nil {
		l.refused(n, ev, err)
		return
	}
	l.sum.Inputs++
	l.poll(n)
}

// poll steps a node without a journal until it has nothing to do at the present time.
func (l *lane) poll(n *Node) {
	for {
		out := n.nd.Poll(l.now)
		l.sum.Steps++
		if l.w.opt.OnTrace != nil {
			l.traceEngine(n, out.Trace)
		}
		for _, c := range out.Commands {
			l.command(n, c)
		}
		wake, more := out.Wake, out.More
		if len(out.Envelopes) > 0 || len(out.AppEvents) > 0 {
			if told := l.leave(n, out.Envelopes, out.AppEvents); told != 0 { // delivered, and taken by the next Poll
				more = true
				if err := n.nd.Deliver(host.Told(told)); err != nil {
					l.refused(n, host.Told(told), err)
				}
			}
		}
		if more && !l.failed() {
			continue
		}
		if wake != 0 {
			l.wake(n, wake)
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
