package compile

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// looks runs the passes to the one that infers, and returns how many ops there are and how often it looked at one.
func looks(t testing.TB, m *onnx.ModelProto) (ops, looks int, errs Errors) {
	t.Helper()
	u := &unit{catalogue: op.Standard(), source: m, report: &Report{}}
	for _, p := range passes[:3] {
		u.pass = p.name
		u.report.Passes = append(u.report.Passes, PassReport{Pass: p.name})
		if p.run(u); len(u.errs) > 0 && p.name != "infer" {
			t.Fatal(u.errs)
		}
	}
	u.each(func(*fn, *node) { ops++ })
	return ops, stepsPerOp*(ops+64) - u.left, u.errs
}

// nested is a program of loops in each other that each carry so many values: the first one grows, and each other takes
// the place of the one behind it, so that each look at the body forgets one shape. With link, what an inner loop begins
// with is what the outer one carries.
func nested(t testing.TB, depth, wide int, link bool) *onnx.ModelProto {
	t.Helper()
	g := graph.New("nest")
	p := g.Place("one")
	one, err := tensor.FromFloat32([]int{1, 1, 1, 1}, []float32{1})
	if err != nil {
		t.Fatal(err)
	}
	var loop func(b *graph.Graph, first []graph.Value, d int) []graph.Value
	loop = func(b *graph.Graph, first []graph.Value, d int) []graph.Value {
		if !link || d == depth {
			first = nil
			for range wide {
				first = append(first, b.Constant(value.Tensor{Tensor: one}))
			}
		}
		return b.Loop(b.Constant(value.Int(2)), first, func(b *graph.Graph, i graph.Value,
			carried []graph.Value) []graph.Value {
			inner := carried
			if d > 1 {
				inner = loop(b, carried, d-1)
			}
			grown := b.Tensor("Concat", graph.Attrs{"axis": d % 4}, carried[0], carried[0], inner[0])
			return append([]graph.Value{grown}, inner[:wide-1]...)
		})
	}
	g.Component(graph.Component{Name: "cpu", Role: "backend", Kind: "cpu", At: []graph.Place{p}})
	g.AppEmit("x", g.Bundle(loop(g.At(p), nil, depth)...))
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestNestedLoopsAreInferredOnce: what stands in a loop is looked at again only where what it reads has changed, so
// that the cost does not double with each loop in another.
func TestNestedLoopsAreInferredOnce(t *testing.T) {
	for depth := 1; depth <= 16; depth++ {
		ops, n, errs := looks(t, nested(t, depth, 1, false))
		if len(errs) > 0 || n > 4*ops {
			t.Errorf("%d loops in each other: %d looks at %d ops, %v; want at most four each", depth, n, ops, errs)
		}
	}
}

// TestInferenceCostsWhatItWeighs: where each loop changes what those in it begin with, inference ends within its bound
// all the same: by a result, or by a refusal that says why.
func TestInferenceCostsWhatItWeighs(t *testing.T) {
	refused := 0
	for depth := 1; depth <= 16; depth++ {
		ops, n, errs := looks(t, nested(t, depth, 7, true))
		if n > stepsPerOp*(ops+64)+1 {
			t.Errorf("%d loops in each other: %d looks at %d ops; want at most %d each", depth, n, ops, stepsPerOp)
		}
		if len(errs) == 0 {
			continue
		}
		if refused++; depth < 5 || len(errs) != 1 || !strings.Contains(errs.Error(), "the loops around it") {
			t.Errorf("%d loops in each other: %v", depth, errs)
		}
	}
	if refused == 0 {
		t.Error("none came to the bound: the test does not reach it")
	}
}

// TestTypesOfListsAreBounded: a list of two lists of two lists … is known to a bounded size.
func TestTypesOfListsAreBounded(t *testing.T) {
	g := graph.New("lists")
	p := g.Place("one")
	v := g.Input(p, "x", types.Int())[0]
	for range 60 {
		v = g.Bundle(v, v)
	}
	g.AppEmit("e", v)
	m, err := g.Model()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Compile(m, Options{}); err != nil {
		t.Fatal(err)
	}
}
