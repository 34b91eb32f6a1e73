package graph

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
)

// depthMax bounds functions inside each other.
const depthMax = 16

// frame is an op that calls bodies, while it is recorded.
type frame struct {
	g   *Graph
	use use
}

// frame starts an op of that name: it gets its name and place before its bodies are recorded. The bodies of an op that
// is refused are recorded all the same: their errors are told, and their results are counted.
func (g *Graph) frame(name string, in []Value) *frame {
	f := &frame{g: g, use: use{decl: g.s.st.catalogue.Lookup(op.Flow, name), line: caller(), in: in}}
	reason, bad := g.check(in)
	if reason == "" && g.s.depth >= depthMax {
		reason = "functions stand deeper in each other than " + itoa(depthMax)
	}
	place, err := op.Site{Said: g.place, In: placesOf(in), Default: g.s.place}.Place()
	if reason == "" && !bad && err != nil {
		reason = err.Error()
	}
	if reason != "" {
		g.s.st.fail(f.use.line, f.use.title(g), "%s", reason)
	}
	if reason != "" || bad {
		f.use.in = append(in[:len(in):len(in)], Value{s: g.s, bad: true})
	}
	f.use.name = g.s.fresh(g.baseName(name))
	f.use.to = place
	return f
}

// body records one body: its inputs have these names and types.
func (f *frame) body(attr string, names []string, of []types.Type, record func(b *Graph, in []Value) []Value) {
	outer := f.g.s
	s := &scope{
		st: outer.st, around: outer, module: outer.module, place: f.use.to, depth: outer.depth + 1,
		name: "the " + attr + " of " + f.use.name, path: f.use.name + "/",
	}
	if attr != "body" {
		s.path += attr + "/"
	}
	in := make([]Value, len(names))
	for i := range in {
		in[i] = Value{s: s, name: outer.st.fresh(s.path + names[i]), typ: of[i], place: s.place, line: f.use.line}
	}
	b := &Graph{s: s}
	out := b.results(f.use.line, record(b, in))
	f.use.attrs = append(f.use.attrs, onnx.AttrGraph(attr, &onnx.GraphProto{
		Name: s.path[:len(s.path)-1], Node: s.nodes, Input: infos(in), Output: infos(out),
	}))
	f.use.results = append(f.use.results, typesOf(out))
	if len(f.use.results) == 1 {
		f.use.outs = len(out)
	}
	for _, v := range out {
		if v.bad {
			f.use.in = append(f.use.in, v) // the op is refused without a second error
		}
	}
}

// results checks what a function gives back and makes each result a value of its own.
func (b *Graph) results(line string, out []Value) []Value {
	seen := map[string]bool{}
	res := make([]Value, len(out))
	for i, v := range out {
		reason, bad := b.check([]Value{v})
		if reason == "" && !bad && b.s.place != "" && v.place != "" && v.place != b.s.place {
			reason = "result " + v.name + " lives at " + v.place + " and the function runs at " + b.s.place
		}
		switch {
		case reason != "":
			b.s.st.fail(line, b.s.name, "result %d: %s", i, reason)
			res[i] = Value{s: b.s, bad: true}
		case bad:
			res[i] = Value{s: b.s, bad: true}
		case v.s != b.s || v.node == nil || seen[v.name]:
			res[i] = b.record(use{decl: b.s.st.catalogue.Lookup(op.Flow, "PassThrough"), line: line, in: []Value{v},
				outs: 1})[0]
		default:
			res[i] = v
		}
		seen[v.name] = true
	}
	return res
}

// If runs one of two bodies and returns its results, of which both must give as many. A body may read the values around
// it.
func (g *Graph) If(condition Value, then, otherwise func(b *Graph) []Value) []Value {
	f := g.frame("If", []Value{condition})
	f.body("then_branch", nil, nil, func(b *Graph, _ []Value) []Value { return then(b) })
	f.body("else_branch", nil, nil, func(b *Graph, _ []Value) []Value { return otherwise(b) })
	return g.record(f.use)
}

// Loop runs its body count times, one after the other, and returns the carried values of the last run; without a run,
// those that it was given. The body gets the number of the run from 0, and the carried values; it may read the values
// around it. A loop whose inputs are all constants needs a place: see At.
func (g *Graph) Loop(count Value, carried []Value, body func(b *Graph, i Value, carried []Value) []Value) []Value {
	f := g.frame("Loop", append([]Value{count}, carried...))
	names, of := []string{"i"}, []types.Type{types.Int()}
	for i, v := range carried {
		names = append(names, "carried."+itoa(i))
		of = append(of, general(v.typ))
	}
	// The author gets slices of its own: writing to them changes nothing that was recorded.
	f.body("body", names, of, func(b *Graph, in []Value) []Value { return body(b, in[0], slices.Clone(in[1:])) })
	f.use.outs = len(carried)
	return g.record(f.use)
}

// general forgets the shapes of what a loop carries: a later run may give another one. The compiler finds out.
func general(t types.Type) types.Type {
	if t.IsTensor() && t.Tensor.DType != 0 {
		t.Tensor.Shape, t.Tensor.Value, t.Tensor.Unranked = nil, nil, true
	}
	if len(t.Items) > 0 {
		items := make([]types.Type, len(t.Items))
		for i := range items {
			items[i] = general(t.Items[i])
		}
		t.Items = items
	}
	return t
}

// Frame runs a body once in a child frame and returns its results: the activation around it goes on while an op of the
// body waits, and a failure in it fails the results only.
func (g *Graph) Frame(in []Value, body func(b *Graph, in []Value) []Value) []Value {
	f := g.frame("Call", in)
	names := make([]string, len(in))
	for i := range names {
		names[i] = "in." + itoa(i)
	}
	f.body("body", names, typesOf(in), body)
	return g.record(f.use)
}
