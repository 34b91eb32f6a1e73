package engine

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// What is accepted can be read back: nothing gets into the State, and no input into the journal, that their codec does
// not give back. What comes from outside is refused by Deliver; what a component hands in fails the op, or is counted,
// here.

// storable are the limits with which records and snapshots are read.
var storable = snapshot.DefaultLimits()

// Storable says whether a worker's result can be kept: nil, or what is wrong with it. A node refuses a completion that
// holds another.
func Storable(reg *value.Registry, v value.Value) error {
	return reg.CheckNew(v, dataflow.StorableLimits())
}

// recordable refuses an input that would not come back from the journal, whatever the node would make of it: no journal
// that can be read holds one.
func (e *Engine) recordable(ev *Event) error {
	no := func(what, why string) error {
		return &RefusedError{Code: RefusedFormat, What: what, Reason: why + "; no journal could keep it"}
	}
	if env := ev.Envelope; env != nil { // the common case
		if bad := notText(env.From); bad != "" {
			return no("envelope", fmt.Sprintf("its sender %q is no UTF-8 text", cut(bad)))
		}
		if e.rules(3) && wire.PeerID(env.From).Fault() != "" {
			return no("envelope", fmt.Sprintf("its sender %q is no peer id: %s", cut(env.From),
				wire.PeerID(env.From).Fault()))
		}
		return nil
	}
	if _, err := snapshot.Check(e.reg, ev, storable); err != nil {
		return no("event", err.Error())
	}
	if !e.rules(3) {
		return nil
	}
	var values []value.Value
	switch {
	case ev.Invoke != nil:
		values = ev.Invoke.Inputs
	case ev.Completion != nil:
		for i := range ev.Completion.Results {
			r := &ev.Completion.Results[i]
			if len(r.Port) > value.NameBytesMax {
				return no("completion", fmt.Sprintf("the name of port %d has %d bytes, at most %d", i, len(r.Port),
					value.NameBytesMax))
			}
			values = append(values, r.Value)
		}
	case ev.CompletionFailed != nil:
		f := &ev.CompletionFailed.Failure
		if c := value.Fail(f.Code, f.Where, f.Message); c.Clean() != c {
			return no("failed completion", fmt.Sprintf("its code, place or message is longer than %d, %d and %d bytes",
				value.CodeBytesMax, value.WhereBytesMax, value.MessageBytesMax))
		}
	case ev.SendFailed != nil:
		if why := wire.PeerID(ev.SendFailed.Peer).Fault(); why != "" || len(ev.SendFailed.Reason) > reasonBytesMax {
			return no("failed send", fmt.Sprintf("its peer is none, or its reason is longer than %d bytes",
				reasonBytesMax))
		}
	case ev.Lifecycle != nil:
		if why := value.NameFault(ev.Lifecycle.Phase); why != "" {
			return no("phase", "its name: "+why)
		}
	}
	for i, v := range values {
		if v == nil {
			continue // refused below, in words of its own
		}
		if err := e.reg.CheckNew(v, dataflow.StorableLimits()); err != nil {
			return no("event", fmt.Sprintf("value %d: %v", i, err))
		}
	}
	return nil
}

// readable replaces what a peer has sent and no State may hold by the failure that stands for a value that cannot be
// decoded; its siblings go on.
func (e *Engine) readable(env *wire.Envelope) {
	if !e.rules(3) {
		return
	}
	for i := range env.Fills {
		v := env.Fills[i].Value
		if v == nil {
			continue
		}
		if err := e.reg.CheckNew(v, dataflow.StorableLimits()); err != nil {
			env.Fills[i].Value = value.Fail(wire.CodeUndecodable, fmt.Sprintf("/site/%d", env.Fills[i].Site),
				err.Error())
		}
	}
}

// badMessage returns the failure of a component's message that has no wire form, or one that its sender could not keep,
// or nil. The name of its op is checked whatever the rules are: no message without one ever left.
func (e *Engine) badMessage(op string, in []value.Value, where string) *value.Failure {
	if why := wire.OpFault(op); why != "" {
		return value.Fail(value.CodeError, where, fmt.Sprintf("a message to the op %q: %s", cut(op), why))
	}
	return e.m.AnyUnsound(in, where)
}
