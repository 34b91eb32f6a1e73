package restores

import (
	"bytes"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// world is two nodes and what is under way between them, driven by a schedule.
type world struct {
	nodes     []*walker
	net       []packet
	now       int64
	restoring bool
	restores  int
	err       error // the first thing that went wrong
}

type packet struct {
	from, to wire.PeerID
	raw      []byte
}

// Outputs are kept apart by kind: a Poll that was cut in two puts out the same of each, in the same order.
const (
	logPackets = iota
	logEvents
	logCommands
	logTrace
	logPolls
	logKinds
)

var logNames = [logKinds]string{"packets", "app events", "commands", "trace", "answers to the host"}

// walker is one node and what it has put out.
type walker struct {
	w        *world
	cfg      node.Config
	node     *node.Node
	log      [logKinds]bytes.Buffer
	commands []engine.Command
	events   uint64 // number of the last app event
}

// leave is what AfterOp panics with, to leave a Poll in its middle.
type leave struct{}

func newWorld(parts []*program.Program, restoring bool) (*world, error) {
	w := &world{restoring: restoring}
	cat := node.NewCatalogue()
	for _, c := range parts[0].Components {
		if err := cat.Register(c.Role, c.Kind, c.Version, func(node.Env) (engine.Component, error) {
			return &probe{},
				nil
		}); err != nil {
			return nil, err
		}
	}
	limits := engine.DefaultLimits()
	limits.OpsPerPoll, limits.QueueLength, limits.OutboxEnvelopes = 7, 3, 6
	limits.AppEvents, limits.PendingCommands, limits.FailuresToDown = 5, 4, 2
	for i, p := range parts {
		n := &walker{w: w, cfg: node.Config{
			Program: p, Catalogue: cat, Values: value.NewRegistry(), Self: peerID(i), Seed: 7, Limits: limits,
			Trace: true, Anyone: p.Places(),
			Targets: map[string][]wire.PeerID{"other": {peerID(1 - i)}},
		}}
		if restoring {
			n.cfg.AfterOp = func() { panic(leave{}) }
		}
		var err error
		if n.node, err = node.Install(n.cfg); err != nil {
			return nil, err
		}
		w.nodes = append(w.nodes, n)
	}
	return w, nil
}

func peerID(i int) wire.PeerID { return wire.PeerID(fmt.Sprintf("node%d", i)) }

func (w *world) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// reborn replaces the node by one that is built from its bytes, and that must give the same bytes.
func (n *walker) reborn() {
	before, err := n.node.Snapshot()
	if err != nil {
		n.w.fail(err)
		return
	}
	next, err := node.Restored(n.cfg, before)
	if err != nil {
		n.w.fail(fmt.Errorf("restore %d: %w", n.w.restores, err))
		return
	}
	n.node = next
	n.w.restores++
	if after, err := next.Snapshot(); err != nil || !bytes.Equal(before, after) {
		n.w.fail(fmt.Errorf("restore %d: the restored node's snapshot differs (%v)", n.w.restores, err))
	}
}

// poll runs one Poll to its end, through any number of rebirths.
func (n *walker) poll() (more bool) {
	for n.w.err == nil {
		out, whole := n.tryPoll()
		n.take(out)
		if whole {
			if err := n.node.Engine().Audit(); err != nil {
				n.w.fail(err)
			}
			fmt.Fprintf(&n.log[logPolls], "wake %d more %v\n", out.Wake, out.More)
			return out.More
		}
		n.reborn()
	}
	return false
}

func (n *walker) tryPoll() (out *engine.Output, whole bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(leave); !ok {
				panic(p)
			}
			out, whole = n.node.Engine().Unfinished(), false
		}
	}()
	return n.node.Poll(n.w.now), true
}

func (n *walker) take(out *engine.Output) {
	for _, p := range out.Envelopes {
		fmt.Fprintf(&n.log[logPackets], "%s %x\n", p.To, p.Raw)
		n.w.net = append(n.w.net, packet{n.cfg.Self, p.To, p.Raw})
	}
	for _, ev := range out.AppEvents {
		b, err := n.cfg.Values.Append(nil, ev.Value)
		if err != nil {
			n.w.fail(err)
		}
		fmt.Fprintf(&n.log[logEvents], "%d %s %s %x\n", ev.Number, ev.Name, ev.Value.Type(), b)
		n.events = max(n.events, ev.Number)
	}
	for _, c := range out.Commands {
		fmt.Fprintf(&n.log[logCommands], "%d %s\n", c.ID, c.Method)
		n.commands = append(n.commands, c)
	}
	for _, tr := range out.Trace {
		fmt.Fprintf(&n.log[logTrace], "%d %s %d %s %s\n", tr.At, tr.Kind, tr.Exec, tr.Op, tr.Text)
	}
}

func (n *walker) deliver(ev *engine.Event) {
	if n.w.err != nil {
		return
	}
	if err := n.node.Deliver(ev); err != nil {
		fmt.Fprintf(&n.log[logPolls], "refused %v\n", err)
	}
	if n.w.restoring {
		n.reborn() // between acceptance and processing, too
	}
}

// act does one step of a schedule.
func (w *world) act(st programs.Step) {
	n := w.nodes[st.A%len(w.nodes)]
	switch st.Kind {
	case 0:
		n.deliver(&engine.Event{Invoke: &snapshot.InvokeEvent{Name: "call", Inputs: []value.Value{value.Int(st.B),
			value.String("in")}}})
	case 1:
		w.now += int64(st.B % 50)
		if st.B%10 == 0 {
			w.now += 1e9 // beyond a resend
		}
	case 2, 3, 4:
		w.carry(st)
	case 5:
		if len(n.commands) > 0 {
			i := st.B % len(n.commands)
			n.complete(n.commands[i])
			if st.A%5 != 0 { // else it will complete twice
				n.commands = append(n.commands[:i:i], n.commands[i+1:]...)
			}
		}
	case 6:
		n.deliver(&engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: n.events}})
	case 7:
		n.deliver(&engine.Event{Lifecycle: &snapshot.LifecycleEvent{Phase: engine.PhaseSnapshot}})
	case 8:
		n.deliver(&engine.Event{SendFailed: &snapshot.SendFailedEvent{Peer: string(peerID((st.A + 1) % 2)),
			Reason: "gone"}})
	case 9:
		n.deliver(&engine.Event{Restarted: &snapshot.RestartedEvent{Incarnation: n.node.Engine().Incarnation() + 1,
			NewEpoch: st.B%2 == 0}})
	}
	n.poll()
}

// carry delivers, loses or doubles a packet.
func (w *world) carry(st programs.Step) {
	if len(w.net) == 0 {
		return
	}
	i := st.B % len(w.net)
	p := w.net[i]
	if st.Kind != 4 {
		w.net = append(w.net[:i:i], w.net[i+1:]...)
	}
	if st.Kind != 3 || st.A%3 != 0 {
		w.to(p)
	}
}

func (w *world) to(p packet) {
	for _, n := range w.nodes {
		if n.cfg.Self == p.to {
			n.deliver(&engine.Event{Envelope: &snapshot.EnvelopeEvent{From: string(p.from), Raw: p.raw}})
			n.poll()
		}
	}
}

func (n *walker) complete(c engine.Command) {
	out, err := n.node.Work(c)
	if err != nil {
		f := snapshot.FailureSnapshot{Code: value.CodeError, Where: "worker", Message: err.Error()}
		n.deliver(&engine.Event{CompletionFailed: &snapshot.CompletionFailedEvent{Command: c.ID, Failure: f}})
		return
	}
	ev := &snapshot.PendingCompletionSnapshot{Command: c.ID, Digest: c.ID}
	for _, v := range out {
		ev.Results = append(ev.Results, snapshot.NamedResult{Port: "out", Value: v})
	}
	n.deliver(&engine.Event{Completion: ev})
}

// settle lets everything that is under way come to its end, as far as it can.
func (w *world) settle(rounds int) {
	for range rounds {
		w.now += 1000
		for _, n := range w.nodes {
			n.deliver(&engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: n.events}})
			commands := n.commands
			n.commands = nil
			for _, c := range commands {
				n.complete(c)
			}
			for range 20 { // bounded: a program may publish to itself for ever
				if !n.poll() {
					break
				}
			}
		}
		net := w.net
		w.net = nil
		for _, p := range net {
			w.to(p)
		}
	}
}
