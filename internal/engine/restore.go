package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// RestoreError says that a snapshot does not fit the program or itself. Nothing was changed.
type RestoreError struct {
	Part   string // which message of the snapshot
	Reason string // what does not fit, and what would be right
}

// Error describes the refusal.
func (e *RestoreError) Error() string { return "engine: restore " + e.Part + ": " + e.Reason }

// restorer builds a State from a snapshot; the first misfit ends it.
type restorer struct {
	e  *Engine
	st State
}

// Restore returns a new engine in the state of the snapshot. It validates everything before it returns: a misfit is a
// *RestoreError and leaves nothing behind. The components' own states are restored by the caller.
func Restore(cfg Config, incarnation uint64, t *snapshot.TransientSnapshot) (*Engine, error) {
	if err := cfg.Limits.Validate(); err != nil {
		return nil, err
	}
	// Those that hold for the node hold in its restore, too.
	var err error
	if cfg.Limits, err = cfg.Limits.WithDefaults().amended(t.Framework.Limits); err != nil {
		return nil, &RestoreError{"framework", err.Error()}
	}
	e, err := New(cfg)
	if err != nil {
		return nil, err
	}
	r := &restorer{e: e, st: newState(cfg, new(tables))}
	r.st.limits = e.limits
	r.st.incarnation = incarnation
	steps := []struct {
		part string
		do   func(*snapshot.TransientSnapshot) error
	}{
		{"framework", r.framework}, {"execution_state", r.frames}, {"slot_table", r.slots}, {"borrowed", r.borrowed}, {"frontier", r.frontier},
		{"pending_async", r.pending}, {"pending_completions", r.completions}, {"timers", r.timers}, {"parked", r.parked},
		{"bus", r.bus}, {"ingress", r.ingress}, {"app_events", r.appEvents}, {"peers", r.peers}, {"lives", r.lives},
	}
	for _, s := range steps {
		if cfg.FailRestore != nil {
			if err := cfg.FailRestore(s.part); err != nil {
				return nil, &RestoreError{s.part, err.Error()}
			}
		}
		if err := s.do(t); err != nil {
			return nil, &RestoreError{s.part, err.Error()}
		}
	}
	r.st.kept = r.st.charges()
	e.st = r.st
	return e, nil
}

func (r *restorer) framework(t *snapshot.TransientSnapshot) error {
	w := &t.Framework
	if w.SpecVersion != snapshot.CurrentSnapshotSpecVersion {
		return fmt.Errorf("spec version %d, want %d", w.SpecVersion, snapshot.CurrentSnapshotSpecVersion)
	}
	if w.PeerID != string(r.st.self) {
		return fmt.Errorf("it is of peer %s, this is %s", w.PeerID, r.st.self)
	}
	if w.Rules > CurrentRules {
		return fmt.Errorf("it goes by rules %d, this release knows up to %d: use the newer release that wrote it", w.Rules, CurrentRules)
	}
	if t.Poll.Phase >= phaseEnd || t.Poll.Stage > stageRunning || t.Poll.OpsLeft < 0 {
		return fmt.Errorf("poll state %+v does not exist", t.Poll)
	}
	r.e.st.rules = w.Rules // the inputs that wait pass the door by them
	s := &r.st
	s.phase, s.opsLeft, s.stage = t.Poll.Phase, t.Poll.OpsLeft, t.Poll.Stage
	s.nextCommand, s.nextExec, s.nextCall, s.nextTimer = w.NextCommandID, w.NextExecID, w.NextCallID, w.NextTimerSeq
	s.nextApp, s.nextRequest, s.nextToken = w.NextAppEvent, w.NextRequest, w.NextToken
	s.epoch, s.now, s.bootstrapExec = w.Epoch, w.Now, w.BootstrapExec
	if len(w.Wanted) > 0 {
		next, err := r.e.limits.amended(w.Wanted)
		if err != nil {
			return err
		}
		s.wanted = &next
	}
	s.start, s.proof, s.asking = w.Start, w.Proof, w.Asking
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

func (r *restorer) frames(t *snapshot.TransientSnapshot) error {
	last := uint64(0)
	for i := range t.ExecutionState {
		x := &t.ExecutionState[i]
		if x.Exec <= last || x.Exec >= r.st.nextExec {
			return fmt.Errorf("activation %d after %d, the next is %d", x.Exec, last, r.st.nextExec)
		}
		last = x.Exec
		if x.Func < 0 || int(x.Func) >= len(r.e.prog.Funcs) {
			return fmt.Errorf("activation %d runs function %d, which the program lacks", x.Exec, x.Func)
		}
		fn := &r.e.prog.Funcs[x.Func]
		if len(x.Missing) != len(fn.Ops) {
			return fmt.Errorf("activation %d of %q counts %d ops of %d", x.Exec, fn.Name, len(x.Missing), len(fn.Ops))
		}
		f := r.e.newFrame(fn)
		f.exec, f.live, f.index, f.count, f.depth = x.Exec, x.Live, x.Index, x.Count, x.Depth
		f.deadline, f.written, f.permits = x.Deadline, x.Written, slices.Clone(x.Permits)
		for k, m := range x.Missing {
			if m > uint32(fn.Need[k]) {
				return fmt.Errorf("op %d of %q misses %d of %d inputs", k, fn.Name, m, fn.Need[k])
			}
			f.missing[k] = uint16(m)
		}
		if x.Failure != nil {
			f.failure = value.Fail(x.Failure.Code, x.Failure.Where, x.Failure.Message)
		}
		for _, m := range x.More {
			f.more = append(f.more, value.Fail(m.Code, m.Where, m.Message))
		}
		if len(f.more) > 0 && f.failure == nil {
			return fmt.Errorf("activation %d has more failures than the first, and no first", x.Exec)
		}
		if c := x.Inbound; c != nil {
			if c.Edge < 0 || int(c.Edge) >= len(r.e.prog.Edges) {
				return fmt.Errorf("activation %d answers along edge %d", x.Exec, c.Edge)
			}
			f.inbound = inbound{wire.PeerID(c.Peer), wire.Request{Epoch: c.Epoch, ID: c.Request}, program.EdgeID(c.Edge), c.Replied}
		}
		if x.Parent != 0 {
			p := r.st.frames.get(x.Parent) // a parent is older, so it is there already
			if p == nil {
				return fmt.Errorf("activation %d is called by %d, which does not live", x.Exec, x.Parent)
			}
			op, err := r.op(p, x.CallOp)
			if err != nil {
				return err
			}
			f.parent, f.callOp = x.Parent, op
			p.kids.add(f)
		}
		for _, a := range x.Attempts {
			op, err := r.op(f, a.Op)
			if err != nil {
				return err
			}
			f.attempts = append(f.attempts, attempt{op, a.Tries})
		}
		r.st.frames.add(f)
	}
	return nil
}

// op turns a global op ref into the index of an op of the frame's function.
func (r *restorer) op(f *frame, ref uint32) (int32, error) {
	i := int64(ref) - int64(f.fn.OpBase)
	if i < 0 || i >= int64(len(f.fn.Ops)) {
		return 0, fmt.Errorf("op %d is not of function %q", ref, f.fn.Name)
	}
	return int32(i), nil
}

// at finds the frame and op that an entry refers to.
func (r *restorer) at(exec uint64, ref uint32) (*frame, int32, error) {
	f := r.st.frames.get(exec)
	if f == nil {
		return nil, 0, fmt.Errorf("activation %d does not live", exec)
	}
	op, err := r.op(f, ref)
	return f, op, err
}

// atEnd is at, also for what is behind the last op: the end of a body without ops, or of an activation that owes an answer.
func (r *restorer) atEnd(exec uint64, ref uint32) (*frame, int32, error) {
	f := r.st.frames.get(exec)
	if f != nil && int64(ref) == int64(f.fn.OpBase)+int64(len(f.fn.Ops)) && (len(f.fn.Ops) == 0 || f.inbound.request.IsSet() && !f.inbound.replied) {
		return f, int32(len(f.fn.Ops)), nil
	}
	return r.at(exec, ref)
}

func (r *restorer) slots(t *snapshot.TransientSnapshot) error {
	for _, x := range t.SlotTable {
		f := r.st.frames.get(x.Exec)
		if f == nil {
			return fmt.Errorf("activation %d does not live", x.Exec)
		}
		s := int64(x.Site) - int64(f.fn.SiteBase)
		if s < 0 || s >= int64(len(f.slots)) || f.slots[s] != nil || x.Value == nil {
			return fmt.Errorf("site %d of activation %d does not exist, is filled twice or empty", x.Site, x.Exec)
		}
		f.slots[s] = x.Value
		f.bytes += x.Value.Bytes()
		r.st.slotBytes += x.Value.Bytes()
	}
	return nil
}

func (r *restorer) frontier(t *snapshot.TransientSnapshot) error {
	for _, x := range t.Frontier {
		f, op, err := r.atEnd(x.Exec, x.Op)
		if err != nil {
			return err
		}
		if int(op) < len(f.fn.Ops) && f.missing[op] != 0 {
			return fmt.Errorf("op %d of activation %d is queued but not ready", x.Op, x.Exec)
		}
		f.queued++
		r.st.frontier.push(ready{f, x.Exec, op})
	}
	return nil
}

func (r *restorer) bus(t *snapshot.TransientSnapshot) error {
	want := r.e.snapBus().Subscriptions
	if !slices.EqualFunc(want, t.Bus.Subscriptions, func(a, b snapshot.BusSubscription) bool {
		return a.Kind == b.Kind && slices.Equal(a.Sites, b.Sites)
	}) {
		return fmt.Errorf("the subscriptions are not those of the program")
	}
	for _, x := range t.Bus.Queue {
		if x.Value == nil {
			return fmt.Errorf("event %q has no value", x.Kind)
		}
		r.st.bus = append(r.st.bus, busEvent{x.Kind, x.Value})
	}
	return nil
}

// ingress takes the inputs through the same door as new ones, so that nothing enters unchecked.
func (r *restorer) ingress(t *snapshot.TransientSnapshot) error {
	for i := range t.Ingress {
		ev := &t.Ingress[i]
		if ev.Completion != nil || ev.CompletionFailed != nil {
			return fmt.Errorf("event %d is a completion, which has its own queue", i)
		}
		in, err := r.e.admit(ev, false)
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
		r.st.ingress = append(r.st.ingress, in)
		r.st.ingressBytes += in.bytes
	}
	if r.st.fresh = t.Poll.Fresh; int64(r.st.fresh) > int64(len(r.st.ingress)) {
		return fmt.Errorf("%d of %d events are new", r.st.fresh, len(r.st.ingress))
	}
	return nil
}

func (r *restorer) appEvents(t *snapshot.TransientSnapshot) error {
	for i, x := range t.AppEvents {
		if x.Value == nil || x.Number >= r.st.nextApp || i > 0 && x.Number <= t.AppEvents[i-1].Number {
			return fmt.Errorf("event %d is out of order or empty", x.Number)
		}
		r.st.appEvents = append(r.st.appEvents, AppEvent{Number: x.Number, Name: x.Name, Value: x.Value})
	}
	return nil
}

func (r *restorer) peers(t *snapshot.TransientSnapshot) (err error) {
	w, l := &t.Framework, r.e.limits
	if r.st.book, err = peer.RestoreAddressBook(w.AddressBook, l.BookPeers, l.BookAddresses); err != nil {
		return err
	}
	if r.st.governor, err = peer.RestoreGovernor(w.PeerGovernor, l.BookPeers); err != nil {
		return err
	}
	if r.st.backoff, err = peer.RestoreBackoff(w.BackoffTable, l.BookPeers); err != nil {
		return err
	}
	if r.st.streams, err = peer.RestoreStreams(w.Epoch, t.WireStates, w.PendingOutbound, r.e.reg, l.streams()); err != nil {
		return err
	}
	r.st.setRules(w.Rules)
	r.st.streams.SetStart(w.Start)
	if r.st.roster, err = peer.RestoreRoster(w.Roster, l.Members); err != nil {
		return err
	}
	if r.st.pressure, err = peer.RestorePressure(w.Pressure, l.BookPeers); err != nil {
		return err
	}
	if r.st.requests, err = peer.RestoreRequests(w.Requests, w.Inbound, r.e.reg, l.requests()); err != nil {
		return err
	}
	if r.st.loans, err = peer.RestoreLoans(w.Lent, l.loans()); err != nil {
		return err
	}
	r.st.requests.SetLoans(r.st.loans)
	return nil
}

// lives counts what refers to each activation: an activation that nothing can end would leak, and one that ends too
// early would lose work.
func (r *restorer) lives(t *snapshot.TransientSnapshot) error {
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
	for _, tm := range r.st.timers.heap {
		if tm.onOp() {
			lives[tm.exec]++
		}
	}
	for _, exec := range r.st.frames.execs() {
		if f := r.st.frames.get(exec); f.live != lives[exec] || f.live == 0 {
			return fmt.Errorf("activation %d has %d things under way, %d are in the snapshot", exec, f.live, lives[exec])
		}
	}
	return nil
}
