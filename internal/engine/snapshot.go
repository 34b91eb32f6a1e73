package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Capture is what was in flight in an engine at one moment. Nothing changes it any more, so its Message may be made beside
// the engine, once or often, by any goroutine.
type Capture struct {
	rest    *snapshot.TransientSnapshot // all but what follows
	frames  []*page[*frameImage]
	pending []*page[pendingImage]
	timers  []*page[*snapshot.TimerSnapshot]
	streams *peer.StreamsCapture
	peers   peerTables
}

// peerTables describe the tables of peers as they were when the capture was taken.
type peerTables struct {
	book     func() []snapshot.AddressBookEntrySnapshot
	governor func() snapshot.PeerGovernorSnapshot
	backoff  func() []snapshot.BackoffEntry
	requests func() ([]snapshot.OutboundRequest, []snapshot.InboundRequest)
}

func (e *Engine) capturePeers() peerTables {
	return peerTables{e.st.book.Capture(), e.st.governor.Capture(), e.st.backoff.Capture(), e.st.requests.Capture()}
}

func (p *peerTables) describe(w *snapshot.FrameworkSnapshot) {
	w.AddressBook, w.PeerGovernor, w.BackoffTable = p.book(), p.governor(), p.backoff()
	w.Requests, w.Inbound = p.requests()
}

// Capture takes everything of the engine that is in flight. It may be called between any two ops, also from Config.AfterOp in
// the middle of a Poll, and never refuses (law L3). Values are shared, not copied, and of activations, commands and timers only those
// are looked at that changed since the last capture.
func (e *Engine) Capture() (*Capture, error) {
	rest, err := e.snapRest()
	if err != nil {
		return nil, err
	}
	e.catchUp()
	return &Capture{rest, e.track.frames.share(), e.track.pending.share(), e.track.timers.share(), e.st.streams.Capture(), e.capturePeers()}, nil
}

// Snapshot returns everything of the engine that is in flight, as a message: Capture and Message in one.
func (e *Engine) Snapshot() (*snapshot.TransientSnapshot, error) {
	c, err := e.Capture()
	if err != nil {
		return nil, err
	}
	return c.Message(), nil
}

// Message returns the capture as a message. It shares values with the engine, which are immutable.
func (c *Capture) Message() *snapshot.TransientSnapshot {
	t := *c.rest
	t.WireStates, t.Framework.PendingOutbound = c.streams.Message()
	c.peers.describe(&t.Framework)
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
	return &t
}

// snapRest returns all but activations, commands, timers, streams and the large tables of peers.
func (e *Engine) snapRest() (*snapshot.TransientSnapshot, error) {
	t := &snapshot.TransientSnapshot{
		Poll: snapshot.PollSnapshot{Phase: e.st.phase, OpsLeft: e.st.opsLeft, Stage: e.st.stage, Fresh: e.st.fresh},
	}
	for _, r := range e.st.frontier.list() {
		t.Frontier = append(t.Frontier, snapshot.FrontierEntry{Op: uint32(opRef(r.f, r.op)), Exec: r.exec})
	}
	for i := range e.st.completions {
		t.PendingCompletions = append(t.PendingCompletions, snapCompletion(&e.st.completions[i]))
	}
	for i := range e.st.ingress {
		t.Ingress = append(t.Ingress, *e.st.ingress[i].event)
	}
	for _, p := range e.st.waits.all() {
		f := e.st.frames.get(p.exec)
		t.Parked = append(t.Parked, snapshot.ParkedSnapshot{Call: p.call, Op: uint32(opRef(f, p.op)), Exec: p.exec, Reason: uint32(p.reason), Label: p.label})
	}
	for _, ev := range e.st.appEvents {
		t.AppEvents = append(t.AppEvents, snapshot.AppEventSnapshot{Number: ev.Number, Name: ev.Name, Value: ev.Value})
	}
	t.Bus = e.snapBus()
	var err error
	if t.Framework, err = e.snapFramework(); err != nil {
		return nil, err
	}
	return t, nil
}

// imageOf returns an activation as a capture shows it.
func (e *Engine) imageOf(f *frame) *frameImage {
	x := &frameImage{state: e.snapFrame(f), slots: make([]snapshot.SlotEntry, 0, f.written)}
	for s, v := range f.slots {
		if v != nil {
			x.slots = append(x.slots, snapshot.SlotEntry{Exec: f.exec, Site: siteOf(f, program.Slot(s)), Value: v})
		}
	}
	return x
}

func (e *Engine) snapFrame(f *frame) snapshot.ExecutionStateSnapshot {
	x := snapshot.ExecutionStateSnapshot{
		Exec: f.exec, Func: int32(f.fn.ID), Parent: f.parent, Depth: f.depth, Index: f.index, Count: f.count,
		Live: f.live, Deadline: f.deadline, Failure: snapFailure(f.failure), Written: f.written,
		Permits: append([]string(nil), f.permits...),
	}
	for _, v := range f.more {
		x.More = append(x.More, *snapFailure(v))
	}
	if f.parent != 0 {
		x.CallOp = uint32(opRef(e.st.frames.get(f.parent), f.callOp))
	}
	for _, m := range f.missing {
		x.Missing = append(x.Missing, uint32(m))
	}
	if f.inbound.request.IsSet() {
		x.Inbound = &snapshot.CallContext{
			Peer: string(f.inbound.peer), Epoch: f.inbound.request.Epoch, Request: f.inbound.request.ID,
			Edge: int32(f.inbound.edge), Replied: f.inbound.replied,
		}
	}
	for _, a := range f.attempts {
		x.Attempts = append(x.Attempts, snapshot.AttemptSnapshot{Op: uint32(opRef(f, a.op)), Tries: a.tries})
	}
	return x
}

func (x pendingImage) snap() snapshot.PendingAsyncSnapshot {
	s := snapshot.PendingAsyncSnapshot{
		Command: x.p.id, Op: uint32(x.fn.OpBase) + uint32(x.p.op), Exec: x.p.exec, Component: x.p.component, Method: x.p.method,
		Deadline: x.p.deadline, Attempt: x.p.tries, Inputs: x.p.inputs,
	}
	for _, out := range x.fn.Ops[x.p.op].Out {
		s.Sites = append(s.Sites, uint32(x.fn.SiteBase)+uint32(out))
	}
	return s
}

func snapCompletion(c *completion) snapshot.PendingCompletionSnapshot {
	return snapshot.PendingCompletionSnapshot{Command: c.command, Results: c.results, Digest: c.digest, Failure: snapFailure(c.failure)}
}

func snapFailure(f *value.Failure) *snapshot.FailureSnapshot {
	if f == nil {
		return nil
	}
	return &snapshot.FailureSnapshot{Code: f.Code, Where: f.Where, Message: f.Message}
}

// snapBus lists the subscriptions too, although they are the program's: a restore checks them.
func (e *Engine) snapBus() snapshot.TypedBusSnapshot {
	var b snapshot.TypedBusSnapshot
	for _, kind := range sortedText(e.subs) {
		s := snapshot.BusSubscription{Kind: kind}
		for _, id := range e.subs[kind] {
			s.Sites = append(s.Sites, uint32(e.prog.Funcs[id].SiteBase))
		}
		b.Subscriptions = append(b.Subscriptions, s)
	}
	for _, ev := range e.st.bus {
		b.Queue = append(b.Queue, snapshot.BusEvent{Kind: ev.kind, Value: ev.value})
	}
	return b
}

func (e *Engine) snapFramework() (snapshot.FrameworkSnapshot, error) {
	random, err := e.st.random.MarshalBinary()
	if err != nil {
		return snapshot.FrameworkSnapshot{}, fmt.Errorf("engine: random source: %w", err)
	}
	w := snapshot.FrameworkSnapshot{
		SpecVersion: snapshot.CurrentSnapshotSpecVersion, PeerID: string(e.st.self),
		NextCommandID: e.st.nextCommand, NextExecID: e.st.nextExec, NextCallID: e.st.nextCall, NextTimerSeq: e.st.nextTimer,
		NextAppEvent: e.st.nextApp, NextRequest: e.st.nextRequest, NextToken: e.st.nextToken,
		Epoch: e.st.epoch, Start: e.st.start, Proof: e.st.proof, Asking: e.st.asking, Now: e.st.now, Random: random, BootstrapExec: e.st.bootstrapExec,
		FiredPhases: append([]string(nil), e.st.firedPhases...), Rules: e.st.rules, Pressure: e.st.pressure.Snapshot(),
		Roster: e.st.roster.Snapshot(), Lent: e.st.loans.Snapshot(),
	}
	w.Limits = e.OpeningLimits()
	w.Borrowed, w.Arrivals = e.snapBorrowed()
	if e.st.wanted != nil {
		w.Wanted = e.st.wanted.listed()
	}
	for _, c := range e.st.counters {
		w.Counters = append(w.Counters, snapshot.CounterSnapshot{Name: c.name, Count: c.n})
	}
	for _, h := range e.st.holds {
		w.Holds = append(w.Holds, snapshot.HoldSnapshot{Name: h.name, Value: h.value})
	}
	for _, q := range e.st.queues {
		w.Queues = append(w.Queues, snapshot.QueueSnapshot{Name: q.name, Values: append([]value.Value(nil), q.values...)})
	}
	for _, r := range e.st.records {
		w.Records = append(w.Records, snapshot.RecordSnapshot{Name: r.name, Entries: append([]snapshot.RecordEntry(nil), r.entries...)})
	}
	for _, g := range e.st.gates {
		w.Gates = append(w.Gates, snapshot.GateSnapshot{Name: g.name, Taken: g.taken})
	}
	for _, l := range e.st.latches {
		w.Latches = append(w.Latches, snapshot.LatchSnapshot{Name: l.name, Key: []byte(l.key)})
	}
	return w, nil
}

func (e *Engine) snapTimer(t *timer) snapshot.TimerSnapshot {
	x := snapshot.TimerSnapshot{
		At: t.at, Seq: t.seq, Kind: uint32(t.kind), Exec: t.exec, Component: t.component, Token: t.token,
		Peer: string(t.peer), Func: int32(t.fn),
	}
	if t.onOp() {
		x.Op = uint32(opRef(e.st.frames.get(t.exec), t.op))
	}
	return x
}

// onOp says whether the timer belongs to an op of an activation.
func (t *timer) onOp() bool {
	return t.kind == timerSleep || t.kind == timerRetry || t.kind == timerDeadlineOp
}

// siteOf is where a slot of a frame is in the whole artifact.
func siteOf(f *frame, s program.Slot) uint32 { return uint32(f.fn.SiteBase) + uint32(s) }
