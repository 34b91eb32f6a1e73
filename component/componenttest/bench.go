package componenttest

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Bench is a node under test. It is thread-unsafe. A mistake in its use, such as an op that the Setup does not name,
// panics.
type Bench struct {
	setup *Setup
	cfg   node.Config
	n     *node.Node
	now   int64
	tag   int64
	log   []string // every output since it was last taken
	done  map[int64][]value.Value
	sent  []Sent
	fails []*value.Failure

	noting  bool // keep what is done in actions
	actions []action
	lenient bool // an input that the node refuses is no mistake
}

// Sent is a message that a component sent.
type Sent struct {
	To       wire.PeerID
	Op       string
	Values   []value.Value
	Numbered bool // applied once, not best effort
}

// Call is a call of an op: its outputs may come later.
type Call struct {
	b   *Bench
	tag int64
	// Failure is why the op failed at once, or nil.
	Failure *value.Failure
}

// New installs the node of a setup and lets it start.
func New(s *Setup) (*Bench, error) {
	cfg, err := s.config()
	if err != nil {
		return nil, err
	}
	n, err := node.Install(cfg)
	if err != nil {
		return nil, err
	}
	b := &Bench{setup: s, cfg: cfg, n: n, done: map[int64][]value.Value{}}
	b.run()
	return b, nil
}

// Restored returns a bench whose node was built from the snapshot of b's. What b was told before is not in it, but
// calls that wait in b can be looked at through Again.
func (b *Bench) Restored() (*Bench, error) {
	raw, err := b.n.Snapshot()
	if err != nil {
		return nil, err
	}
	n, err := node.Restored(b.cfg, raw)
	if err != nil {
		return nil, err
	}
	return &Bench{setup: b.setup, cfg: b.cfg, n: n, now: b.now, tag: b.tag, done: map[int64][]value.Value{}}, nil
}

// Snapshot returns the node's snapshot in its canonical form.
func (b *Bench) Snapshot() ([]byte, error) { return b.n.Snapshot() }

// Component returns the component in a slot.
func (b *Bench) Component(slot string) engine.Component { return b.n.Component(slot) }

// Counter returns the value of one of the node's counters.
func (b *Bench) Counter(name string) uint64 {
	for _, c := range b.n.Engine().Counters() {
		if c.Name == name {
			return c.Count
		}
	}
	return 0
}

// Invoke calls an op and runs the node until it rests.
func (b *Bench) Invoke(slot, method string, in ...value.Value) Call {
	b.did(action{kind: actCall, slot: slot, method: method, in: in})
	b.tag++
	failed := len(b.fails)
	b.deliver(&engine.Event{Invoke: &snapshot.InvokeEvent{
		Name: label(slot, method), Inputs: append([]value.Value{value.Int(b.tag)}, in...)}})
	b.run()
	c := Call{b: b, tag: b.tag}
	if len(b.fails) > failed {
		c.Failure = b.fails[failed]
	}
	return c
}

// Outputs returns the op's outputs, and whether they have come.
func (c Call) Outputs() ([]value.Value, bool) {
	out, ok := c.b.done[c.tag]
	return out, ok
}

// Again returns the same call as seen by a bench that was restored while it waited.
func (c Call) Again(restored *Bench) Call { return Call{b: restored, tag: c.tag} }

// Message gives a component a message of a peer and runs the node until it rests.
func (b *Bench) Message(slot string, from wire.PeerID, op string, in ...value.Value) {
	b.did(action{kind: actMessage, slot: slot, method: op, from: from, in: in})
	b.envelope(from, wire.Envelope{Fills: []wire.Fill{
		{Component: b.cfg.Program.ComponentOf(slot), Op: op, Value: value.NewList(in...)}}})
	b.run()
}

// Control does a call of the node's operator and runs the node until it rests.
func (b *Bench) Control(op string, p wire.PeerID, address string) {
	b.did(action{kind: actControl, from: p, text: op + " " + address})
	b.deliver(&engine.Event{Control: &snapshot.ControlEvent{Op: op, Peer: string(p), Address: address}})
	b.run()
}

// Admit makes a peer a member of the bench's place.
func (b *Bench) Admit(p wire.PeerID) {
	b.did(action{kind: actAdmit, from: p})
	b.member(&snapshot.ControlEvent{Op: engine.ControlAdmit, Peer: string(p), Place: b.setup.place()})
}

// Remove ends the membership of a peer.
func (b *Bench) Remove(p wire.PeerID) {
	b.did(action{kind: actRemove, from: p})
	b.member(&snapshot.ControlEvent{Op: engine.ControlRemove, Peer: string(p)})
}

// Replace puts a peer in the place of a member.
func (b *Bench) Replace(old, p wire.PeerID) {
	b.did(action{kind: actReplace, from: old, other: p})
	b.member(&snapshot.ControlEvent{Op: engine.ControlReplace, Peer: string(old), Other: string(p)})
}

func (b *Bench) member(c *snapshot.ControlEvent) {
	b.deliver(&engine.Event{Control: c})
	b.run()
}

// Renew lets a peer come back with a new epoch: it may have lost its memory.
func (b *Bench) Renew(from wire.PeerID, epoch uint64) {
	b.did(action{kind: actRenew, from: from, n: int64(epoch)})
	b.envelope(from, wire.Envelope{Incarnation: epoch, Epoch: epoch})
	b.run()
}

// Advance lets so many nanoseconds pass in small steps, so that each timer fires at its time.
func (b *Bench) Advance(ns int64) {
	b.did(action{kind: actAdvance, n: ns})
	until := b.now + ns
	for {
		out := b.run()
		if out == 0 || out > until {
			break
		}
		b.now = max(b.now, out)
	}
	b.now = until
	b.run()
}

// Sent returns the messages that were sent since the last call.
func (b *Bench) Sent() []Sent {
	s := b.sent
	b.sent = nil
	return s
}

// Failures returns the failures that reached the host since the last call: those of ops that nobody handled.
func (b *Bench) Failures() []*value.Failure {
	f := b.fails
	b.fails = nil
	return f
}

func (b *Bench) envelope(from wire.PeerID, env wire.Envelope) {
	env.Version, env.From, env.To, env.Digest, env.Edge = wire.PlainVersion, from, Self(), b.cfg.Program.Digest, -1
	if env.Epoch == 0 {
		env.Incarnation, env.Epoch = 1, 1
	}
	raw, err := wire.Append(nil, b.cfg.Values, &env)
	if err != nil {
		panic(fmt.Sprintf("componenttest: envelope: %v", err))
	}
	b.deliver(&engine.Event{Envelope: &snapshot.EnvelopeEvent{From: string(from), Raw: raw}})
}

func (b *Bench) deliver(ev *engine.Event) {
	err := b.n.Deliver(ev)
	var re *engine.RefusedError
	if b.setup.Closed && ev.Envelope != nil && errors.As(err, &re) && re.Code == engine.RefusedStranger {
		return // as a node whose members are known does
	}
	if err != nil && !(b.lenient && answer(err)) {
		panic(fmt.Sprintf("componenttest: %v", err))
	}
}

// run polls until nothing is left to do, doing what a host does, and returns when the node wants to be woken.
func (b *Bench) run() int64 {
	const pollsMax = 10000
	for range pollsMax {
		out := b.n.Poll(b.now)
		wake, more := out.Wake, out.More
		answers := b.take(out)
		for _, ev := range answers {
			b.deliver(ev)
		}
		if len(answers) == 0 && !more {
			return wake
		}
	}
	panic("componenttest: the node does not come to rest")
}

// take writes the outputs down and returns what the world answers.
func (b *Bench) take(out *engine.Output) (answers []*engine.Event) {
	for _, ev := range out.AppEvents {
		b.note("event", ev.Name, ev.Value)
		if f := value.Failed(ev.Value); f != nil {
			b.fails = append(b.fails, f)
		} else if l, ok := ev.Value.(*value.List); ok && l.Len() > 0 {
			if tag, ok := l.At(0).(value.Int); ok {
				b.done[int64(tag)] = l.Items()[1:]
			}
		}
		answers = append(answers, &engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: ev.Number}})
	}
	for _, packet := range out.Envelopes {
		env, err := wire.Decode(packet.Raw, b.cfg.Values, b.cfg.Limits.Wire)
		if err != nil {
			panic(fmt.Sprintf("componenttest: the node sent %v", err))
		}
		for _, f := range env.Fills {
			b.note("send "+string(env.To), f.Op, f.Value)
			if l, ok := f.Value.(*value.List); ok {
				b.sent = append(b.sent, Sent{env.To, f.Op, l.Items(), env.Number != 0})
			}
		}
		if env.Number != 0 {
			answers = append(answers, b.ack(env))
		}
	}
	for _, c := range out.Commands {
		b.log = append(b.log, "command "+c.Method)
		results, err := b.n.Work(c)
		for i := 0; err == nil && i < len(results); i++ {
			err = engine.Storable(b.cfg.Values, results[i]) // as a host does
		}
		if err != nil {
			f := value.AsFailure(err, c.Method).Clean()
			answers = append(answers, &engine.Event{CompletionFailed: &snapshot.CompletionFailedEvent{
				Command: c.ID, Failure: snapshot.FailureSnapshot{Code: f.Code, Where: f.Where, Message: f.Message}}})
			continue
		}
		done := &snapshot.PendingCompletionSnapshot{Command: c.ID}
		for i, v := range results {
			done.Results = append(done.Results, snapshot.NamedResult{Port: strconv.Itoa(i), Value: v})
		}
		answers = append(answers, &engine.Event{Completion: done})
	}
	return answers
}

// ack is the acknowledgement of a numbered envelope by its receiver.
func (b *Bench) ack(env *wire.Envelope) *engine.Event {
	raw, err := wire.Append(nil, b.cfg.Values, &wire.Envelope{
		Version: wire.PlainVersion, From: env.To, To: Self(), Digest: env.Digest, Edge: -1,
		Incarnation: 1, Epoch: 1, AckEpoch: env.Epoch, Ack: env.Number,
	})
	if err != nil {
		panic(fmt.Sprintf("componenttest: acknowledgement: %v", err))
	}
	return &engine.Event{Envelope: &snapshot.EnvelopeEvent{From: string(env.To), Raw: raw}}
}

// note writes an output down by its canonical bytes.
func (b *Bench) note(what, name string, v value.Value) {
	var raw []byte
	if v != nil {
		raw, _ = b.cfg.Values.Append(nil, v) // what an engine puts out, it can encode
	}
	b.log = append(b.log, fmt.Sprintf("%s %s %x", what, name, raw))
}
