package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/planted"
	"github.com/rhizome-ml/rhizome/program"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Snapshot returns everything of the engine that is in flight. It may be called between any two ops, also from
// Config.AfterOp in the middle of a Poll, and never refuses (law L3). Values are shared, not copied: the pause is the
// time to copy references.
func (e *Engine) Snapshot() (*snapshot.TransientSnapshot, error) {
	t := &snapshot.TransientSnapshot{
		Poll: snapshot.PollSnapshot{Phase: e.st.phase, OpsLeft: e.st.opsLeft, Stage: e.st.stage},
	}
	for i := range e.st.frontier.n {
		r := e.st.frontier.at(i)
		t.Frontier = append(t.Frontier, snapshot.FrontierEntry{Op: uint32(opRef(r.f, r.op)), Exec: r.exec})
	}
	for _, exec := range e.sortedExecs() {
		f := e.st.frames[exec]
		for s, v := range f.slots {
			if v != nil {
				t.SlotTable = append(t.SlotTable, snapshot.SlotEntry{Exec: exec, Site: siteOf(f, program.Slot(s)), Value: v})
			}
		}
		t.ExecutionState = append(t.ExecutionState, e.snapFrame(f))
	}
	for _, id := range sortedKeys(e.st.pending) {
		t.PendingAsync = append(t.PendingAsync, e.snapPending(e.st.pending[id]))
	}
	for i := range e.st.completions {
		if planted.On(planted.ForgetCompletion) {
			break
		}
		t.PendingCompletions = append(t.PendingCompletions, snapCompletion(&e.st.completions[i]))
	}
	for i := range e.st.ingress {
		t.Ingress = append(t.Ingress, *e.st.ingress[i].event)
	}
	for _, p := range e.st.parked {
		if planted.On(planted.ForgetParked) {
			break
		}
		f := e.st.frames[p.exec]
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
	t.WireStates, t.Framework.PendingOutbound, err = e.st.streams.Snapshot(e.reg)
	return t, err
}

func (e *Engine) snapFrame(f *frame) snapshot.ExecutionStateSnapshot {
	x := snapshot.ExecutionStateSnapshot{
		Exec: f.exec, Func: int32(f.fn.ID), Parent: f.parent, Depth: f.depth, Index: f.index, Count: f.count,
		Live: f.live, Deadline: f.deadline, Failure: snapFailure(f.failure), Written: f.written,
		Permits: append([]string(nil), f.permits...),
	}
	if f.parent != 0 {
		x.CallOp = uint32(opRef(e.st.frames[f.parent], f.callOp))
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

func (e *Engine) snapPending(p *pending) snapshot.PendingAsyncSnapshot {
	f := e.st.frames[p.exec]
	x := snapshot.PendingAsyncSnapshot{
		Command: p.id, Op: uint32(opRef(f, p.op)), Exec: p.exec, Component: p.component, Method: p.method,
		Deadline: p.deadline, Attempt: p.tries, Inputs: p.inputs,
	}
	for _, s := range f.fn.Ops[p.op].Out {
		x.Sites = append(x.Sites, siteOf(f, s))
	}
	return x
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
		if planted.On(planted.ForgetBus) {
			break
		}
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
		Epoch: e.st.epoch, Now: e.st.now, Random: random, BootstrapExec: e.st.bootstrapExec,
		FiredPhases: append([]string(nil), e.st.firedPhases...),
		AddressBook: e.st.book.Snapshot(), PeerGovernor: e.st.governor.Snapshot(), BackoffTable: e.st.backoff.Snapshot(),
	}
	if w.Requests, w.Inbound, err = e.st.requests.Snapshot(e.reg); err != nil {
		return w, err
	}
	for _, c := range e.st.counters {
		w.Counters = append(w.Counters, snapshot.CounterSnapshot{Name: c.name, Count: c.n})
	}
	for _, t := range e.st.timers.sorted() {
		if planted.On(planted.ForgetTimer) && t.kind == timerComponent {
			continue
		}
		w.Timers = append(w.Timers, e.snapTimer(&t))
	}
	for _, h := range e.st.holds {
		if planted.On(planted.ForgetHold) {
			break
		}
		w.Holds = append(w.Holds, snapshot.HoldSnapshot{Name: h.name, Value: h.value})
	}
	for _, q := range e.st.queues {
		if planted.On(planted.ForgetQueue) && len(q.values) > 0 {
			q.values = q.values[:len(q.values)-1]
		}
		w.Queues = append(w.Queues, snapshot.QueueSnapshot{Name: q.name, Values: append([]value.Value(nil), q.values...)})
	}
	for _, r := range e.st.records {
		w.Records = append(w.Records, snapshot.RecordSnapshot{Name: r.name, Entries: append([]snapshot.RecordEntry(nil), r.entries...)})
	}
	for _, g := range e.st.gates {
		w.Gates = append(w.Gates, snapshot.GateSnapshot{Name: g.name, Taken: g.taken})
	}
	for _, l := range e.st.latches {
		if planted.On(planted.ForgetLatch) {
			break
		}
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
		x.Op = uint32(opRef(e.st.frames[t.exec], t.op))
	}
	return x
}

// onOp says whether the timer belongs to an op of an activation.
func (t *timer) onOp() bool {
	return t.kind == timerSleep || t.kind == timerRetry || t.kind == timerDeadlineOp
}

// siteOf is where a slot of a frame is in the whole artifact.
func siteOf(f *frame, s program.Slot) uint32 { return uint32(f.fn.SiteBase) + uint32(s) }
