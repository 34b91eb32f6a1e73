package compile_test

import (
	"testing"

	"time"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

func find(t rapid.TB, p *program.Program, name string) *program.Func {
	t.Helper()
	for i := range p.Funcs {
		if p.Funcs[i].Name == name {
			return &p.Funcs[i]
		}
	}
	var names []string
	for i := range p.Funcs {
		names = append(names, p.Funcs[i].Name)
	}
	t.Fatalf("no function %q at %s; there are %q", name, p.Place, names)
	return nil
}

func opsOf(f *program.Func, code program.Code) []*program.Op {
	var out []*program.Op
	for i := range f.Ops {
		if f.Ops[i].Code == code {
			out = append(out, &f.Ops[i])
		}
	}
	return out
}

// TestTwoModelsOnOneNode guards trap bound-by-role: slots are known by name, not by role.
func TestTwoModelsOnOneNode(t *testing.T) {
	p := newPair()
	var got []graph.Value
	for _, name := range []string{"teacher", "student"} {
		s := p.Component(graph.Component{Name: name, Role: "model", Kind: "onnx", At: []graph.Place{p.server},
			Methods: model.Methods()})
		got = append(got, p.Invoke(s, "Parameters", p.at(p.server))[0])
	}
	p.AppEmit("both", p.Bundle(got...))
	a, _ := build(t, p.Graph)
	prog := load(t, a, "server")
	calls := opsOf(find(t, prog, "main"), program.OpComponent)
	if len(calls) != 2 {
		t.Fatalf("%d calls", len(calls))
	}
	for i, name := range []string{"teacher", "student"} {
		if c := prog.Components[calls[i].Component]; c.Name != name {
			t.Errorf("call %d goes to %q, want %q", i, c.Name, name)
		}
	}
}

// TestCapturesAreCarried holds that a loop carries what its body reads around it through unchanged, over two levels.
func TestCapturesAreCarried(t *testing.T) {
	p := newPair()
	outer := p.at(p.server)
	p.Named("a").Loop(p.at(p.server), nil, func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
		b.Named("b").Loop(i, nil, func(c *graph.Graph, j graph.Value, _ []graph.Value) []graph.Value {
			c.Record("r", c.Bundle(outer, i, j))
			return nil
		})
		return nil
	})
	a, _ := build(t, p.Graph)
	prog := load(t, a, "server")
	main, one, two := find(t, prog, "main"), find(t, prog, "a/body"), find(t, prog, "a/b/body")
	loop := opsOf(main, program.OpLoop)[0]
	if len(loop.In) != 2 || len(loop.Out) != 1 || one.Inputs != 2 || len(one.Outputs) != 1 || one.Outputs[0] != 1 {
		t.Errorf("the outer loop carries %d values; its body has %d inputs and the results %v", len(loop.In)-1,
			one.Inputs, one.Outputs)
	}
	inner := opsOf(one, program.OpLoop)[0]
	if len(inner.In) != 3 || two.Inputs != 3 || len(two.Outputs) != 2 || two.Outputs[0] != 1 || two.Outputs[1] != 2 {
		t.Errorf("the inner loop carries %d values; its body has %d inputs and the results %v", len(inner.In)-1,
			two.Inputs, two.Outputs)
	}
}

// TestBranchesGetTheSameValues holds that both branches take what either of them reads around it.
func TestBranchesGetTheSameValues(t *testing.T) {
	p := newPair()
	x, y := p.at(p.server), p.at(p.server)
	cond := p.Gate(p.Constant(value.Bool(true)), x)
	p.Named("if").If(cond,
		func(b *graph.Graph) []graph.Value { return []graph.Value{b.PassThrough(x)} },
		func(b *graph.Graph) []graph.Value { return []graph.Value{y} })
	a, _ := build(t, p.Graph)
	prog := load(t, a, "server")
	call := opsOf(find(t, prog, "main"), program.OpIf)[0]
	if len(call.In) != 3 || prog.Funcs[call.Body].Inputs != 2 || prog.Funcs[call.Else].Inputs != 2 {
		t.Errorf("the branches get %d values", len(call.In)-1)
	}
}

// TestConstantsAreCopied holds that each activation that reads a constant has one of its own, and is not connected by
// it.
func TestConstantsAreCopied(t *testing.T) {
	p := newPair()
	c := p.Bundle(p.Constant(value.Int(7)), p.Constant(value.Int(8))) // computed of constants alone: floats too
	for range 2 {
		p.AppEmit("tick", p.Bundle(p.Interval(p.server, time.Second), c))
	}
	s := p.Send(graph.Edge{To: p.clients, Name: "s"}, p.peers(), p.at(p.server))
	p.AppEmit("sent", p.Bundle(s.Value(0), c))
	p.Loop(p.at(p.server), nil, func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
		b.AppEmit("body", b.Bundle(i, c))
		return nil
	})
	p.Bundle(p.Constant(value.Int(9)), c) // nobody reads it
	a, _ := build(t, p.Graph)
	server, clients := load(t, a, "server"), load(t, a, "clients")
	for _, f := range []*program.Func{find(t, server, "interval"), find(t, server, "interval.2"),
		find(t, server, "loop/body"), find(t, clients, "s")} {
		if n := len(opsOf(f, program.OpConstant)); n != 2 {
			t.Errorf("%s has %d constants, want 2", f.Name, n)
		}
		if len(opsOf(f, program.OpBundle)) != 2 {
			t.Errorf("%s does not have the list of its own", f.Name)
		}
	}
	checkJoints(t, a, "server", "clients")
}

// TestTriggerOnly holds which values travel without payload: triggers, what nobody reads, and what is only waited for.
func TestTriggerOnly(t *testing.T) {
	p := newPair()
	n := p.at(p.server)
	s := p.Send(graph.Edge{To: p.clients, Name: "s"}, p.peers(), n, p.Count("c", n), n, n, n)
	p.Count("waited", s.Value(2))                       // only waited for
	p.Count("waited", s.Value(3))                       // waited for,
	p.Record("r", s.Value(3))                           // and read
	p.AppEmit("opened", p.Gate(s.Value(4), s.Value(2))) // read
	a, _ := build(t, p.Graph)
	e := load(t, a, "clients").Edges[0]
	want := []bool{true, true, true, false, false}
	for i := range want {
		if e.Trigger[i] != want[i] {
			t.Errorf("value %d travels without payload: %v, want %v", i, e.Trigger[i], want[i])
		}
	}
}

// TestAnswerFromABranch holds that a reply may stand in a body of the activation that its request started.
func TestAnswerFromABranch(t *testing.T) {
	p := newPair()
	r := p.Request(graph.Edge{To: p.clients, Name: "ask"}, p.peers(), p.at(p.server), p.at(p.server))
	cond := p.Peer("Health", r.Sender())
	var back *graph.Arrival
	p.If(cond,
		func(b *graph.Graph) []graph.Value {
			back = b.Reply(r, graph.Edge{Name: "tell"}, r.Value(0))
			return nil
		},
		func(b *graph.Graph) []graph.Value { return nil })
	a, _ := build(t, p.Graph)
	checkJoints(t, a, "server", "clients")
	if back == nil {
		t.Fatal("no answer")
	}
	server := load(t, a, "server")
	if e := server.Edges[0]; e.Reply != 1 || !server.Edges[1].Answer {
		t.Errorf("edges: %+v", server.Edges)
	}
}

// relay is a sub-module that crosses places and has a slot of its own.
type relay struct {
	at, to graph.Place
}

func (relay) Name() string { return "relay" }
func (r relay) Body(g *graph.Graph, in []graph.Value) []graph.Value {
	s := g.Component(graph.Component{Name: "data", Role: "data", Kind: "digits", At: []graph.Place{r.to},
		Methods: data.Methods()})
	req := g.Request(graph.Edge{To: r.to, Name: "go"}, in[0], in[1], in[1])
	back := g.Reply(req, graph.Edge{Name: "back"}, g.Invoke(s, "Loaded", req.Value(0))[0])
	return []graph.Value{g.QueuePut("q", 3, back.Value(0))}
}

// TestModulesExpand holds that a sub-module can cross places, twice in one program, and that its slots, edges and
// queues stay apart.
func TestModulesExpand(t *testing.T) {
	p := newPair()
	for range 2 {
		out := p.Call(relay{at: p.server, to: p.clients}, p.peers(), p.at(p.server))
		p.Count("queued", out[0])
	}
	a, _ := build(t, p.Graph)
	checkJoints(t, a, "server", "clients")
	server := load(t, a, "server")
	for i, name := range []string{"relay/go", "relay/back", "relay.2/go", "relay.2/back"} {
		if server.Edges[i].Name != name {
			t.Errorf("edge %d is %q, want %q", i, server.Edges[i].Name, name)
		}
	}
	for _, name := range []string{"relay/data", "relay.2/data"} {
		if server.ComponentOf(name) == program.None {
			t.Errorf("no slot %q", name)
		}
	}
	q := opsOf(find(t, server, "relay.2/back"), program.OpQueuePut)
	if len(q) != 1 || q[0].Label != "relay.2/q" || q[0].N != 3 {
		t.Errorf("the queue of the second use: %+v", q)
	}
}

// TestBootstraps holds that the bootstraps of a place are one function, apart from the main one, and may send.
func TestBootstraps(t *testing.T) {
	p := newPair()
	for range 2 {
		p.Bootstrap(p.server, func(b *graph.Graph) {
			b.Count("c", b.Send(graph.Edge{To: p.clients}, b.Constant(value.Peer("a")), b.Clock(b.Pulse())).Sent())
		})
	}
	p.AppEmit("x", p.at(p.server))
	a, _ := build(t, p.Graph)
	checkJoints(t, a, "server", "clients")
	server := load(t, a, "server")
	if server.Bootstrap == program.None || server.Main == program.None || server.Bootstrap == server.Main {
		t.Fatalf("bootstrap %d, main %d", server.Bootstrap, server.Main)
	}
	if n := len(opsOf(&server.Funcs[server.Bootstrap], program.OpSend)); n != 2 {
		t.Errorf("the bootstrap sends %d times, want 2", n)
	}
	if clients := load(t, a, "clients"); clients.Bootstrap != program.None || clients.Main != program.None {
		t.Error("the clients have a bootstrap or a main function, and nothing to do in it")
	}
}

// TestFusedGroupsAreConvex builds tensor ops around an op that is none, so that they cannot all be one group, and loads
// the result, whose ops must stand in order.
func TestFusedGroupsAreConvex(t *testing.T) {
	p := newPair()
	p.backend("cpu", p.server)
	x := p.batch(p.Graph, p.at(p.server), types.Tensors(tensor.Float32, 2, 2))
	a := p.Relu(x)
	held := p.Typed(p.HoldTake("h", p.HoldPut("h", a)), types.Tensors(tensor.Float32, 2, 2))
	b := p.Add(a, held) // cannot run with a: held stands between them
	c := p.Mul(a, x)    // can
	p.AppEmit("x", p.Bundle(b, c))
	art, _ := build(t, p.Graph)
	runs := 0
	for _, o := range opsOf(find(t, load(t, art, "server"), "main"), program.OpComponent) {
		if o.Method != "Test" {
			runs++
		}
	}
	if runs != 2 {
		t.Errorf("%d runs, want 2", runs)
	}
}

// TestDeadEndsAreLeftOut holds that the gradient's nodes that nobody reads are not run.
func TestDeadEndsAreLeftOut(t *testing.T) {
	p := newPair()
	p.backend("cpu", p.server)
	x := p.batch(p.Graph, p.at(p.server), types.Tensors(tensor.Float32, 2, 2))
	p.Relu(p.Relu(x))
	art, _ := build(t, p.Graph)
	for _, f := range art.Model.Functions {
		if f.GetDomain() == "rhizome.tensor" {
			t.Errorf("%s runs though nobody reads it", f.GetName())
		}
	}
}

// TestPassThroughsAreLeftOut holds that an op which does nothing costs nothing, unless a body would be empty or give
// one value twice.
func TestPassThroughsAreLeftOut(t *testing.T) {
	p := newPair()
	n := p.PassThrough(p.PassThrough(p.at(p.server)))
	two := p.Named("two").Frame([]graph.Value{n}, func(b *graph.Graph, in []graph.Value) []graph.Value {
		return []graph.Value{b.PassThrough(in[0]), in[0]}
	})
	p.AppEmit("x", p.Bundle(two...))
	p.Named("idle").Loop(n, nil, func(b *graph.Graph, _ graph.Value, _ []graph.Value) []graph.Value { return nil })
	a, _ := build(t, p.Graph)
	prog := load(t, a, "server")
	for name, want := range map[string]int{"main": 0, "two/body": 1, "idle/body": 1} {
		if got := len(opsOf(find(t, prog, name), program.OpPassThrough)); got != want {
			t.Errorf("%s has %d ops that pass a value through, want %d", name, got, want)
		}
	}
}
