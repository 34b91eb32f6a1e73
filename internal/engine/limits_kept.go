package engine

import (
	"fmt"
	"math"
	"reflect"

	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// The limits are part of the run: the first record of a journal and each snapshot say which hold, so that a replay goes
// by those of then, whatever the configuration says by now. Other ones take effect with a Restarted input that carries
// them, once no input waits that was accepted before. A limit that is below what is there already is not taken until
// the next restart.

// ConfigError says that a configuration cannot be.
type ConfigError struct {
	Field string // such as "Limits.Wire.Fills"
	Got   string
	Want  string // what would be right
}

// Error names the field and both sides.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("engine: config: %s is %s, want %s", e.Field, e.Got, e.Want)
}

// limit is where one number of Limits is, and what it is called.
type limit struct {
	name string
	at   []int // index of the field, from Limits
}

// limits are all numbers of Limits, in their order.
var limits = func() (all []limit) {
	var walk func(t reflect.Type, prefix string, at []int)
	walk = func(t reflect.Type, prefix string, at []int) {
		for i := range t.NumField() {
			f := t.Field(i)
			here := append(at[:len(at):len(at)], i)
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, prefix+f.Name+".", here)
				continue
			}
			all = append(all, limit{prefix + f.Name, here})
		}
	}
	walk(reflect.TypeFor[Limits](), "", nil)
	return all
}()

func (x limit) of(l *Limits) reflect.Value { return reflect.ValueOf(l).Elem().FieldByIndex(x.at) }

// WithDefaults returns the limits with those of DefaultLimits in the place of zeros.
func (l Limits) WithDefaults() Limits {
	d := DefaultLimits()
	for _, x := range limits {
		if v := x.of(&l); v.Int() == 0 {
			v.SetInt(x.of(&d).Int())
		}
	}
	return l
}

// limitMax keeps sums and products of a few limits within an int of 64 bits; of 32 bits, the range of an int is the
// bound.
const limitMax = 1 << 40

// Validate says whether an engine can go by the limits: nil, or a *ConfigError. Zero stands for the default.
func (l Limits) Validate() error {
	for _, x := range limits {
		if n := x.of(&l).Int(); n < 0 || n > limitMax {
			return &ConfigError{"Limits." + x.name, fmt.Sprint(n), fmt.Sprintf("0 for the default, or 1 to %d",
				int64(limitMax))}
		}
	}
	return nil
}

// listed returns limits as they stand in records and snapshots.
func (l *Limits) listed() []snapshot.LimitSnapshot {
	out := make([]snapshot.LimitSnapshot, len(limits))
	for i, x := range limits {
		out[i] = snapshot.LimitSnapshot{Name: x.name, Value: x.of(l).Int()}
	}
	return out
}

// amended returns the limits with those of a list in their place. A list of an earlier release may lack some; one that
// names others is of a newer one.
func (l Limits) amended(list []snapshot.LimitSnapshot) (Limits, error) {
	k := 0
	for _, s := range list {
		for k < len(limits) && limits[k].name != s.Name {
			k++
		}
		if k == len(limits) {
			return l, fmt.Errorf("limit %q is not known here, or out of order: use the newer release that wrote it",
				cut(s.Name))
		}
		if s.Value < 0 || s.Value > limitMax || s.Value > math.MaxInt {
			return l, fmt.Errorf("limit %s is %d, want 0 to %d", s.Name, s.Value, int64(limitMax))
		}
		limits[k].of(&l).SetInt(s.Value)
		k++
	}
	return l, nil
}

// Limits returns the limits that hold for the node.
func (e *Engine) Limits() Limits { return *e.limits }

// OpeningLimits returns the limits that hold for the node as the first record of its journal, and its snapshots, say
// them; none by rules before 3.
func (e *Engine) OpeningLimits() []snapshot.LimitSnapshot {
	if !e.rules(3) {
		return nil
	}
	return e.sc.listOf(e.st.limits)
}

// AdoptLimits sets the limits of a node that has done nothing yet: those by which its first record was made.
func (e *Engine) AdoptLimits(list []snapshot.LimitSnapshot) error {
	next, err := e.limits.amended(list)
	if err != nil || next == *e.limits {
		return err
	}
	if e.m.Begun() || len(e.st.ingress) > 0 {
		return fmt.Errorf("the node has begun by other limits")
	}
	return e.goBy(&next)
}

// RestartLimits returns what a Restarted input carries so that the node goes by other limits from then on: nothing
// where they hold already and the node knows so.
func (e *Engine) RestartLimits(want Limits) []snapshot.LimitSnapshot {
	want = want.WithDefaults()
	if e.rules(3) && want == *e.limits {
		return nil
	}
	return want.listed()
}

// wantLimits notes the limits that a restart brings.
func (e *Engine) wantLimits(list []snapshot.LimitSnapshot) {
	if len(list) == 0 || !e.rules(3) {
		return
	}
	next, err := e.limits.amended(list)
	if err != nil {
		e.m.Broken("limits passed the door: " + err.Error())
	}
	e.st.wanted = &next
}

// takeWanted has the limits of a restart hold, when no input waits that was accepted by those of before.
func (e *Engine) takeWanted() {
	if e.st.wanted == nil || len(e.st.ingress) > 0 {
		return
	}
	next := *e.st.wanted
	e.st.wanted = nil
	if next == *e.limits {
		return
	}
	e.m.Count("limits.changed")
	if e.goBy(&next) == nil {
		return
	}
	e.m.Drop("limits.kept",
		"there is more of peers, questions or envelopes than the new limits allow: those stay as they are until the "+
			"next restart")
	keepTables(&next, e.limits)
	e.goBy(&next) // the tables are as they were, so they fit
}

// keepTables keeps the limits of what restoring the tables of peers goes by.
func keepTables(next, old *Limits) {
	next.Frames, next.Requests, next.Members = old.Frames, old.Requests, old.Members
	next.BookPeers, next.BookAddresses, next.FailuresToDown = old.BookPeers, old.BookAddresses, old.FailuresToDown
	next.OutboxEnvelopes, next.OutboxBytes, next.PeerEnvelopes, next.PeerBytes = old.OutboxEnvelopes, old.OutboxBytes,
		old.PeerEnvelopes, old.PeerBytes
	next.Silences, next.DedupWindow, next.Loans, next.LoanBytes = old.Silences, old.DedupWindow, old.Loans,
		old.LoanBytes
}

// goBy has limits hold: the tables are made anew by them, as after a restore, so that a restore is going to take them.
// Where one does not fit, nothing is changed.
func (e *Engine) goBy(next *Limits) error {
	t, err := e.Snapshot()
	if err != nil {
		return err
	}
	if next.FailuresToDown != e.limits.FailuresToDown {
		t.Framework.PeerGovernor.Threshold = int32(min(next.FailuresToDown, math.MaxInt32))
	}
	r := restorer{e: &Engine{limits: next, reg: e.reg, unasked: e.unasked}}
	if err := r.peers(t); err != nil {
		return err
	}
	if n := len(e.st.borrowed); n > next.Loans {
		return &peer.FullError{What: "loans", Max: next.Loans}
	}
	for _, b := range e.st.borrowed {
		if b.loan.Large() > int64(next.LoanBytes) {
			return &peer.FullError{What: "bytes of a loan", Max: next.LoanBytes}
		}
	}
	s := &e.st
	s.book, s.governor, s.backoff, s.streams = r.st.book, r.st.governor, r.st.backoff, r.st.streams
	s.requests, s.pressure, s.roster, s.loans = r.st.requests, r.st.pressure, r.st.roster, r.st.loans
	held := e.sc.hold(*next)
	s.limits, e.limits = &held.all, &held.all
	e.m.Bound(&held.machine)
	return nil
}
