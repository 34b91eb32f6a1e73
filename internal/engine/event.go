package engine

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Event is an input of the engine: exactly one of its pointers is set. It is the form that the journal keeps.
type Event = snapshot.IngressEventSnapshot

// RefusedError says that Deliver did not accept an input. Nothing was changed; the input must not be journaled.
type RefusedError struct {
	Code   string // why, one of the Refused constants
	What   string // which input
	Reason string // the limit or the mismatch, and what would be right
	Wait   bool   // the same input may be accepted later, when the engine has worked

	// Tell, where it is set, is what the sender of a refused envelope may be told at once, best effort: see
	// refusals.go.
	Tell *Packet
}

// The reasons of a refusal.
const (
	RefusedFull     = "full"     // a bound is reached; deliver again after a Poll
	RefusedTooLarge = "large"    // the input alone is over a bound
	RefusedStranger = "stranger" // the governor does not admit the peer
	RefusedFormat   = "format"   // the bytes are no envelope
	RefusedVersion  = "version"  // they are one of a schema version that is not known here
	RefusedAddress  = "address"  // the envelope is for another node, or does not say who sent it
	RefusedDigest   = "digest"   // the sender runs another artifact
	RefusedPressure = "pressure" // the peer disregards that it was asked to hold data back
	RefusedUnknown  = "unknown"  // the event names something that does not exist
	RefusedRight    = "right"    // the caller may not control the node
)

// Error describes the refusal.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("engine: refused %s (%s): %s", e.What, e.Code, e.Reason)
}

// Deliver accepts an input or refuses it with a *RefusedError. An accepted input is processed by the next Polls; a
// refused one leaves no trace but a counter that is not part of the State. A stranger's envelope is refused before its
// fills are decoded (law admitted-first). An accepted envelope that is protobuf and not in the canonical form is
// replaced in ev by its canonical form: what is journaled, counted and in snapshots does not depend on how its sender
// writes protobuf, and on what this release does not know of it.
func (e *Engine) Deliver(ev *Event) error {
	err := e.recordable(ev)
	var in ingress
	if err == nil {
		in, err = e.admit(ev, true)
	}
	if bad := e.mayDeliver(ev); err == nil && bad != nil {
		err = bad
	}
	if err == nil && in.env != nil {
		if no := e.stranger(in.env); no != nil { // now that it is known for whom its messages are
			err = no
		} else {
			err = e.muted(in.env)
		}
		if err != nil {
			e.sc.freeEnvelope(in.env)
		}
	}
	if err != nil {
		if re, ok := err.(*RefusedError); ok {
			if e.refused == nil {
				e.refused = map[string]uint64{}
			}
			e.refused[re.Code]++
			if ev.Envelope != nil {
				e.reportRefused(wire.PeerID(ev.Envelope.From), len(ev.Envelope.Raw), re)
			}
		}
		return err
	}
	switch {
	case ev.Completion != nil:
		e.m.Complete(ev.Completion)
		return nil
	case ev.CompletionFailed != nil:
		e.m.CompleteFailed(ev.CompletionFailed)
		return nil
	}
	if e.rules(1) {
		e.st.fresh++
	}
	e.st.ingress = append(e.st.ingress, in)
	e.st.ingressBytes += in.bytes
	return nil
}

// Refusals returns how many inputs were refused since the process started, by reason, sorted: what strangers and full
// queues did, without a place in the State that they could fill.
func (e *Engine) Refusals() []Counter {
	var out []Counter
	for _, code := range slices.Sorted(maps.Keys(e.refused)) {
		out = append(out, Counter{Name: code, Count: e.refused[code]})
	}
	return out
}

// admit checks an input against the bounds and decodes an envelope. One that is not fresh was accepted before, by the
// roster of then.
func (e *Engine) admit(ev *Event, fresh bool) (ingress, error) {
	in := ingress{event: ev}
	refuse := func(code, what, format string, args ...any) (ingress, error) {
		return ingress{}, &RefusedError{Code: code, What: what, Reason: fmt.Sprintf(format, args...),
			Wait: code == RefusedFull}
	}
	switch {
	case ev.Completion != nil:
		for _, r := range ev.Completion.Results {
			if r.Value == nil {
				return refuse(RefusedFormat, "completion", "port %q has no value", r.Port)
			}
			if r.Value.Type() != value.TypeTensor && r.Value.Bytes() > e.limits.CompletionBytes &&
				!allTensors(r.Value) {
				return refuse(RefusedTooLarge, "completion", "port %q has %d bytes, at most %d", r.Port,
					r.Value.Bytes(), e.limits.CompletionBytes)
			}
		}
		fallthrough
	case ev.CompletionFailed != nil:
		// Each pending command has one completion, so their number is bounded by it and by one round of duplicates.
		if n := e.m.Arrived(); n >= 2*e.limits.PendingCommands {
			return refuse(RefusedFull, "completion", "%d completions wait", n)
		}
		return in, nil
	}
	if len(e.st.ingress) >= e.limits.IngressEvents {
		return refuse(RefusedFull, "event", "%d events wait, which is the limit", len(e.st.ingress))
	}
	switch {
	case ev.Envelope != nil:
		if err := e.admitEnvelope(ev.Envelope, &in, fresh); err != nil {
			return ingress{}, err
		}
	case ev.Invoke != nil:
		in.bytes = len(ev.Invoke.Name)
		fn := e.invokes(ev.Invoke.Name)
		if fn == nil {
			return refuse(RefusedUnknown, "invoke", "the program at %q has no input %q", e.prog.Place, ev.Invoke.Name)
		}
		if n := len(ev.Invoke.Inputs); n != int(fn.Inputs) || n > e.limits.InvokeInputs {
			return refuse(RefusedFormat, "invoke", "%d values for input %q, which takes %d", n, ev.Invoke.Name,
				fn.Inputs)
		}
		for i, v := range ev.Invoke.Inputs {
			if v == nil {
				return refuse(RefusedFormat, "invoke", "value %d of input %q is missing", i, ev.Invoke.Name)
			}
			in.bytes += v.Bytes()
			if fresh && fn.Types != nil && e.rules(4) && !program.Holds(&fn.Types[i], v) {
				return refuse(RefusedFormat, "invoke", "value %d of input %q is %s; want %s", i, ev.Invoke.Name,
					program.Said(v), fn.Types[i])
			}
		}
		if in.bytes > e.limits.InvokeBytes {
			return refuse(RefusedTooLarge, "invoke", "%d bytes for input %q, at most %d", in.bytes, ev.Invoke.Name,
				e.limits.InvokeBytes)
		}
	case ev.Link != nil:
		l := ev.Link
		in.bytes = len(l.Peer) + len(l.Remote) + len(l.Reason)
		if l.Peer == "" || len(l.Peer) > wire.PeerIDBytesMax || len(l.Remote) > wire.AddressBytesMax ||
			len(l.Reason) > reasonBytesMax {
			return refuse(RefusedFormat, "link",
				"it lacks a peer, or its peer, address or reason is longer than %d, %d and %d bytes",
				wire.PeerIDBytesMax, wire.AddressBytesMax, reasonBytesMax)
		}
	case ev.Control != nil:
		c := ev.Control
		in.bytes = len(c.Peer) + len(c.Caller) + len(c.Address) + len(c.Place) + len(c.Name) + len(c.Other)
		op, ok := controlOps[c.Op]
		if !ok {
			return refuse(RefusedUnknown, "control", "no call %q", cut(c.Op))
		}
		if want := e.checkMember(c); want != "" {
			return refuse(RefusedFormat, "control", "%s takes %s", c.Op, want)
		}
		if !aboutMembers(c.Op) && (c.Peer != "") != op.peer || (c.Address != "") != op.address ||
			max(len(c.Peer), len(c.Caller)) > wire.PeerIDBytesMax || len(c.Address) > wire.AddressBytesMax {
			return refuse(RefusedFormat, "control",
				"%s takes a peer: %v, and an address: %v, of at most %d and %d bytes",
				c.Op, op.peer, op.address, wire.PeerIDBytesMax, wire.AddressBytesMax)
		}
	case ev.Restarted != nil && ev.Restarted.Rules > CurrentRules:
		return refuse(RefusedUnknown, "restart", "it raises the node to rules %d, this release knows up to %d",
			ev.Restarted.Rules, CurrentRules)
	case ev.Restarted != nil && len(ev.Restarted.Proof) != 0 && len(ev.Restarted.Proof) != wire.ProofBytes:
		return refuse(RefusedFormat, "restart", "a proof of %d bytes, want %d", len(ev.Restarted.Proof),
			wire.ProofBytes)
	case ev.Restarted != nil && len(ev.Restarted.Limits) > 0:
		if _, err := e.limits.amended(ev.Restarted.Limits); err != nil {
			return refuse(RefusedUnknown, "restart", "%v", err)
		}
	case ev.AppAck != nil, ev.SendFailed != nil, ev.Restarted != nil, ev.Lifecycle != nil:
	default:
		return refuse(RefusedUnknown, "event", "it says nothing")
	}
	if e.st.ingressBytes+in.bytes > e.limits.IngressBytes {
		return refuse(RefusedFull, "event", "%d of %d bytes wait", e.st.ingressBytes, e.limits.IngressBytes)
	}
	return in, nil
}

// notText returns the first of some texts that is none, or "".
func notText(texts ...string) string {
	for _, s := range texts {
		if !value.IsText(s) {
			return s
		}
	}
	return ""
}

// admitEnvelope lets the governor decide before a byte beyond the header is decoded, then decodes under the caps.
func (e *Engine) admitEnvelope(ev *snapshot.EnvelopeEvent, in *ingress, fresh bool) error {
	from := wire.PeerID(ev.From)
	if err := e.st.governor.Admit(from); err != nil {
		return &RefusedError{Code: RefusedStranger, What: "envelope", Reason: err.Error()}
	}
	env := e.sc.envelope()
	if err := e.decode(ev, from, env, fresh); err != nil {
		e.sc.freeEnvelope(env)
		return err
	}
	in.env, in.bytes = env, len(ev.Raw)
	if e.rules(3) { // small values weigh more than their bytes
		in.bytes = max(in.bytes, fillBytes(env.Fills))
	}
	return nil
}

// decode reads an envelope, first its header, and its fills once the header was found to be meant for this node.
func (e *Engine) decode(ev *snapshot.EnvelopeEvent, from wire.PeerID, env *wire.Envelope, fresh bool) error {
	fills, err := wire.DecodeHeaderInto(env, ev.Raw, &e.limits.Wire, [2]wire.PeerID{from, e.st.self})
	if err != nil {
		code := RefusedFormat
		if _, newer := err.(*wire.VersionError); newer {
			code = RefusedVersion
		}
		return &RefusedError{Code: code, What: "envelope", Reason: err.Error()}
	}
	switch {
	case env.From != from:
		return &RefusedError{Code: RefusedAddress, What: "envelope", Reason: fmt.Sprintf("peer %s claims to be %s",
			from, env.From)}
	case env.To != e.st.self:
		return &RefusedError{Code: RefusedAddress, What: "envelope", Reason: fmt.Sprintf("it is for %s, this is %s",
			env.To, e.st.self)}
	case env.Notice.Refuses() && fresh && e.rules(2) && !e.somebody(from) && !e.st.streams.Owes(from):
		return &RefusedError{Code: RefusedStranger, What: "envelope",
			Reason: fmt.Sprintf("peer %s plays no place of the program: it has nothing to refuse", from)}
	case env.Notice.Refuses():
		return own(ev, env, &fills, fresh) // it travels alone, and need not be of the same artifact
	case env.Digest != e.prog.Digest:
		return &RefusedError{Code: RefusedDigest, What: "envelope",
			Reason: fmt.Sprintf("peer %s runs artifact %x, this is %x", from, env.Digest[:6], e.prog.Digest[:6])}
	}
	if fresh {
		if no := e.stranger(env); no != nil {
			return no
		}
	}
	if env.Fills, err = fills.DecodeInto(env.Fills, e.reg, &e.limits.Wire); err != nil {
		return &RefusedError{Code: RefusedFormat, What: "envelope", Reason: err.Error()}
	}
	if err := own(ev, env, &fills, fresh); err != nil {
		return err
	}
	e.readable(env)
	return nil
}

// own gives an envelope that was read whole its canonical form, before anything is counted by its bytes. One that is
// not fresh is of a snapshot, which holds no other.
func own(ev *snapshot.EnvelopeEvent, env *wire.Envelope, read *wire.Undecoded, fresh bool) error {
	if read.Foreign() && !fresh {
		return &RefusedError{Code: RefusedFormat, What: "envelope",
			Reason: "it is not in the canonical form, in which snapshots hold envelopes"}
	}
	ev.Raw = read.Canonical(env)
	return nil
}

// reasonBytesMax bounds what a transport says of why a link ended.
const reasonBytesMax = 256

// cut shortens what a caller wrote, for an error.
func cut(s string) string { return s[:min(len(s), 32)] }

// mayDeliver lets the governor decide about links, failed sends and calls, so that strangers cannot fill the journal
// with them.
func (e *Engine) mayDeliver(ev *Event) error {
	switch {
	case ev.Control != nil:
		if bad := e.mayControl(ev.Control); bad != nil {
			return bad
		}
	case ev.Link != nil:
		p := wire.PeerID(ev.Link.Peer)
		if err := e.st.governor.Admit(p); err != nil && (ev.Link.Up || !e.st.book.IsLinked(p)) {
			return &RefusedError{Code: RefusedStranger, What: "link", Reason: err.Error()}
		}
		if e.rules(2) && !e.somebody(p) && !e.st.book.IsLinked(p) && !e.st.streams.Owes(p) {
			return &RefusedError{Code: RefusedStranger, What: "link",
				Reason: "peer " + string(p) + " plays no place of the program: it is no member"}
		}
	}
	if no := e.ofNobody(ev); no != nil {
		return no
	}
	return nil
}

// invokes returns the function that the host calls by name, or nil.
func (e *Engine) invokes(name string) *program.Func {
	for i := range e.prog.Funcs {
		if f := &e.prog.Funcs[i]; f.Kind == program.KindInvoke && f.Label == name {
			return f
		}
	}
	return nil
}

// allTensors says whether v is a list of tensors only: tensors are shared by reference and not bound by the cap.
func allTensors(v value.Value) bool {
	l, ok := v.(*value.List)
	if !ok {
		return false
	}
	for _, it := range l.Items() {
		if it.Type() != value.TypeTensor {
			return false
		}
	}
	return true
}
