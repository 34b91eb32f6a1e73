package compile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// pair is a choreography of two places.
type pair struct {
	*graph.Graph
	server, clients graph.Place
	data            *graph.Slot
}

func newPair() pair {
	g := graph.New("test")
	p := pair{Graph: g, server: g.Place("server"), clients: g.Place("clients")}
	p.data = g.Component(graph.Component{Name: "data", Role: "data", Kind: "digits",
		At: []graph.Place{p.server, p.clients}, Methods: data.Methods()})
	return p
}

func (p pair) at(place graph.Place) graph.Value { return p.At(place).Clock(p.Pulse()) }

// someone is a peer.
const someone = value.Peer("a")

func (p pair) peers() graph.Value { return p.Constant(value.NewList(value.Peer("a"))) }

func (p pair) backend(name string, at ...graph.Place) *graph.Slot {
	return p.Component(graph.Component{Name: name, Role: "backend", Kind: "cpu", At: at})
}

// batch is a tensor of known type at the place.
func (p pair) batch(g *graph.Graph, trigger graph.Value, t types.Type) graph.Value {
	return g.Typed(g.Invoke(p.data, "Test", trigger)[0], t)
}

// TestErrors shows, for each thing that only the whole program shows to be wrong, the pass that finds it, and that the
// error names the author's line.
func TestErrors(t *testing.T) {
	f := types.Tensors(tensor.Float32, 2, 3)
	for _, c := range []struct {
		name, pass, want string
		do               func(p pair)
	}{
		{"two openers in one region", "cut", "one activation cannot have two causes", func(p pair) {
			p.Bundle(p.Interval(p.server, time.Second), p.Event(p.server, "x"))
		}},
		{"a phase that nobody fires", "validate",
			`phase "sunrise", which no host fires; want one of ["shutdown" "snapshot"]`,
			func(p pair) { p.Count("up", p.Lifecycle(p.server, "sunrise")) }},
		{"an arrival joins the body that sent", "cut",
			"starts an activation of its own, which reads values of the body loop/body", func(p pair) {
				p.Loop(p.at(p.server), nil, func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
					r := b.Request(graph.Edge{To: p.clients}, p.peers(), i, i)
					b.Bundle(i, b.Reply(r, graph.Edge{}, r.Value(0)).Value(0))
					return nil
				})
			}},
		{"a body works elsewhere without a message", "cut", "nothing that was sent there starts it", func(p pair) {
			p.Loop(p.at(p.server), nil, func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
				b.At(p.clients).Clock(b.Pulse())
				return nil
			})
		}},
		{"an answer outside of its request", "cut", "it can run only in the activation which that request starts",
			func(p pair) {
				r := p.Request(graph.Edge{To: p.clients}, p.peers(), p.at(p.server), p.Pulse())
				p.Reply(r, graph.Edge{}, p.at(p.clients))
			}},
		{"an edge's name twice", "cut", `the edge name "x" is taken`, func(p pair) {
			p.Send(graph.Edge{To: p.clients, Name: "x"}, p.peers(), p.at(p.server))
			p.Send(graph.Edge{To: p.clients, Name: "x"}, p.peers(), p.at(p.server))
		}},
		{"no backend", "bind", "no backend lives at \"server\"", func(p pair) {
			p.AppEmit("x", p.Relu(p.batch(p.Graph, p.at(p.server), f)))
		}},
		{"two backends", "bind", `both "b1" and "b2" could run it`, func(p pair) {
			p.backend("b1", p.server)
			p.backend("b2", p.server)
			p.AppEmit("x", p.Relu(p.batch(p.Graph, p.at(p.server), f)))
		}},
		{"a tensor of unknown type", "infer", "of unknown element type", func(p pair) {
			p.backend("b", p.server)
			p.Relu(p.Invoke(p.data, "Test", p.at(p.server))[0])
		}},
		{"a loop that makes its tensors grow", "infer", "MatMul", func(p pair) {
			p.backend("b", p.server)
			x := p.batch(p.Graph, p.at(p.server), types.Tensors(tensor.Float32, 3, 3))
			p.Loop(p.at(p.server), []graph.Value{x}, func(b *graph.Graph, _ graph.Value,
				c []graph.Value) []graph.Value {
				wide := b.Tensor("Concat", graph.Attrs{"axis": 2}, c[0], c[0])
				return []graph.Value{b.MatMul(wide, x)}
			})
		}},
		{"a gradient of what is no scalar", "gradients", "want exactly one element", func(p pair) {
			x := p.batch(p.Graph, p.at(p.server), f)
			p.AppEmit("x", p.Gradient(p.Relu(x), x)[0])
		}},
		{"a gradient through a component", "gradients", "which has no gradient; want tensor ops only", func(p pair) {
			x := p.batch(p.Graph, p.at(p.server), f)
			y := p.Typed(p.HoldTake("h", p.HoldPut("h", p.Relu(x))), types.Tensors(tensor.Float32))
			p.AppEmit("x", p.Gradient(p.Tensor("Sqrt", nil, y), x)[0])
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair()
			c.do(p)
			m, err := p.Model()
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = compile.Compile(m, compile.Options{})
			var one *compile.Error
			if !errors.As(err, &one) || one.Pass != c.pass || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v\nwant %q of %s", err, c.want, c.pass)
			}
			if !strings.HasPrefix(one.Line, "compile/errors_test.go:") {
				t.Errorf("the error names the line %q", one.Line)
			}
		})
	}
}

// TestBothOpenersAreNamed holds that an error about two openers names the lines of both.
func TestBothOpenersAreNamed(t *testing.T) {
	p := newPair()
	a := p.Interval(p.server, time.Second)
	b := p.Event(p.server, "x")
	p.Bundle(a, b)
	m, err := p.Model()
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, n := range m.Graph.Node[:2] {
		line, _ := onnx.Meta(n.MetadataProps, artifact.KeyLine)
		lines[line] = true
	}
	_, _, err = compile.Compile(m, compile.Options{})
	if err == nil || len(lines) != 2 {
		t.Fatalf("compiled: %v, lines %v", err, lines)
	}
	for line := range lines {
		if !strings.Contains(err.Error(), line) {
			t.Errorf("%v does not name %s", err, line)
		}
	}
}

// broken are changes to a sound choreography that package graph would not let through; each stands in a bootstrap, in a
// sub-module that is called, in one that nobody calls, and in a body: passes go over all functions (trap
// first-function-only).
var broken = map[string]func(n *onnx.NodeProto){
	"unknown attribute":  func(n *onnx.NodeProto) { onnx.SetAttr(n, onnx.AttrInt("x", 1)) },
	"attribute missing":  func(n *onnx.NodeProto) { n.Attribute = nil },
	"unknown op":         func(n *onnx.NodeProto) { n.OpType = "Nothing" },
	"internal op":        func(n *onnx.NodeProto) { n.Domain, n.OpType = op.Wire, "Recv" },
	"unknown value":      func(n *onnx.NodeProto) { n.Input[0] = "nothing" },
	"no value":           func(n *onnx.NodeProto) { n.Input[0] = "" },
	"too many values":    func(n *onnx.NodeProto) { n.Input = append(n.Input, n.Input[0]) },
	"no name":            func(n *onnx.NodeProto) { n.Name = "" },
	"output named twice": func(n *onnx.NodeProto) { n.Output[0] = n.Input[0] },
	"unknown place":      func(n *onnx.NodeProto) { onnx.SetAttr(n, onnx.AttrString("place", "moon")) },
}

type module struct{}

func (module) Name() string { return "m" }
func (module) Body(g *graph.Graph, in []graph.Value) []graph.Value {
	return []graph.Value{g.Count("in.module", in[0])}
}

func everywhere(t *testing.T) *onnx.ModelProto {
	p := newPair()
	p.Bootstrap(p.server, func(b *graph.Graph) { b.Count("in.bootstrap", b.Clock(b.Pulse())) })
	p.Call(module{}, p.at(p.server))
	p.Call(module{}, p.at(p.server))
	p.Loop(p.at(p.server), nil, func(b *graph.Graph, i graph.Value, _ []graph.Value) []graph.Value {
		b.Count("in.body", i)
		return nil
	})
	m, err := p.Model()
	if err != nil {
		t.Fatal(err)
	}
	calls := m.Graph.Node[:0] // nobody calls the second sub-module
	for _, n := range m.Graph.Node {
		if n.GetName() != "m.2" {
			calls = append(calls, n)
		}
	}
	m.Graph.Node = calls
	return m
}

func countNodes(nodes []*onnx.NodeProto) []*onnx.NodeProto {
	var out []*onnx.NodeProto
	for _, n := range nodes {
		if n.GetOpType() == "Count" {
			out = append(out, n)
		}
		for _, a := range n.GetAttribute() {
			out = append(out, countNodes(a.GetG().GetNode())...)
		}
	}
	return out
}

// TestEveryFunctionIsChecked guards trap first-function-only.
func TestEveryFunctionIsChecked(t *testing.T) {
	where := func(m *onnx.ModelProto) []*onnx.NodeProto {
		out := countNodes(m.Graph.Node)
		for _, f := range m.Functions {
			out = append(out, countNodes(f.Node)...)
		}
		return out
	}
	sound := everywhere(t)
	if _, _, err := compile.Compile(sound, compile.Options{}); err != nil || len(where(sound)) != 4 {
		t.Fatalf("%v; %d places to break", err, len(where(sound)))
	}
	for name, change := range broken {
		for i := range 4 {
			m := everywhere(t)
			n := where(m)[i]
			change(n)
			_, _, err := compile.Compile(m, compile.Options{})
			var one *compile.Error
			if !errors.As(err, &one) || one.Pass != "validate" {
				t.Errorf("%s in place %d (%s): %v", name, i, n.GetName(), err)
			}
		}
	}
}

// TestTypesOfBootstrapsAndModulesAreChecked guards trap first-function-only for the passes behind validate.
func TestTypesOfBootstrapsAndModulesAreChecked(t *testing.T) {
	for i := range 4 {
		m := everywhere(t)
		var nodes []*onnx.NodeProto
		nodes = append(nodes, countNodes(m.Graph.Node)...)
		for _, f := range m.Functions {
			nodes = append(nodes, countNodes(f.Node)...)
		}
		if nodes[i].GetName() == "m.2/count" {
			continue // not called: it has no types
		}
		// an Unbundle of what is a number
		nodes[i].OpType, nodes[i].Attribute = "Unbundle", nil
		_, _, err := compile.Compile(m, compile.Options{})
		var one *compile.Error
		if !errors.As(err, &one) || one.Pass != "infer" {
			t.Errorf("place %d (%s): %v", i, nodes[i].GetName(), err)
		}
	}
}
