package graph

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// pair is a choreography of two places and a few slots, on which the tests stand.
type pair struct {
	*Graph
	server, clients Place
	model, data     *Slot
}

func newPair() pair {
	g := New("test")
	p := pair{Graph: g, server: g.Place("server"), clients: g.Place("clients")}
	p.model = g.Component(Component{Name: "model", Role: "model", Kind: "onnx", At: []Place{p.server},
		Methods: modelMethods})
	p.data = g.Component(Component{Name: "data", Role: "data", Kind: "digits", At: []Place{p.server, p.clients},
		Methods: dataMethods})
	return p
}

func (p pair) peers() Value {
	return p.Constant(value.NewList(value.Peer("a")))
}

// TestErrors shows, for each thing that an author can do wrong, the one error that it gives, with the line that did it.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(p pair)
		want string // in the reason
	}{
		{"wrong type", func(p pair) { p.At(p.server).Unbundle(p.Constant(value.Int(1)), 2) },
			"input 0 (list) is a Int; want List"},
		{"wrong place", func(p pair) {
			p.Bundle(p.Clock(p.at(p.server)), p.Clock(p.at(p.clients)))
		}, `input 0 lives at "server" and input 1 at "clients"; send one of them to the other`},
		{"no place", func(p pair) { p.AppEmit("x", p.Pulse()) }, "nothing says where it runs"},
		{"other function's value", func(p pair) {
			var inner Value
			p.Loop(p.at(p.server), nil, func(b *Graph, i Value, _ []Value) []Value { inner = i; return nil })
			p.PassThrough(inner)
		}, "belongs to the body of loop and cannot be read in the main graph"},
		{"bootstrap reads the main graph (trap global-names)", func(p pair) {
			v := p.Clock(p.at(p.server))
			p.Bootstrap(p.server, func(b *Graph) { b.AppEmit("x", v) })
		}, "cannot be read in the bootstrap of server"},
		{"other choreography's value", func(p pair) { p.PassThrough(newPair().Pulse()) },
			"belongs to another choreography"},
		{"unset value", func(p pair) { p.PassThrough(Value{}) }, "input 0 is not set"},
		{"unknown attribute", func(p pair) { p.Op(op.Flow, "Count", Attrs{"name": "a", "by": 2}, 1, p.at(p.server)) },
			`attribute "by" is unknown`},
		{"attribute out of range", func(p pair) { p.Sleep(p.at(p.server), -time.Second) }, "want at least 1"},
		{"attribute missing", func(p pair) { p.Op(op.Flow, "Count", nil, 1, p.at(p.server)) },
			`attribute "name" is required`},
		{"attribute of no type", func(p pair) { p.Op(op.Flow, "Count", Attrs{"name": struct{}{}}, 1, p.at(p.server)) },
			"want a number"},
		{"unknown op", func(p pair) { p.Op(op.Flow, "Nothing", nil, 1) }, "the catalogue has no such op"},
		{"unknown method", func(p pair) { p.Invoke(p.model, "Nothing") }, "the catalogue has no such method"},
		{"unbound slot", func(p pair) { p.Invoke(nil, "Parameters", p.Pulse()) }, "the slot is not declared"},
		{"slot of another choreography", func(p pair) { p.Invoke(newPair().model, "Parameters", p.Pulse()) },
			"the slot is not declared"},
		{"slot lives elsewhere", func(p pair) { p.Invoke(p.model, "Parameters", p.at(p.clients)) },
			"where its component does not live"},
		{"slot named twice", func(p pair) {
			p.Component(Component{Name: "model", Role: "model", Kind: "onnx", At: []Place{p.clients}})
		}, "a slot has that name already"},
		{"slot's dependency lives elsewhere", func(p pair) {
			p.Component(Component{Name: "x", Role: "protocol", Kind: "rounds", At: []Place{p.clients},
				Deps: []*Slot{p.model}})
		}, `lives at "clients" and uses "model", which lives at ["server"] only`},
		{"unknown role",
			func(p pair) { p.Component(Component{Name: "x", Role: "cook", Kind: "y", At: []Place{p.server}}) },
			`role "cook" does not exist`},
		{"no peers", func(p pair) { p.Send(Edge{To: p.clients}, p.at(p.server), p.at(p.server)) },
			"input 0 (peers) is a Int"},
		{"undeclared place", func(p pair) { p.At(Place{}) }, "the place is not declared"},
		{"no answer", func(p pair) { p.Request(Edge{To: p.clients}, p.peers(), p.at(p.server), p.Pulse()) },
			"is never answered"},
		{"two answers", func(p pair) {
			r := p.Request(Edge{To: p.clients}, p.peers(), p.at(p.server), p.Pulse())
			p.Reply(r, Edge{}, r.Value(0))
			p.Reply(r, Edge{}, r.Value(0))
		}, "which has a Reply already"},
		{"answer to nothing", func(p pair) { p.Reply(nil, Edge{}, p.Pulse()) }, "answers what is no Request"},
		{"carried values lost", func(p pair) {
			p.Loop(p.at(p.server), []Value{p.Pulse()}, func(b *Graph, i Value, c []Value) []Value { return nil })
		}, "a body gives 0 results for 1 outputs"},
		{"branches differ", func(p pair) {
			c := p.At(p.server).Gate(p.Constant(value.Bool(true)), p.at(p.server))
			p.If(c, func(b *Graph) []Value { return []Value{b.Pulse()} }, func(b *Graph) []Value { return nil })
		}, "a body gives 0 results for 1 outputs"},
		{"result lives elsewhere", func(p pair) {
			p.Loop(p.at(p.server), []Value{p.Pulse()}, func(b *Graph, i Value, c []Value) []Value {
				return []Value{b.Send(Edge{To: p.clients}, p.peers(), i).Value(0)}
			})
		}, "lives at clients and the function runs at server"},
		{"opener in a body", func(p pair) {
			p.Loop(p.at(p.server), nil,
				func(b *Graph, i Value, c []Value) []Value { b.Interval(p.server, time.Second); return nil })
		}, "cannot stand in a body"},
		{"threshold beyond all", func(p pair) { p.Threshold(2, p.at(p.server)) }, "waits for 2 of 1 values"},
		{"tensor op on a number", func(p pair) { p.Add(p.at(p.server), p.at(p.server)) }, "want a tensor"},
		{"shapes do not fit", func(p pair) { p.MatMul(p.zeros(2, 3), p.zeros(4, 5)) }, "MatMul"},
		{"unknown tensor op", func(p pair) { p.Tensor("Nothing", nil) }, "is no supported tensor op"},
		{"tensor attribute", func(p pair) { p.Tensor("Relu", Attrs{"x": 1}, p.zeros(1)) }, `attribute "x" is unknown`},
		{"bad name", func(p pair) { p.Named("a/b").Pulse() }, `"a/b" is no name`},
		{"typed against what is known", func(p pair) { p.Typed(p.at(p.server), types.Peer()) }, "it cannot be a Peer"},
		{"endless module", func(p pair) { p.Call(endless{}) }, "a module cannot call itself"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair()
			c.do(p)
			_, err := p.Model()
			var list Errors
			if !errors.As(err, &list) {
				t.Fatalf("got %v", err)
			}
			if len(list) != 1 || !strings.Contains(list[0].Reason, c.want) {
				t.Fatalf("got\n%v\nwant %q", err, c.want)
			}
			var one *Error
			if !errors.As(err, &one) || !strings.HasPrefix(one.Line, "graph/graph_test.go:") {
				t.Fatalf("the error names %q", list[0].Line)
			}
		})
	}
}

type endless struct{}

func (endless) Name() string                        { return "endless" }
func (e endless) Body(g *Graph, in []Value) []Value { return g.Call(e, in...) }

// at returns a number that lives at the place.
func (p pair) at(place Place) Value { return p.At(place).Clock(p.Pulse()) }

func (p pair) zeros(shape ...int) Value {
	n := 1
	for _, d := range shape {
		n *= d
	}
	x, err := tensor.FromFloat32(shape, make([]float32, n))
	if err != nil {
		panic(err)
	}
	return p.Constant(value.Tensor{Tensor: x})
}

// TestRefusedOpGivesOneError holds that what follows from an error is not told again.
func TestRefusedOpGivesOneError(t *testing.T) {
	p := newPair()
	v := p.PassThrough(Value{})
	for range 3 {
		v = p.Loop(v, []Value{v}, func(b *Graph, i Value, c []Value) []Value { return []Value{b.Gate(v, c[0])} })[0]
	}
	p.Invoke(p.model, "Parameters", v)
	p.Reply(p.Request(Edge{To: p.clients}, v, v, v), Edge{}, v)
	_, err := p.Model()
	var list Errors
	if !errors.As(err, &list) || len(list) != 1 {
		t.Fatalf("got %v", err)
	}
}

// TestLinesAreOfTheAuthor holds that an op names the line that recorded it, also through the helpers, and no folder of
// the machine.
func TestLinesAreOfTheAuthor(t *testing.T) {
	p := newPair()
	p.at(p.server)
	m, err := p.Model()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range m.Graph.Node {
		line, _ := onnx.Meta(n.MetadataProps, "rhizome.line")
		if !strings.HasPrefix(line, "graph/graph_test.go:") {
			t.Errorf("%s has the line %q", n.Name, line)
		}
	}
}

type twice struct{ at Place }

func (twice) Name() string { return "m" }
func (m twice) Body(g *Graph, in []Value) []Value {
	s := g.Component(Component{Name: "data", Role: "data", Kind: "digits", At: []Place{m.at}, Methods: dataMethods})
	return []Value{g.QueueTake("q", g.Invoke(s, "Loaded", in[0])[0])}
}

// TestNamesAreUnique guards traps global-names and empty-name: no two nodes, values, slots or queues of different uses
// share a name.
func TestNamesAreUnique(t *testing.T) {
	p := newPair()
	for range 2 {
		p.Call(twice{p.server}, p.at(p.server))
		p.Named("same").Clock(p.at(p.server))
		p.Loop(p.at(p.server), nil, func(b *Graph, i Value, _ []Value) []Value {
			b.Named("same").Count("c",
				i)
			return nil
		})
	}
	m, err := p.Model()
	if err != nil {
		t.Fatal(err)
	}
	seen, queues := map[string]bool{}, map[string]bool{}
	see := func(n *onnx.NodeProto) {
		for _, name := range append([]string{"node " + n.GetName()}, n.GetOutput()...) {
			if name == "node " || seen[name] {
				t.Errorf("the name %q is empty or stands twice", name)
			}
			seen[name] = true
		}
		if n.GetOpType() == "QueueTake" {
			q, _ := onnx.GetString(n, "name")
			queues[q] = true
		}
	}
	nodesOf(m.Graph.Node, see)
	for _, f := range m.Functions {
		nodesOf(f.Node, see)
	}
	if len(queues) != 2 {
		t.Errorf("two uses of a module have the queues %v", queues)
	}
	if slots, _ := onnx.Meta(m.MetadataProps, "rhizome.slots"); !strings.Contains(slots, `"m/data"`) ||
		!strings.Contains(slots, `"m.2/data"`) {
		t.Errorf("slots: %s", slots)
	}
}

// TestModelIsDeterministic records the same choreography twice and compares the bytes.
func TestModelIsDeterministic(t *testing.T) {
	build := func() string {
		p := newPair()
		p.Op(op.Flow, "Limit", Attrs{"n": 3, "name": "a", "attempts": 2, "backoff": time.Second}, 1, p.at(p.server))
		m, err := p.Model()
		if err != nil {
			t.Fatal(err)
		}
		b, err := onnx.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	want := build()
	for range 20 {
		if build() != want {
			t.Fatal("two recordings differ")
		}
	}
}

// modelMethods are some of what a model brings.
var modelMethods = []Method{
	{Name: "Parameters", In: []Port{{Name: "trigger", Type: types.Trigger()}},
		Out: []Port{{Name: "params", Type: types.ListsOf(types.Tensor())}}},
}

// dataMethods are some of what a data source brings.
var dataMethods = []Method{
	{Name: "Loaded", In: []Port{{Name: "trigger", Type: types.Trigger()}},
		Out: []Port{{Name: "samples", Type: types.Int()}}},
	{Name: "Test", In: []Port{{Name: "trigger", Type: types.Trigger()}},
		Out: []Port{{Name: "batch", Type: types.Tensor()}, {Name: "labels", Type: types.Tensor()}}},
}

// TestMethodsOfAComponent: a component brings its methods; slots of one kind may name the same ones, and others are
// refused at their line.
func TestMethodsOfAComponent(t *testing.T) {
	add := func(out types.Type) []Method {
		return []Method{{Name: "Add", In: []Port{{Name: "n", Type: types.Int()}},
			Out: []Port{{Name: "sum", Type: out}}}}
	}
	g := New("own")
	here := g.Place("here")
	component := func(name, kind string, m []Method) *Slot {
		return g.Component(Component{Name: name, Role: "protocol", Kind: kind, At: []Place{here}, Methods: m})
	}
	a, b := component("a", "ledger", add(types.Int())), component("b", "ledger", add(types.Int()))
	n := g.Input(here, "n", types.Int())[0]
	if out := append(g.Invoke(a, "Add", n), g.Invoke(b, "Add", n)...); len(out) != 2 {
		t.Errorf("%d outputs of two calls", len(out))
	}
	if _, err := g.Model(); err != nil {
		t.Fatal(err)
	}
	if op.Lookup(op.Domain("protocol", "ledger"), "Add") != nil ||
		g.s.st.catalogue.Lookup(op.Domain("protocol", "ledger"), "Add") == nil {
		t.Error("the method is in the standard catalogue, or not in the choreography's")
	}
	g.Invoke(component("c", "other", nil), "Add", n)
	component("d", "ledger", add(types.String()))
	var errs Errors
	if _, err := g.Model(); !errors.As(err, &errs) || len(errs) != 2 || !strings.Contains(errs[1].Error(),
		"declared already") {
		t.Errorf("%v", errs)
	}
}
