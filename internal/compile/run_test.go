package compile_test

import (
	"strconv"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// running is a compiled program of one place that can be called.
type running struct {
	t     testing.TB
	cfg   node.Config
	zeros bool // a gradient may be 0
}

// single begins a program of one place with one backend.
func single(name string) (*graph.Graph, graph.Place) { return singleOf(name, backend.Version) }

// singleOf is single with the backend's version.
func singleOf(name string, version int32) (*graph.Graph, graph.Place) {
	g := graph.New(name)
	p := g.Place("one")
	g.Component(graph.Component{Name: "cpu", Role: "backend", Kind: "cpu", Version: version, At: []graph.Place{p}})
	return g, p
}

// run compiles a program and makes it ready to be called.
func run(t testing.TB, g *graph.Graph) *running {
	t.Helper()
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := compile.Compile(m, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := program.Load(a.Model, "one")
	if err != nil {
		t.Fatal(err)
	}
	catalogue := node.NewCatalogue()
	for v := int32(1); v <= 2; v++ {
		if err := catalogue.Register(backend.Role, backend.Kind, v, backend.Factory(v)); err != nil {
			t.Fatal(err)
		}
	}
	return &running{t: t, cfg: node.Config{Program: p, Artifact: a.Model, Catalogue: catalogue,
		Values: value.NewRegistry(), Self: "self", Limits: engine.DefaultLimits()}}
}

// call is try of what must not fail.
func (r *running) call(in ...*tensor.Tensor) []*tensor.Tensor {
	r.t.Helper()
	out, failure := r.try(in...)
	if failure != nil {
		r.t.Fatal(failure)
	}
	return out
}

// try calls "f" with tensors of float64 and returns the tensors that the program emits as "out", or why there are none.
func (r *running) try(in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	r.t.Helper()
	n, err := node.Install(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	values := make([]value.Value, len(in))
	for i := range in {
		values[i] = value.Tensor{Tensor: in[i]}
	}
	events := []*engine.Event{{Invoke: &snapshot.InvokeEvent{Name: "f", Inputs: values}}}
	for range 1000 {
		for _, ev := range events {
			if err := n.Deliver(ev); err != nil {
				r.t.Fatal(err)
			}
		}
		out := n.Poll(0)
		for _, ev := range out.AppEvents {
			if f := value.Failed(ev.Value); f != nil {
				return nil, f
			}
			if ev.Name == "out" {
				var ts []*tensor.Tensor
				for _, v := range ev.Value.(*value.List).Items() {
					ts = append(ts, v.(value.Tensor).Tensor)
				}
				return ts, nil
			}
		}
		events = events[:0]
		for _, c := range out.Commands {
			results, err := n.Work(c)
			if err != nil {
				return nil, err
			}
			done := &snapshot.PendingCompletionSnapshot{Command: c.ID}
			for i, v := range results {
				done.Results = append(done.Results, snapshot.NamedResult{Port: strconv.Itoa(i), Value: v})
			}
			events = append(events, &engine.Event{Completion: done})
		}
	}
	r.t.Fatal("the program does not end")
	return nil, nil
}

// TestVersionsOfTheBackend: the version that an author names reaches the arithmetic of a node: a product that is lost
// where it is rounded before it is added is there where the two are one operation.
func TestVersionsOfTheBackend(t *testing.T) {
	for version, want := range map[int32]float32{1: 0x1p-11, 2: 0x1p-11 + 0x1p-24} {
		g, p := singleOf("versions", version)
		in := g.Input(p, "f", types.Tensors(tensor.Float32, 1, 2), types.Tensors(tensor.Float32, 2, 1))
		g.AppEmit("out", g.Bundle(g.MatMul(in[0], in[1])))
		x, err := tensor.FromFloat32([]int{1, 2}, []float32{-1, 1 + 0x1p-12})
		if err != nil {
			t.Fatal(err)
		}
		y, err := tensor.FromFloat32([]int{2, 1}, []float32{1, 1 + 0x1p-12})
		if err != nil {
			t.Fatal(err)
		}
		if got := run(t, g).call(x, y)[0].Float32()[0]; got != want {
			t.Errorf("version %d: %x, want %x", version, got, want)
		}
	}
}
