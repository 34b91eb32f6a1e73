package node_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// compiled is a choreography that went the whole way from the author's lines to an artifact.
func compiled(t testing.TB, g *graph.Graph) *compile.Artifact {
	t.Helper()
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := compile.Compile(m, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// methods are what the kinds bring.
var methods = map[string][]graph.Method{
	aggregator.Kind: aggregator.Methods(), data.Kind: data.Methods(), model.Kind: model.Methods(),
	registry.Kind: registry.Methods(),
	rounds.Kind:   rounds.Methods(), selector.Kind: selector.Methods(),
}

// federated is a small federated job: two rounds over two clients with every component that is built in.
func federated(t testing.TB) *compile.Artifact {
	t.Helper()
	g := graph.New("federated")
	server, clients := g.Place("server"), g.Place("clients")
	both, home := []graph.Place{server, clients}, []graph.Place{server}
	slot := func(name, role, kind string, at []graph.Place, config map[string]any, deps ...*graph.Slot) *graph.Slot {
		return g.Component(graph.Component{Name: name, Role: role, Kind: kind, At: at, Config: config, Deps: deps,
			Methods: methods[kind]})
	}
	slot("backend", "backend", "cpu", both, map[string]any{})
	model := slot("model", "model", "onnx", home, map[string]any{"mlp": []int{64, 4, 10}})
	data := slot("data", "data", "digits", both, map[string]any{"partitions": 2, "batch": 32, "epochs": 1})
	registry := slot("registry", "protocol", "registry", both, map[string]any{"min": 2}, data)
	selector := slot("selector", "selector", "uniform", home, map[string]any{}, registry)
	rounds := slot("rounds", "protocol", "rounds", home, map[string]any{})
	aggregator := slot("aggregator", "aggregator", "fedavg", home, map[string]any{"model": "model"}, rounds, registry,
		model)
	params := types.ListOf(types.Tensors(tensor.Float32, 64, 4), types.Tensors(tensor.Float32, 4),
		types.Tensors(tensor.Float32, 4, 10), types.Tensors(tensor.Float32, 10))

	none := g.Constant(value.NewList())
	last := g.At(server).Loop(g.Constant(value.Int(2)), []graph.Value{none}, func(b *graph.Graph, i graph.Value,
		_ []graph.Value) []graph.Value {
		cohort := b.Invoke(selector, "Sample", b.Invoke(registry, "Await", i)[0], i)[0]
		opened := b.Invoke(rounds, "Open", i, cohort)[0]
		asked := b.Request(graph.Edge{To: clients}, cohort, i, i, b.Invoke(model, "Parameters", opened)[0])

		begun := b.Invoke(data, "Begin", asked.Value(0))
		trained := b.Loop(begun[1], b.Unbundle(b.Typed(asked.Value(1), params), 4),
			func(b *graph.Graph, step graph.Value, carried []graph.Value) []graph.Value {
				xy := b.Invoke(data, "NextBatch", step)
				x, y := b.Typed(xy[0], types.Tensors(tensor.Float32, -1, 64)),
					b.Typed(xy[1], types.Tensors(tensor.Int64, -1))
				p := make([]graph.Value, len(carried))
				for k := range p {
					p[k] = b.Typed(carried[k], params.Items[k])
				}
				h := b.Relu(b.Add(b.MatMul(x, p[0]), p[1]))
				grads := b.Gradient(b.CrossEntropy(b.Add(b.MatMul(h, p[2]), p[3]), y), p...)
				next := make([]graph.Value, len(p))
				for k := range p {
					next[k] = b.Sub(p[k], grads[k])
				}
				return next
			})
		answer := b.Reply(asked, graph.Edge{}, b.Bundle(trained...), begun[0])
		b.Count("contributions", b.Invoke(aggregator, "Contribute", answer.Context(), answer.Sender(), answer.Value(0),
			answer.Value(1))[0])

		members := b.Invoke(rounds, "Await", i, opened)[0]
		mean := b.Invoke(aggregator, "Aggregate", i, members)[0]
		loaded := b.Invoke(model, "LoadParameters", mean)[0]
		return []graph.Value{b.Gate(b.Bundle(i, members, mean), b.AppEmit("round", b.Gate(i, loaded)))}
	})
	g.AppEmit("done", last[0])
	return compiled(t, g)
}

// net is a few nodes of one artifact and the network between them, in one thread and virtual time.
type net struct {
	t       testing.TB
	members []*member
	packets []packet
	now     int64
	steps   int

	onPacket func(p *packet) // for what leaves a node

	onStep func(m *member) // before each poll of a node, and between the acceptance of an input and its processing
}

type packet struct {
	from wire.PeerID
	engine.Packet
}

// member is one node and everything that left it.
type member struct {
	n      *node.Node
	cfg    node.Config
	log    bytes.Buffer
	events map[string][]value.Value
	told   uint64
	wake   int64
	more   bool
	inputs []*engine.Event

	fail func(part string) error // see node.Config.FailRestore
}

// newNet installs a node for each place that is named; the first is the target of the others.
func newNet(t testing.TB, a *compile.Artifact, places ...string) *net {
	t.Helper()
	cat := node.NewCatalogue()
	if err := builtin.Register(cat); err != nil {
		t.Fatal(err)
	}
	w := &net{t: t}
	for i, place := range places {
		p, err := program.Load(a.Model, place)
		if err != nil {
			t.Fatal(err)
		}
		m := &member{events: map[string][]value.Value{}, more: true}
		m.cfg = node.Config{
			Program: p, Artifact: a.Model, Catalogue: cat, Values: value.NewRegistry(), Self: peerName(i), Seed: 11,
			Limits: engine.DefaultLimits(), Anyone: []string{"clients"},
			FailRestore: func(part string) error {
				if m.fail == nil {
					return nil
				}
				return m.fail(part)
			},
		}
		m.cfg.Limits.OpsPerPoll = 3 // so that there are many points between two Polls
		if i > 0 {
			m.cfg.Targets = map[string][]wire.PeerID{places[0]: {peerName(0)}}
			if p.ComponentOf("data") != program.None {
				m.cfg.Options = map[string][]byte{"data": fmt.Appendf(nil, `{"partition":%d}`, i-1)}
			}
		}
		if m.n, err = node.Install(m.cfg); err != nil {
			t.Fatal(err)
		}
		w.members = append(w.members, m)
	}
	return w
}

func peerName(i int) wire.PeerID { return wire.PeerID("node" + strconv.Itoa(i)) }

// run goes on until the first node has told the event, or nothing is under way.
func (w *net) run(until string) {
	w.t.Helper()
	for w.members[0].events[until] == nil {
		if w.steps++; w.steps > 20000 {
			w.t.Fatalf("no event %q: virtual time %d", until, w.now)
		}
		busy := len(w.packets) > 0
		packets := w.packets
		w.packets = nil
		for _, p := range packets {
			for i, m := range w.members {
				if peerName(i) == p.To {
					m.inputs = append(m.inputs,
						&engine.Event{Envelope: &snapshot.EnvelopeEvent{From: string(p.from), Raw: p.Raw}})
				}
			}
		}
		for _, m := range w.members {
			if m.more || len(m.inputs) > 0 || m.wake != 0 && m.wake <= w.now {
				busy = true
				w.poll(m)
			}
		}
		if !busy && !w.advance() {
			return
		}
	}
}

// advance moves the clock to the next wake-up.
func (w *net) advance() bool {
	next := int64(0)
	for _, m := range w.members {
		if m.wake != 0 && (next == 0 || m.wake < next) {
			next = m.wake
		}
	}
	w.now = max(w.now, next)
	return next != 0
}

func (w *net) poll(m *member) {
	inputs := m.inputs
	m.inputs = nil
	for _, ev := range inputs {
		if err := m.n.Deliver(ev); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.onStep != nil {
		w.onStep(m)
	}
	out := m.n.Poll(w.now)
	m.wake, m.more = out.Wake, out.More
	for _, p := range out.Envelopes {
		fmt.Fprintf(&m.log, "packet %s %x\n", p.To, p.Raw)
		w.packets = append(w.packets, packet{m.cfg.Self, p})
		if w.onPacket != nil {
			w.onPacket(&w.packets[len(w.packets)-1])
		}
	}
	for _, ev := range out.AppEvents {
		if ev.Number <= m.told {
			continue // told again after a restart
		}
		b, err := m.cfg.Values.Append(nil, ev.Value)
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Fprintf(&m.log, "event %d %s %x\n", ev.Number, ev.Name, b)
		m.events[ev.Name] = append(m.events[ev.Name], ev.Value)
		m.told = ev.Number
		m.inputs = append(m.inputs, &engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: ev.Number}})
	}
	for _, c := range out.Commands {
		m.inputs = append(m.inputs, w.complete(m, c))
	}
}

// complete does the work of a command.
func (w *net) complete(m *member, c engine.Command) *engine.Event {
	out, err := m.n.Work(c)
	if err != nil {
		w.t.Fatalf("%s: %v", c.Method, err)
	}
	done := &snapshot.PendingCompletionSnapshot{Command: c.ID}
	for i, v := range out {
		done.Results = append(done.Results, snapshot.NamedResult{Port: strconv.Itoa(i), Value: v})
	}
	return &engine.Event{Completion: done}
}

// snap returns the node's snapshot.
func (w *net) snap(m *member) []byte {
	w.t.Helper()
	b, err := m.n.Snapshot()
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// logs are what left all nodes.
func (w *net) logs() string {
	s := ""
	for _, m := range w.members {
		s += m.log.String()
	}
	return s
}
