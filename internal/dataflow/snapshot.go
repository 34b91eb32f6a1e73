package dataflow

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Capture is the activations, commands and timers of a machine at one moment. Nothing changes it any more.
type Capture struct {
	frames  []*page[*frameImage]
	pending []*page[pendingImage]
	timers  []*page[*snapshot.TimerSnapshot]
}

// Capture takes the activations, commands and timers. Values are shared, not copied, and only those are looked at that
// changed since the last capture.
func (m *Machine) Capture() Capture {
	m.catchUp()
	return Capture{m.track.frames.share(), m.track.pending.share(), m.track.timers.share()}
}

// Whole is the slow and obvious form of capture, which looks at everything: the two show the same. It leaves what is
// known of changes as it is.
func (m *Machine) Whole() Capture {
	var c Capture
	var frames shelf[*frameImage]
	for _, exec := range m.sortedExecs() {
		frames.put(exec, m.imageOf(m.Frame(exec)))
	}
	var commands shelf[pendingImage]
	for _, id := range sortedKeys(m.st.pending) {
		p := m.st.pending[id]
		commands.put(id, pendingImage{p, m.Frame(p.exec).Func})
	}
	var timers shelf[*snapshot.TimerSnapshot]
	armed := slices.SortedFunc(slices.Values(m.st.timers.heap),
		func(a, b *timer) int { return cmp.Compare(a.seq, b.seq) })
	for _, t := range armed {
		x := m.snapTimer(t)
		timers.put(t.seq, &x)
	}
	c.frames, c.pending, c.timers = frames.share(), commands.share(), timers.share()
	return c
}

// Describe puts what was captured into a message.
func (c *Capture) Describe(t *snapshot.TransientSnapshot) {
	t.ExecutionState = make([]snapshot.ExecutionStateSnapshot, 0, entries(c.frames))
	for _, p := range c.frames {
		for _, f := range p.items {
			t.ExecutionState = append(t.ExecutionState, f.state)
			t.SlotTable = append(t.SlotTable, f.slots...)
		}
	}
	t.PendingAsync = make([]snapshot.PendingAsyncSnapshot, 0, entries(c.pending))
	for _, p := range c.pending {
		for _, x := range p.items {
			t.PendingAsync = append(t.PendingAsync, x.snap())
		}
	}
	t.Framework.Timers = make([]snapshot.TimerSnapshot, 0, entries(c.timers))
	for _, p := range c.timers {
		for _, x := range p.items {
			t.Framework.Timers = append(t.Framework.Timers, *x)
		}
	}
	// On the shelf they are in order of arming; a snapshot has them in the order in which they will mature.
	slices.SortFunc(t.Framework.Timers, func(a, b snapshot.TimerSnapshot) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Seq, b.Seq))
	})
}

// Snap puts all of the machine but activations, commands and timers into a message.
func (m *Machine) Snap(t *snapshot.TransientSnapshot) error {
	random, err := m.st.random.MarshalBinary()
	if err != nil {
		return fmt.Errorf("engine: random source: %w", err)
	}
	t.Poll.OpsLeft, t.Poll.Stage = m.st.opsLeft, m.st.stage
	for _, r := range m.st.frontier.list() {
		t.Frontier = append(t.Frontier, snapshot.FrontierEntry{Op: uint32(opRef(r.f, r.op)), Exec: r.exec})
	}
	for i := range m.st.completions {
		t.PendingCompletions = append(t.PendingCompletions, snapCompletion(&m.st.completions[i]))
	}
	for _, p := range m.st.waits.all() {
		f := m.st.frames.get(p.exec)
		t.Parked = append(t.Parked, snapshot.ParkedSnapshot{Call: p.call, Op: uint32(opRef(f, p.op)), Exec: p.exec,
			Reason: uint32(p.reason), Label: p.label})
	}
	for _, ev := range m.st.appEvents {
		t.AppEvents = append(t.AppEvents, snapshot.AppEventSnapshot{Number: ev.Number, Name: ev.Name, Value: ev.Value})
	}
	t.Bus = m.snapBus()
	w := &t.Framework
	w.NextCommandID, w.NextExecID, w.NextCallID, w.NextTimerSeq, w.NextAppEvent = m.st.nextCommand, m.st.nextExec,
		m.st.nextCall, m.st.nextTimer, m.st.nextApp
	w.Now, w.Random, w.BootstrapExec, w.Rules = m.st.now, random, m.st.bootstrapExec, m.st.rules
	w.FiredPhases = append([]string(nil), m.st.firedPhases...)
	for _, c := range m.st.counters {
		w.Counters = append(w.Counters, snapshot.CounterSnapshot{Name: c.name, Count: c.n})
	}
	for _, h := range m.st.holds {
		w.Holds = append(w.Holds, snapshot.HoldSnapshot{Name: h.name, Value: h.value})
	}
	for _, q := range m.st.queues {
		w.Queues = append(w.Queues, snapshot.QueueSnapshot{Name: q.name,
			Values: append([]value.Value(nil), q.values...)})
	}
	for _, r := range m.st.records {
		w.Records = append(w.Records, snapshot.RecordSnapshot{Name: r.name, Entries: append([]snapshot.RecordEntry(nil),
			r.entries...)})
	}
	for _, g := range m.st.gates {
		w.Gates = append(w.Gates, snapshot.GateSnapshot{Name: g.name, Taken: g.taken})
	}
	for _, l := range m.st.latches {
		w.Latches = append(w.Latches, snapshot.LatchSnapshot{Name: l.name, Key: []byte(l.key)})
	}
	return nil
}

// imageOf returns an activation as a capture shows it.
func (m *Machine) imageOf(f *Frame) *frameImage {
	x := &frameImage{state: m.snapFrame(f), slots: make([]snapshot.SlotEntry, 0, f.written)}
	for s, v := range f.Slots {
		if v != nil {
			x.slots = append(x.slots, snapshot.SlotEntry{Exec: f.Exec, Site: siteOf(f, program.Slot(s)), Value: v})
		}
	}
	return x
}

func (m *Machine) snapFrame(f *Frame) snapshot.ExecutionStateSnapshot {
	x := snapshot.ExecutionStateSnapshot{
		Exec: f.Exec, Func: int32(f.Func.ID), Parent: f.Parent, Depth: f.depth, Index: f.index, Count: f.count,
		Live: f.live, Deadline: f.Deadline, Failure: snapFailure(f.Failure), Written: f.written,
		Permits: append([]string(nil), f.permits...),
	}
	for _, v := range f.more {
		x.More = append(x.More, *snapFailure(v))
	}
	if f.Parent != 0 {
		x.CallOp = uint32(opRef(m.st.frames.get(f.Parent), f.callOp))
	}
	for _, m := range f.missing {
		x.Missing = append(x.Missing, uint32(m))
	}
	if f.Inbound.Request.IsSet() {
		x.Inbound = &snapshot.CallContext{
			Peer: string(f.Inbound.Peer), Epoch: f.Inbound.Request.Epoch, Request: f.Inbound.Request.ID,
			Edge: int32(f.Inbound.Edge), Replied: f.Inbound.Replied,
		}
	}
	for _, a := range f.attempts {
		x.Attempts = append(x.Attempts, snapshot.AttemptSnapshot{Op: uint32(opRef(f, a.op)), Tries: a.tries})
	}
	return x
}

func (x pendingImage) snap() snapshot.PendingAsyncSnapshot {
	s := snapshot.PendingAsyncSnapshot{
		Command: x.p.id, Op: uint32(x.fn.OpBase) + uint32(x.p.op), Exec: x.p.exec, Component: x.p.component,
		Method:   x.p.method,
		Deadline: x.p.deadline, Attempt: x.p.tries, Inputs: x.p.inputs,
	}
	for _, out := range x.fn.Ops[x.p.op].Out {
		s.Sites = append(s.Sites, uint32(x.fn.SiteBase)+uint32(out))
	}
	return s
}

func snapCompletion(c *completion) snapshot.PendingCompletionSnapshot {
	return snapshot.PendingCompletionSnapshot{Command: c.command, Results: c.results, Digest: c.digest,
		Failure: snapFailure(c.failure)}
}

func snapFailure(f *value.Failure) *snapshot.FailureSnapshot {
	if f == nil {
		return nil
	}
	return &snapshot.FailureSnapshot{Code: f.Code, Where: f.Where, Message: f.Message}
}

// snapBus lists the subscriptions too, although they are the program's: a restore checks them.
func (m *Machine) snapBus() snapshot.TypedBusSnapshot {
	var b snapshot.TypedBusSnapshot
	for _, kind := range sortedText(m.subs) {
		s := snapshot.BusSubscription{Kind: kind}
		for _, id := range m.subs[kind] {
			s.Sites = append(s.Sites, uint32(m.prog.Funcs[id].SiteBase))
		}
		b.Subscriptions = append(b.Subscriptions, s)
	}
	for _, ev := range m.st.bus {
		b.Queue = append(b.Queue, snapshot.BusEvent{Kind: ev.kind, Value: ev.value})
	}
	return b
}

func (m *Machine) snapTimer(t *timer) snapshot.TimerSnapshot {
	x := snapshot.TimerSnapshot{
		At: t.at, Seq: t.seq, Kind: uint32(t.kind), Exec: t.exec, Component: t.component, Token: t.token,
		Peer: string(t.peer), Func: int32(t.fn),
	}
	if t.onOp() {
		x.Op = uint32(opRef(m.st.frames.get(t.exec), t.op))
	}
	return x
}

// onOp says whether the timer belongs to an op of an activation.
func (t *timer) onOp() bool {
	return t.kind == timerSleep || t.kind == timerRetry || t.kind == timerDeadlineOp
}

// siteOf is where a slot of a frame is in the whole artifact.
func siteOf(f *Frame, s program.Slot) uint32 { return uint32(f.Func.SiteBase) + uint32(s) }
