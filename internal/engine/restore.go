package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/snapshot"
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
	m  *dataflow.Machine // of the engine, which is new and nobody's before all is well
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
	r := &restorer{e: e, m: &e.m, st: newState(cfg, new(tables))}
	r.st.limits = e.limits
	r.st.incarnation = incarnation
	steps := []struct {
		part string
		do   func(*snapshot.TransientSnapshot) error
	}{
		{"framework", r.framework}, {"execution_state", r.m.RestoreFrames}, {"slot_table", r.m.RestoreSlots},
		{"borrowed", r.borrowed}, {"frontier", r.m.RestoreFrontier},
		{"pending_async", r.m.RestorePending}, {"pending_completions", r.m.RestoreCompletions},
		{"timers", r.m.RestoreTimers}, {"parked", r.m.RestoreParked},
		{"bus", r.m.RestoreBus}, {"ingress", r.ingress}, {"app_events", r.m.RestoreAppEvents}, {"peers", r.peers},
		{"lives", r.m.RestoreLives},
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
		return fmt.Errorf("it goes by rules %d, this release knows up to %d: use the newer release that wrote it",
			w.Rules, CurrentRules)
	}
	if t.Poll.Phase >= phaseEnd {
		return fmt.Errorf("poll state %+v does not exist", t.Poll)
	}
	if err := r.m.RestoreTables(t); err != nil {
		return err
	}
	s := &r.st
	s.phase, s.nextRequest, s.nextToken = t.Poll.Phase, w.NextRequest, w.NextToken
	s.epoch, s.start, s.proof, s.asking = w.Epoch, w.Start, w.Proof, w.Asking
	if len(w.Wanted) > 0 {
		next, err := r.e.limits.amended(w.Wanted)
		if err != nil {
			return err
		}
		s.wanted = &next
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
	if r.st.streams, err = peer.RestoreStreams(w.Epoch, t.WireStates, w.PendingOutbound, r.e.reg,
		l.streams()); err != nil {
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
	if r.st.requests, err = peer.RestoreRequests(w.Requests, w.Inbound, r.e.reg, l.requests(r.e.unasked)); err != nil {
		return err
	}
	if r.st.loans, err = peer.RestoreLoans(w.Lent, l.loans()); err != nil {
		return err
	}
	r.st.requests.SetLoans(r.st.loans)
	return nil
}
