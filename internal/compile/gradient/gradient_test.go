package gradient_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// input is a value that a test graph is given.
type input struct {
	name  string
	t     *tensor.Tensor
	fixed bool // not differentiated
}

// floatIn is an input of random float64 values in [lo, hi].
func floatIn(r *rand.Rand, name string, lo, hi float64, shape ...int) input {
	n := 1
	for _, d := range shape {
		n *= d
	}
	x := make([]float64, n)
	for i := range x {
		x[i] = lo + r.Float64()*(hi-lo)
	}
	t, err := tensor.FromFloat64(shape, x)
	if err != nil {
		panic(err)
	}
	return input{name: name, t: t}
}

func (in input) constant() input { in.fixed = true; return in }

func intIn(name string, shape []int, v ...int64) input {
	t, err := tensor.FromInt64(shape, v)
	if err != nil {
		panic(err)
	}
	return input{name: name, t: t, fixed: true}
}

// node makes a node of the form "out = Op in in".
func node(text string, attrs ...*onnx.AttributeProto) *onnx.NodeProto {
	out, rest, _ := strings.Cut(text, " = ")
	f := strings.Fields(rest)
	for i := range f {
		if f[i] == "_" {
			f[i] = ""
		}
	}
	return onnx.Node(onnxop.DomainOf(f[0]), f[0], "", f[1:], strings.Fields(out), attrs...)
}

// graphCase is a graph whose value z is made a scalar by a weighted sum, so that every element of z counts differently.
type graphCase struct {
	name  string
	nodes []*onnx.NodeProto
	in    []input
}

// scalar returns the nodes of the case with y = Σ z·w, and the inputs with w. z is all of outs.
func (g graphCase) scalar(t testing.TB) ([]*onnx.NodeProto, []input) {
	types := map[string]onnxop.Type{}
	for _, in := range g.in {
		types[in.name] = onnxop.Of(in.t)
	}
	last := g.nodes[len(g.nodes)-1]
	for _, n := range g.nodes {
		in := make([]onnxop.Type, len(n.Input))
		for i, v := range n.Input {
			in[i] = types[v]
		}
		out, err := onnxop.Infer(n, in)
		if err != nil {
			t.Fatalf("%s: %v", g.name, err)
		}
		for i, v := range n.Output {
			types[v] = out[i]
		}
	}
	r := rand.New(rand.NewPCG(99, 1))
	nodes, ins := slices.Clone(g.nodes), slices.Clone(g.in)
	var sums []string
	for i, z := range last.Output {
		w := floatIn(r, fmt.Sprintf("w%d", i), 0.5, 2, types[z].Shape...).constant()
		ins = append(ins, w)
		p, s := fmt.Sprintf("p%d", i), fmt.Sprintf("s%d", i)
		nodes = append(nodes, node(p+" = Mul "+z+" "+w.name), node(s+" = ReduceSum "+p, onnx.AttrInt("keepdims", 0)))
		sums = append(sums, s)
	}
	return append(nodes, node("y = Sum "+strings.Join(sums, " "))), ins
}

// as32 rounds the float inputs to float32.
func as32(in []input) []input {
	out := slices.Clone(in)
	for i := range out {
		if x := out[i].t.Float64(); x != nil {
			y := make([]float32, len(x))
			for j := range x {
				y[j] = float32(x[j])
			}
			t, err := tensor.FromFloat32(out[i].t.Shape(), y)
			if err != nil {
				panic(err)
			}
			out[i].t = t
		}
	}
	return out
}

// program compiles nodes for inputs, by the newest rules; open leaves every dimension open.
func program(t testing.TB, nodes []*onnx.NodeProto, in []input, outs []string, open bool) *backend.Plan {
	g := &onnx.GraphProto{Name: "test", Node: nodes}
	for _, i := range in {
		typ := typeOf(i, open)
		dims := make([]int64, len(typ.Shape))
		for j, d := range typ.Shape {
			dims[j] = int64(d)
		}
		g.Input = append(g.Input, onnx.ValueInfo(i.name, typ.DType, dims...))
	}
	for _, o := range outs {
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: o})
	}
	p, err := backend.Compile(g, backend.Options{Rules: kernel.Fused})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func typeOf(in input, open bool) onnxop.Type {
	typ := onnxop.Type{DType: in.t.DType(), Shape: slices.Clone(in.t.Shape())}
	for i := range typ.Shape {
		if open && typ.Shape[i] != 1 {
			typ.Shape[i] = -1
		}
	}
	return typ
}

func values(in []input) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(in))
	for i := range in {
		out[i] = in[i].t
	}
	return out
}

// differentiate builds the gradient of y by all inputs that are not fixed, and runs it.
func differentiate(t testing.TB, nodes []*onnx.NodeProto, in []input, open bool) []*tensor.Tensor {
	t.Helper()
	types, xs := map[string]onnxop.Type{}, []string{}
	for _, i := range in {
		types[i.name] = typeOf(i, open)
		if !i.fixed {
			xs = append(xs, i.name)
		}
	}
	extra, grads, err := gradient.Build(nodes, types, "y", xs, "grad")
	if err != nil {
		t.Fatal(err)
	}
	all := append(slices.Clone(nodes), extra...)
	out, err := program(t, all, in, grads, open).Run(values(in))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// numeric is the derivative of y by element j of input i, by central differences of the fourth order.
func numeric(t testing.TB, p *backend.Plan, in []input, i, j int) float64 {
	at := func(h float64) float64 {
		vs := values(in)
		x := slices.Clone(in[i].t.Float64())
		x[j] += h
		moved, err := tensor.FromFloat64(in[i].t.Shape(), x)
		if err != nil {
			t.Fatal(err)
		}
		vs[i] = moved
		out, err := p.Run(vs)
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Float64()[0]
	}
	const h = 1e-3
	return (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
}

// check compares the gradients of a case with finite differences in float64, with the same graph in float32, and with
// the same graph whose dimensions are open.
func (g graphCase) check(t *testing.T) {
	nodes, in := g.scalar(t)
	in32 := as32(in)
	got := differentiate(t, nodes, in, false)
	if g.name != "" && !strings.Contains(g.name, "static") {
		for k, d := range differentiate(t, nodes, in, true) {
			if !d.Equal(got[k]) {
				t.Errorf("gradient %d differs when dimensions are open", k)
			}
		}
	}
	if strings.Contains(g.name, "wide") {
		in32 = in
	}
	narrow := differentiate(t, nodes, in32, false)
	p := program(t, nodes, in, []string{"y"}, false)
	k := 0
	for i, x := range in {
		if x.fixed {
			continue
		}
		if !slices.Equal(got[k].Shape(), x.t.Shape()) {
			t.Fatalf("gradient of %s has the shape %v; want %v", x.name, got[k].Shape(), x.t.Shape())
		}
		for j, d := range got[k].Float64() {
			if want := numeric(t, p, in, i, j); !(math.Abs(d-want) <= 1e-7*(1+math.Abs(want))) {
				t.Errorf("d/d%s[%d] is %.12g; finite differences give %.12g", x.name, j, d, want)
			}
			d32 := d
			if x := narrow[k].Float32(); x != nil {
				d32 = float64(x[j])
			}
			if !(math.Abs(d-d32) <= 1e-4*(1+math.Abs(d))) {
				t.Errorf("d/d%s[%d] is %g in float32; want %g", x.name, j, d32, d)
			}
		}
		k++
	}
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range cases() {
		for _, n := range g.nodes {
			seen[n.OpType] = true
		}
		t.Run(g.name, g.check)
	}
	for _, op := range gradient.Ops() {
		if !seen[op] {
			t.Errorf("no case differentiates %s", op)
		}
	}
}

// An operator without a rule between x and y is an error that names it; beside the way it is none.
func TestUnsupported(t *testing.T) {
	f := onnxop.Type{DType: tensor.Float32, Shape: []int{2}}
	types := map[string]onnxop.Type{"x": f, "c": f, "u": f, "i": {DType: tensor.Int64, Shape: []int{1}},
		"n": {DType: tensor.Int64, Shape: []int{}}}
	nodes := []*onnx.NodeProto{node("m = OneHot i n x"), node("y = ReduceSum m", onnx.AttrInt("keepdims", 0))}
	_, _, err := gradient.Build(nodes, types, "y", []string{"x"}, "g")
	var un *gradient.UnsupportedError
	if !errors.As(err, &un) || un.Op != "OneHot" || un.Node != "m" {
		t.Errorf("got %v; want an UnsupportedError that names OneHot", err)
	}
	nodes = []*onnx.NodeProto{
		node("h = OneHot i n c"), node("m = ReduceSum h", onnx.AttrInt("keepdims", 0)),
		onnx.Node("other", "Strange", "", []string{"c"}, []string{"u"}),
		node("p = Mul x u"), node("q = Mul p m"), node("y = ReduceSum q", onnx.AttrInt("keepdims", 0)),
	}
	if _, _, err := gradient.Build(nodes, types, "y", []string{"x"}, "g"); err != nil {
		t.Errorf("operators that no gradient has to pass: %v", err)
	}
	if _, _, err = gradient.Build(nodes, types, "y", []string{"c"}, "g"); !errors.As(err, &un) {
		t.Errorf("got %v; want an UnsupportedError", err)
	}
}

func TestBadRequests(t *testing.T) {
	types := map[string]onnxop.Type{
		"x": {DType: tensor.Float32, Shape: []int{3}}, "i": {DType: tensor.Int64, Shape: []int{}},
		"v": {DType: tensor.Float32, Shape: []int{}},
	}
	sum := node("y = ReduceSum x", onnx.AttrInt("keepdims", 0))
	for _, c := range []struct {
		name, y string
		xs      []string
		prefix  string
		nodes   []*onnx.NodeProto
		want    string
	}{
		{"y unknown", "q", []string{"x"}, "g", []*onnx.NodeProto{sum}, "not a value"},
		{"y no scalar", "x", []string{"x"}, "g", nil, "exactly one element"},
		{"y no float", "i", []string{"x"}, "g", nil, "want a float"},
		{"x unknown", "y", []string{"q"}, "g", []*onnx.NodeProto{sum}, "not a value"},
		{"x no float", "y", []string{"i"}, "g", []*onnx.NodeProto{sum}, "want a float"},
		{"order", "y", []string{"x"}, "g", []*onnx.NodeProto{node("y = ReduceSum a"), node("a = Neg x")},
			"made by nothing before"},
		{"prefix", "y", []string{"x"}, "g", []*onnx.NodeProto{node("g/0_Constant = Neg v"),
			node("y = Exp g/0_Constant")}, "another prefix"},
	} {
		if c.name == "prefix" {
			c.xs = []string{"v"}
		}
		_, _, err := gradient.Build(c.nodes, types, c.y, c.xs, c.prefix)
		var e *gradient.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v; want an Error about %q", c.name, err, c.want)
		}
	}
}

// The same request gives the same nodes, and leaves the graph as it was.
func TestDeterministic(t *testing.T) {
	for _, g := range cases() {
		nodes, in := g.scalar(t)
		types, xs := map[string]onnxop.Type{}, []string{}
		for _, i := range in {
			types[i.name] = onnxop.Of(i.t)
			if !i.fixed {
				xs = append(xs, i.name)
			}
		}
		before, n := proto.Clone(&onnx.GraphProto{Node: nodes}), len(types)
		a, ga, err := gradient.Build(nodes, types, "y", xs, "g")
		if err != nil {
			t.Fatal(err)
		}
		b, gb, err := gradient.Build(nodes, types, "y", xs, "g")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(ga, gb) || !proto.Equal(&onnx.GraphProto{Node: a}, &onnx.GraphProto{Node: b}) {
			t.Errorf("%s: two builds differ", g.name)
		}
		if len(types) != n || !proto.Equal(before, &onnx.GraphProto{Node: nodes}) {
			t.Errorf("%s: the graph was changed", g.name)
		}
	}
}

// An x that y does not depend on gets zeros, and y by itself 1.
func TestEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	in := []input{floatIn(r, "a", 1, 2, 2, 2), floatIn(r, "b", 1, 2, 3)}
	nodes := []*onnx.NodeProto{node("y = ReduceSum a", onnx.AttrInt("keepdims", 0))}
	types := map[string]onnxop.Type{"a": onnxop.Of(in[0].t), "b": onnxop.Of(in[1].t)}
	extra, grads, err := gradient.Build(nodes, types, "y", []string{"b", "y", "a"}, "g")
	if err != nil {
		t.Fatal(err)
	}
	out, err := program(t, append(nodes, extra...), in, grads, false).Run(values(in))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]float64{{0, 0, 0}, {1}, {1, 1, 1, 1}} {
		if !slices.Equal(out[i].Float64(), want) {
			t.Errorf("gradient %d is %v; want %v", i, out[i].Float64(), want)
		}
	}
}
