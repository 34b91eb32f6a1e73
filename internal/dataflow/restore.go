package dataflow

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// A machine that was just made is restored part by part, in the order of these methods; the first misfit is an error,
// and the machine is of no use then.

// RestoreTables restores what is of no activation: the clock, the identities, named things.
func (m *Machine) RestoreTables(t *snapshot.TransientSnapshot) error {
	w, s := &t.Framework, &m.st
	if t.Poll.Stage > stageRunning || t.Poll.OpsLeft < 0 {
		return fmt.Errorf("poll state %+v does not exist", t.Poll)
	}
	s.rules = w.Rules
	s.opsLeft, s.stage, s.now, s.bootstrapExec = t.Poll.OpsLeft, t.Poll.Stage, w.Now, w.BootstrapExec
	s.nextCommand, s.nextExec, s.nextCall, s.nextTimer, s.nextApp = w.NextCommandID, w.NextExecID, w.NextCallID,
		w.NextTimerSeq, w.NextAppEvent
	s.firedPhases = slices.Clone(w.FiredPhases)
	s.random = rand.NewChaCha8([32]byte{})
	if err := s.random.UnmarshalBinary(w.Random); err != nil {
		return fmt.Errorf("random source: %w", err)
	}
	for _, c := range w.Counters {
		s.counters = append(s.counters, counter{c.Name, c.Count})
	}
	for _, h := range w.Holds {
		s.holds = append(s.holds, hold{h.Name, h.Value})
	}
	for _, q := range w.Queues {
		s.queues = append(s.queues, queue{q.Name, slices.Clone(q.Values)})
	}
	for _, x := range w.Records {
		s.records = append(s.records, record{x.Name, slices.Clone(x.Entries)})
	}
	for _, g := range w.Gates {
		s.gates = append(s.gates, gate{g.Name, g.Taken})
	}
	for _, l := range w.Latches {
		seen := latch{l.Name, string(l.Key)}
		if s.closed[seen] {
			return fmt.Errorf("a key of %q was seen twice", l.Name)
		}
		s.close(seen)
	}
	sorted := slices.IsSortedFunc(s.counters, func(a, b counter) int { return compareText(a.name, b.name) }) &&
		slices.IsSortedFunc(s.holds, func(a, b hold) int { return compareText(a.name, b.name) }) &&
		slices.IsSortedFunc(s.queues, func(a, b queue) int { return compareText(a.name, b.name) }) &&
		slices.IsSortedFunc(s.records, func(a, b record) int { return compareText(a.name, b.name) }) &&
		slices.IsSortedFunc(s.gates, func(a, b gate) int { return compareText(a.name, b.name) })
	if !sorted {
		return fmt.Errorf("a table is not in order of name")
	}
	return nil
}

func (m *Machine) RestoreFrames(t *snapshot.TransientSnapshot) error {
	last := uint64(0)
	for i := range t.ExecutionState {
		x := &t.ExecutionState[i]
		if x.Exec <= last || x.Exec >= m.st.nextExec {
			return fmt.Errorf("activation %d after %d, the next is %d", x.Exec, last, m.st.nextExec)
		}
		last = x.Exec
		if x.Func < 0 || int(x.Func) >= len(m.prog.Funcs) {
			return fmt.Errorf("activation %d runs function %d, which the program lacks", x.Exec, x.Func)
		}
		fn := &m.prog.Funcs[x.Func]
		if len(x.Missing) != len(fn.Ops) {
			return fmt.Errorf("activation %d of %q counts %d ops of %d", x.Exec, fn.Name, len(x.Missing), len(fn.Ops))
		}
		f := m.newFrame(fn)
		f.Exec, f.live, f.index, f.count, f.depth = x.Exec, x.Live, x.Index, x.Count, x.Depth
		f.Deadline, f.written, f.permits = x.Deadline, x.Written, slices.Clone(x.Permits)
		for k, m := range x.Missing {
			if m > uint32(fn.Need[k]) {
				return fmt.Errorf("op %d of %q misses %d of %d inputs", k, fn.Name, m, fn.Need[k])
			}
			f.missing[k] = uint16(m)
		}
		if x.Failure != nil {
			f.Failure = value.Fail(x.Failure.Code, x.Failure.Where, x.Failure.Message)
		}
		for _, m := range x.More {
			f.more = append(f.more, value.Fail(m.Code, m.Where, m.Message))
		}
		if len(f.more) > 0 && f.Failure == nil {
			return fmt.Errorf("activation %d has more failures than the first, and no first", x.Exec)
		}
		if c := x.Inbound; c != nil {
			if c.Edge < 0 || int(c.Edge) >= len(m.prog.Edges) {
				return fmt.Errorf("activation %d answers along edge %d", x.Exec, c.Edge)
			}
			f.Inbound = Inbound{wire.PeerID(c.Peer), wire.Request{Epoch: c.Epoch, ID: c.Request},
				program.EdgeID(c.Edge), c.Replied}
		}
		if x.Parent != 0 {
			p := m.st.frames.get(x.Parent) // a parent is older, so it is there already
			if p == nil {
				return fmt.Errorf("activation %d is called by %d, which does not live", x.Exec, x.Parent)
			}
			op, err := m.opAt(p, x.CallOp)
			if err != nil {
				return err
			}
			f.Parent, f.callOp = x.Parent, op
			p.kids.add(f)
		}
		for _, a := range x.Attempts {
			op, err := m.opAt(f, a.Op)
			if err != nil {
				return err
			}
			f.attempts = append(f.attempts, attempt{op, a.Tries})
		}
		m.st.frames.add(f)
	}
	return nil
}

// op turns a global op ref into the index of an op of the frame's function.
func (m *Machine) opAt(f *Frame, ref uint32) (int32, error) {
	i := int64(ref) - int64(f.Func.OpBase)
	if i < 0 || i >= int64(len(f.Func.Ops)) {
		return 0, fmt.Errorf("op %d is not of function %q", ref, f.Func.Name)
	}
	return int32(i), nil
}

// at finds the frame and op that an entry refers to.
func (m *Machine) at(exec uint64, ref uint32) (*Frame, int32, error) {
	f := m.st.frames.get(exec)
	if f == nil {
		return nil, 0, fmt.Errorf("activation %d does not live", exec)
	}
	op, err := m.opAt(f, ref)
	return f, op, err
}

// atEnd is at, also for what is behind the last op: the end of a body without ops, or of an activation that owes an
// answer.
func (m *Machine) atEnd(exec uint64, ref uint32) (*Frame, int32, error) {
	f := m.st.frames.get(exec)
	if f != nil && int64(ref) == int64(f.Func.OpBase)+int64(len(f.Func.Ops)) &&
		(len(f.Func.Ops) == 0 || f.Inbound.Request.IsSet() && !f.Inbound.Replied) {
		return f, int32(len(f.Func.Ops)), nil
	}
	return m.at(exec, ref)
}

func (m *Machine) RestoreSlots(t *snapshot.TransientSnapshot) error {
	for _, x := range t.SlotTable {
		f := m.st.frames.get(x.Exec)
		if f == nil {
			return fmt.Errorf("activation %d does not live", x.Exec)
		}
		s := int64(x.Site) - int64(f.Func.SiteBase)
		if s < 0 || s >= int64(len(f.Slots)) || f.Slots[s] != nil || x.Value == nil {
			return fmt.Errorf("site %d of activation %d does not exist, is filled twice or empty", x.Site, x.Exec)
		}
		f.Slots[s] = x.Value
		f.bytes += x.Value.Bytes()
		m.st.slotBytes += x.Value.Bytes()
	}
	return nil
}

func (m *Machine) RestoreFrontier(t *snapshot.TransientSnapshot) error {
	for _, x := range t.Frontier {
		f, op, err := m.atEnd(x.Exec, x.Op)
		if err != nil {
			return err
		}
		if int(op) < len(f.Func.Ops) && f.missing[op] != 0 {
			return fmt.Errorf("op %d of activation %d is queued but not ready", x.Op, x.Exec)
		}
		f.queued++
		m.st.frontier.push(ready{f, x.Exec, op})
	}
	return nil
}

func (m *Machine) RestoreBus(t *snapshot.TransientSnapshot) error {
	want := m.snapBus().Subscriptions
	if !slices.EqualFunc(want, t.Bus.Subscriptions, func(a, b snapshot.BusSubscription) bool {
		return a.Kind == b.Kind && slices.Equal(a.Sites, b.Sites)
	}) {
		return fmt.Errorf("the subscriptions are not those of the program")
	}
	for _, x := range t.Bus.Queue {
		if x.Value == nil {
			return fmt.Errorf("event %q has no value", x.Kind)
		}
		m.st.bus = append(m.st.bus, busEvent{x.Kind, x.Value})
	}
	return nil
}

func (m *Machine) RestoreAppEvents(t *snapshot.TransientSnapshot) error {
	for i, x := range t.AppEvents {
		if x.Value == nil || x.Number >= m.st.nextApp || i > 0 && x.Number <= t.AppEvents[i-1].Number {
			return fmt.Errorf("event %d is out of order or empty", x.Number)
		}
		m.st.appEvents = append(m.st.appEvents, AppEvent{Number: x.Number, Name: x.Name, Value: x.Value})
	}
	return nil
}

// lives counts what refers to each activation: an activation that nothing can end would leak, and one that ends too
// early would lose work.
func (m *Machine) RestoreLives(t *snapshot.TransientSnapshot) error {
	lives := map[uint64]int32{}
	for _, x := range t.Frontier {
		lives[x.Exec]++
	}
	for _, x := range t.PendingAsync {
		lives[x.Exec]++
	}
	for _, x := range t.Parked {
		lives[x.Exec]++
	}
	for _, x := range t.ExecutionState {
		if x.Parent != 0 {
			lives[x.Parent]++
		}
	}
	for _, tm := range m.st.timers.heap {
		if tm.onOp() {
			lives[tm.exec]++
		}
	}
	for _, exec := range m.st.frames.execs() {
		if f := m.st.frames.get(exec); f.live != lives[exec] || f.live == 0 {
			return fmt.Errorf("activation %d has %d things under way, %d are in the snapshot", exec, f.live,
				lives[exec])
		}
	}
	m.st.kept = m.st.charges()
	return nil
}

func (m *Machine) RestorePending(t *snapshot.TransientSnapshot) error {
	for i := range t.PendingAsync {
		x := &t.PendingAsync[i]
		f, op, err := m.at(x.Exec, x.Op)
		if err != nil {
			return err
		}
		if x.Command == 0 || x.Command >= m.st.nextCommand || m.st.pending[x.Command] != nil {
			return fmt.Errorf("command %d is given out twice or not yet", x.Command)
		}
		if !m.outside.Lives(x.Component) {
			return fmt.Errorf("command %d is for component %d, which does not live here", x.Command, x.Component)
		}
		if len(x.Sites) != len(f.Func.Ops[op].Out) {
			return fmt.Errorf("command %d has %d output sites, its op has %d", x.Command, len(x.Sites),
				len(f.Func.Ops[op].Out))
		}
		for k, s := range f.Func.Ops[op].Out {
			if siteOf(f, s) != x.Sites[k] {
				return fmt.Errorf("output %d of command %d lands at site %d, its op says %d", k, x.Command, x.Sites[k],
					siteOf(f, s))
			}
		}
		if slices.Contains(x.Inputs, nil) {
			return fmt.Errorf("command %d lacks an input", x.Command)
		}
		m.st.setPending(&pending{
			id: x.Command, exec: x.Exec, op: op, component: x.Component, method: x.Method,
			inputs: x.Inputs, deadline: x.Deadline, tries: x.Attempt,
		})
	}
	return nil
}

func (m *Machine) RestoreCompletions(t *snapshot.TransientSnapshot) error {
	for _, x := range t.PendingCompletions {
		c := completion{command: x.Command, results: x.Results, digest: x.Digest}
		if x.Failure != nil {
			c.failure = value.Fail(x.Failure.Code, x.Failure.Where, x.Failure.Message)
		}
		m.st.completions = append(m.st.completions, c)
	}
	return nil
}

func (m *Machine) RestoreTimers(t *snapshot.TransientSnapshot) error {
	var last *timer
	for i := range t.Framework.Timers {
		x := &t.Framework.Timers[i]
		n := &timer{
			at: x.At, seq: x.Seq, kind: timerKind(x.Kind), exec: x.Exec, component: x.Component, token: x.Token,
			peer: wire.PeerID(x.Peer), fn: program.FuncID(x.Func),
		}
		if n.kind < timerSleep || n.kind > timerArrival || n.seq >= m.st.nextTimer || last != nil && !last.before(n) {
			return fmt.Errorf("timer %d is of no known kind or out of order", x.Seq)
		}
		if n.onOp() {
			_, op, err := m.at(x.Exec, x.Op)
			if err != nil {
				return err
			}
			n.op = op
		}
		if n.kind == timerFrame && m.st.frames.get(n.exec) == nil {
			return fmt.Errorf("timer %d is the deadline of activation %d, which does not live", x.Seq, n.exec)
		}
		if n.kind == timerComponent && !m.outside.Lives(n.component) ||
			n.kind == timerInterval && (n.fn < 0 || int(n.fn) >= len(m.prog.Funcs) ||
				m.prog.Funcs[n.fn].Kind != program.KindInterval) {
			return fmt.Errorf("timer %d is of a component or interval that does not live here", x.Seq)
		}
		m.st.setTimer(n)
		last = n
	}
	return nil
}

func (m *Machine) RestoreParked(t *snapshot.TransientSnapshot) error {
	last := uint64(0)
	for _, x := range t.Parked {
		f, op, err := m.atEnd(x.Exec, x.Op)
		if err != nil {
			return err
		}
		if atEnd := int(op) == len(f.Func.Ops); atEnd != (parkReason(x.Reason) == parkAnswer) {
			return fmt.Errorf("op %d of activation %d waits for what it cannot wait for", x.Op, x.Exec)
		}
		if x.Call <= last || x.Call >= m.st.nextCall || x.Reason < uint32(parkComponent) ||
			x.Reason > uint32(parkBytes) {
			return fmt.Errorf("call %d is out of order or waits for nothing known", x.Call)
		}
		last = x.Call
		m.st.waits.add(&parked{call: x.Call, exec: x.Exec, op: op, reason: parkReason(x.Reason), label: x.Label}, f)
	}
	return nil
}
