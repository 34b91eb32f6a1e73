package engine

import (
	"bytes"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/prove/programs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// world is two nodes and the network between them, driven by a schedule. In restoring mode every op is followed by a
// snapshot, and a new engine that was restored from it goes on, in the middle of the Poll.
type world struct {
	t         tb
	nodes     []*testNode
	net       []netPacket
	now       int64
	restoring bool
	restores  int
	onReborn  func(before, after *Engine) // told of each restore
	past      *uint32                     // the rules by which the nodes go; nil for those of this release
}

type netPacket struct {
	from, to wire.PeerID
	raw      []byte
}

type testNode struct {
	w        *world
	cfg      Config
	e        *Engine
	log      outputLog
	commands []Command
	events   uint64 // number of the last app event
	crowded  bool   // see crowd
}

// outputLog keeps each kind of output apart: a Poll that was cut in two gives the same of each, in the same order.
type outputLog struct{ packets, app, controls, peers, commands, trace, polls bytes.Buffer }

func (l *outputLog) String() string {
	return l.packets.String() + l.app.String() + l.controls.String() + l.peers.String() + l.commands.String() +
		l.trace.String() + l.polls.String()
}

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// aftermath is what the test panics with to leave a Poll in its middle.
type aftermath struct{}

func newWorld(t tb, progs []*program.Program, restoring bool) *world {
	w := &world{t: t, restoring: restoring}
	for i, p := range progs {
		cfg := testConfig(p)
		cfg.Self = wire.PeerID(fmt.Sprintf("node%d", i))
		cfg.Limits.OpsPerPoll = 7
		cfg.Limits.QueueLength = 3
		cfg.Limits.OutboxEnvelopes = 6
		cfg.Limits.PeerEnvelopes = 5
		if lends(p) && i == 1 {
			cfg.Limits.PeerEnvelopes = 2 // there is no room to ask for chunks, now and then
		}
		cfg.Limits.IngressEvents = 12
		cfg.Limits.AppEvents = 5
		cfg.Limits.PendingCommands = 4
		cfg.Limits.FailuresToDown = 2
		cfg.Targets = map[string][]wire.PeerID{"other": {wire.PeerID(fmt.Sprintf("node%d", 1-i))}}
		cfg.Trace = true
		n := &testNode{w: w, cfg: cfg}
		if restoring {
			n.cfg.AfterOp = func() { panic(aftermath{}) }
		}
		n.cfg.Components = probes(p)
		e, err := New(n.cfg)
		if err != nil {
			t.Fatal(err)
		}
		n.use(e)
		if i > 0 && !lends(p) { // begun by an earlier release, until its first restart; no such one borrows
			e.Adopt(0)
		}
		w.nodes = append(w.nodes, n)
	}
	return w
}

// use has the node go on as an engine, be it new or restored: what tests change of one that no snapshot holds is the
// same of both.
func (n *testNode) use(e *Engine) {
	if n.e = e; lends(n.cfg.Program) {
		e.m.SpendFrom(64) // so that what was read leaves its slot
	}
}

// lends says whether a program of package programs lends: its first edge does, then.
func lends(p *program.Program) bool { return len(p.Edges) > 0 && p.Edges[0].Chunk > 0 }

func probes(p *program.Program) []Component {
	var out []Component
	for range p.Components {
		out = append(out, &probe{})
	}
	return out
}

// encode is the canonical form of a whole test node: engine and components.
func (n *testNode) encode() []byte {
	t, err := n.e.Snapshot()
	if err != nil {
		n.w.t.Fatal(err)
	}
	s := &snapshot.NodeSnapshot{Incarnation: n.e.Incarnation(), Transient: *t}
	for _, c := range n.e.comps {
		b, err := snapshot.Marshal(n.cfg.Registry, c.State())
		if err != nil {
			n.w.t.Fatal(err)
		}
		s.Components = append(s.Components, snapshot.ComponentSnapshot{State: snapshot.Raw(b)})
	}
	b, err := snapshot.Marshal(n.cfg.Registry, s)
	if err != nil {
		n.w.t.Fatal(err)
	}
	return b
}

// reborn replaces the engine by one that was restored from its snapshot, and checks that it cannot be told apart.
func (n *testNode) reborn() {
	b := n.encode()
	audit(n.w.t, n.e)
	var s snapshot.NodeSnapshot
	if err := snapshot.Unmarshal(b, &s, n.cfg.Registry, snapshot.DefaultLimits()); err != nil {
		n.w.t.Fatalf("decode: %v", err)
	}
	cfg := n.cfg
	cfg.Components = probes(cfg.Program)
	for i, c := range cfg.Components {
		if err := s.Components[i].State.Decode(c.State(), cfg.Registry, snapshot.DefaultLimits()); err != nil {
			n.w.t.Fatal(err)
		}
	}
	e, err := Restore(cfg, s.Incarnation, &s.Transient)
	if err != nil {
		n.w.t.Fatalf("restore: %v", err)
	}
	if n.w.onReborn != nil {
		n.w.onReborn(n.e, e)
	}
	n.use(e)
	n.crowd(n.crowded)
	n.w.restores++
	if again := n.encode(); !bytes.Equal(b, again) {
		n.w.t.Fatalf("the snapshot of the restored node differs: %d and %d bytes", len(b), len(again))
	}
	audit(n.w.t, n.e)
}

// poll runs one Poll to its end, through any number of rebirths.
func (n *testNode) poll() *Output {
	for {
		out, whole := n.tryPoll()
		n.take(out)
		if whole {
			fmt.Fprintf(&n.log.polls, "wake %d more %v\n", out.Wake, out.More)
			return out
		}
		n.reborn()
	}
}

func (n *testNode) tryPoll() (out *Output, whole bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(aftermath); !ok {
				panic(p)
			}
			out, whole = n.e.out, false
		}
	}()
	return n.e.Poll(n.w.now), true
}

func (n *testNode) take(out *Output) {
	for _, p := range out.Envelopes {
		fmt.Fprintf(&n.log.packets, "packet %s %x\n", p.To, p.Raw)
		n.w.net = append(n.w.net, netPacket{n.e.st.self, p.To, p.Raw})
	}
	for _, ev := range out.AppEvents {
		b, _ := n.cfg.Registry.Append(nil, ev.Value)
		fmt.Fprintf(&n.log.app, "app %d %s %s %x\n", ev.Number, ev.Name, ev.Value.Type(), b)
		n.events = max(n.events, ev.Number)
	}
	for _, c := range out.Commands {
		fmt.Fprintf(&n.log.commands, "command %d %s\n", c.ID, c.Method)
		n.commands = append(n.commands, c)
	}
	for _, r := range out.Controls {
		fmt.Fprintf(&n.log.controls, "control %+v\n", r)
	}
	for _, p := range out.Peers {
		fmt.Fprintf(&n.log.peers, "peer %s %s %s %q %d\n", p.Kind, p.Peer, p.Reason, p.Addresses, p.Seen)
	}
	for _, tr := range out.Trace {
		fmt.Fprintf(&n.log.trace, "trace %d %s %d %s %s\n", tr.At, tr.Kind, tr.Exec, tr.Op, tr.Text)
	}
}

func (n *testNode) deliver(ev *Event) {
	if err := n.e.Deliver(ev); err != nil {
		fmt.Fprintf(&n.log.polls, "refused %v\n", err)
	}
	if n.w.restoring {
		n.reborn() // between acceptance and processing, too
	}
}

// act does one step of a schedule; a and b choose among what there is.
func (w *world) act(kind, a, b int) {
	n := w.nodes[a%len(w.nodes)]
	other := w.nodes[(a+1)%len(w.nodes)]
	switch kind {
	case 0:
		for i := range n.cfg.Program.Funcs {
			if f := &n.cfg.Program.Funcs[i]; f.Kind == program.KindInvoke {
				n.deliver(&Event{Invoke: &snapshot.InvokeEvent{Name: f.Label, Inputs: []value.Value{value.Int(b),
					value.String("in")}[:f.Inputs]}})
				break
			}
		}
	case 1:
		w.now += int64(b % 50)
		if b%10 == 0 {
			w.now += 1e9 // beyond a resend
		}
		n.poll()
	case 2, 3, 4:
		if len(w.net) == 0 {
			break
		}
		i := b % len(w.net)
		p := w.net[i]
		if kind != 4 {
			w.net = append(w.net[:i:i], w.net[i+1:]...)
		}
		if kind == 3 && a%3 == 0 {
			break // lost
		}
		w.to(p)
	case 5:
		if len(n.commands) == 0 {
			break
		}
		i := b % len(n.commands)
		n.complete(n.commands[i])
		if a%5 != 0 { // else it will complete twice
			n.commands = append(n.commands[:i:i], n.commands[i+1:]...)
		}
	case 6:
		n.deliver(&Event{AppAck: &snapshot.AppAckEvent{UpTo: n.events}})
	case 7:
		n.deliver(&Event{Lifecycle: &snapshot.LifecycleEvent{Phase: PhaseSnapshot}})
	case 8:
		n.deliver(&Event{SendFailed: &snapshot.SendFailedEvent{Peer: string(w.nodes[(a+1)%2].e.st.self),
			Reason: "gone"}})
	case 9:
		n.deliver(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: n.e.Incarnation() + 1, NewEpoch: b%2 == 0,
			Rules: uint32(b/2%2) * w.newest()}})
		n.poll()
	}
	switch k := kind - programs.StepKinds; {
	case k >= linkSteps:
		n.noticed(k-linkSteps, b)
	case k >= 0:
		n.link(k, other.e.st.self, a, b)
	}
	n.poll()
}

// newest returns the rules to which a restart raises a node.
func (w *world) newest() uint32 {
	if w.past != nil {
		return *w.past
	}
	return CurrentRules
}

// noticeSteps is how many kinds of actions noticed has.
const noticeSteps = 4

// noticed does one step that has to do with notices between nodes.
func (n *testNode) noticed(kind, b int) {
	w := n.w
	other := w.nodes[0]
	if n == other {
		other = w.nodes[1]
	}
	switch kind {
	case 0: // a zombie of the other node, or its word that this one is a zombie
		life := other.e.Incarnation() - uint64(b%2)
		notice := wire.Notice{}
		if b%3 == 0 {
			notice = wire.Notice{Kind: wire.NoticeStale, Seen: n.e.Incarnation() + uint64(b%4)}
		}
		w.to(n.from(other, life, notice))
	case 1:
		w.to(n.from(other, other.e.Incarnation(), wire.Notice{Kind: wire.NoticePressure, Level: 80,
			Hold: int64(b)*2e8 + 1}))
	case 2:
		n.crowd(b%2 == 0)
	case 3: // data that waits while the node is crowded, longer and longer
		for range 1 + b%6 {
			p := n.from(other, other.e.Incarnation(), wire.Notice{}, wire.Fill{Op: "hello", Value: value.Int(b)})
			n.deliver(&Event{Envelope: &snapshot.EnvelopeEvent{From: string(p.from), Raw: p.raw}})
		}
		w.now += int64(b%4) * 3e8
	}
}

// from makes a packet from another node that is not numbered, as if that node's engine had put it out.
func (n *testNode) from(other *testNode, life uint64, notice wire.Notice, fills ...wire.Fill) netPacket {
	self, to := other.e.st.self, n.e.st.self
	env := &wire.Envelope{
		Version: wire.CurrentVersion, From: self, To: to, Digest: n.e.prog.Digest, Incarnation: life,
		Epoch: other.e.st.epoch, Edge: -1,
		Notice: notice, Fills: fills,
	}
	raw, err := wire.Append(nil, n.cfg.Registry, env)
	if err != nil {
		n.w.t.Fatal(err)
	}
	return netPacket{self, to, raw}
}

// strain has a node told thrice to hold data back that goes on, and a peer that answers for a while and then no more:
// what chance brings about too seldom.
func (n *testNode) strain(other *testNode) {
	data := func(count int) {
		for range count {
			p := n.from(other, other.e.Incarnation(), wire.Notice{}, wire.Fill{Op: "hello", Value: value.Int(count)})
			n.deliver(&Event{Envelope: &snapshot.EnvelopeEvent{From: string(p.from), Raw: p.raw}})
		}
		n.poll()
		n.w.now += 6e8
	}
	n.crowd(true)
	for _, count := range []int{9, 1, 1, 1} {
		data(count)
	}
	if n.e.rules(3) && len(n.e.st.ingress) > 0 { // new limits wait for those that wait
		next := *n.e.st.limits
		next.RecordEntries++
		n.deliver(&Event{Restarted: &snapshot.RestartedEvent{Incarnation: n.e.Incarnation() + 1, Rules: CurrentRules,
			Limits: n.e.RestartLimits(next)}})
		n.poll()
	}
	n.reborn()
	n.crowd(false)
	data(0)
	s, p := n.e.st.streams, other.e.st.self
	for i := range 10 {
		env := &wire.Envelope{Version: wire.PlainVersion, From: n.e.st.self, To: p, Digest: n.e.prog.Digest, Edge: -1}
		if err := s.PushUntil(env, 0, false, n.e.m.Now(), n.e.m.Random); err != nil {
			return
		}
		if i < 9 {
			s.Ack(p, env.Epoch, env.Number, n.e.m.Now())
			s.Received(p, true, n.e.m.Now())
		}
	}
	if n.e.rules(3) {
		for _, to := range []wire.PeerID{p, "another"} {
			env := &wire.Envelope{Version: wire.PlainVersion, From: n.e.st.self, To: to, Digest: n.e.prog.Digest,
				Edge: -1, Fills: []wire.Fill{{Op: "x", Value: value.Int(1)}}}
			s.PushFan(env, 1<<40, 0, false, n.e.m.Now(), n.e.m.Random)
		}
	}
	n.w.now += 4e9
	n.poll()
	n.reborn()
}

// relive has a node begin lives of which the last takes over, and hear lives of a peer: two in one epoch, one in the
// next, and a directory that went back.
func (n *testNode) relive(other *testNode) {
	proof := bytes.Repeat([]byte{7}, wire.ProofBytes)
	n.deliver(&Event{Restarted: &snapshot.RestartedEvent{First: true, Start: 5, Proof: proof}})
	n.deliver(&Event{Restarted: &snapshot.RestartedEvent{Takeover: true, Incarnation: n.e.Incarnation() + 1, Start: 9,
		Proof: proof}})
	n.poll()
	s, p := n.e.st.streams, other.e.st.self
	if n.e.rules(2) {
		inc, _, _ := s.Seen(p)
		for life := range uint64(4) {
			epoch := uint64(1)<<40 + life/2
			s.Accept(&wire.Envelope{From: p, Incarnation: inc + 1 + life, Epoch: epoch, Number: 1 + life%2,
				Start: 100 + life, Before: 1, Proof: proof})
		}
		hear := func(life, epoch, number, before uint64, earlier ...wire.Life) {
			if _, err := s.Accept(&wire.Envelope{
				From: p, Incarnation: inc + 4 + life, Epoch: 1<<40 + 2 + epoch, Number: number, Base: number,
				Start: 100 + 10*life, Before: before,
				Proof: proof, Greets: true, Lives: earlier,
			}); err != nil {
				panic(err)
			}
		}
		hear(1, 0, 1, 0)
		hear(2, 0, 2, 1, wire.Life{Start: 115, Before: 1})
		hear(3, 1, 9, 0)
		hear(4, 1, 10, 9)
		s.Push(&wire.Envelope{Version: wire.PlainVersion, From: n.e.st.self, To: p, Digest: n.e.prog.Digest, Edge: -1},
			n.w.now, n.e.m.Random)
		const lives = wire.LivesMax + 2 // which p does not hear
		for life := range uint64(lives) {
			s.Greet(n.w.now)
			s.SetStart(1000 + life)
			s.Begun()
		}
		s.Recall(p, 1001)
		s.SetStart(n.e.st.start)
		s.Accept(&wire.Envelope{From: "of an earlier release", Incarnation: 1, Epoch: 1})
		s.Introduce("of an earlier release", true, n.w.now)
		s.Due(s.NextResend(), n.e.m.Random)
		s.Doubt(p, n.w.now)
	}
	n.reborn()
}

// crowd leaves a node without room for new activations, or with room again.
func (n *testNode) crowd(on bool) {
	n.crowded = on
	n.e.bound(n.e.st.limits)
	if on {
		none := *n.e.st.limits
		none.SlotBytes = -1 // no limit that could be said: it does not get into the State
		n.e.bound(&none)
	}
}

func (w *world) to(p netPacket) {
	for _, n := range w.nodes {
		if n.e.st.self == p.to {
			n.deliver(&Event{Envelope: &snapshot.EnvelopeEvent{From: string(p.from), Raw: p.raw}})
			n.poll()
		}
	}
}

func (n *testNode) complete(c Command) {
	comp := n.e.comps[c.Component].(Worker)
	out, err := comp.Work(c.Method, c.Inputs)
	if err != nil {
		n.deliver(&Event{CompletionFailed: &snapshot.CompletionFailedEvent{Command: c.ID,
			Failure: snapshot.FailureSnapshot{Code: value.CodeError, Where: "worker", Message: err.Error()}}})
		return
	}
	ev := &snapshot.PendingCompletionSnapshot{Command: c.ID, Digest: c.ID}
	for _, v := range out {
		ev.Results = append(ev.Results, snapshot.NamedResult{Port: "out", Value: v})
	}
	n.deliver(&Event{Completion: ev})
}

// settle lets everything that is under way come to its end, as far as it can.
func (w *world) settle(rounds int) {
	for _, n := range w.nodes {
		n.crowd(false)
	}
	for range rounds {
		w.now += 1000
		for _, n := range w.nodes {
			n.deliver(&Event{AppAck: &snapshot.AppAckEvent{UpTo: n.events}})
			commands := n.commands
			n.commands = nil
			for _, c := range commands {
				n.complete(c)
			}
			for range 20 { // bounded: a program may publish to itself for ever
				if !n.poll().More {
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

// audit recomputes what is derived and holds it against the running figures: every charge has its release (trap
// unequal-charge).
func audit(t tb, e *Engine) {
	t.Helper()
	if err := e.Audit(); err != nil {
		t.Fatal(err)
	}
}
