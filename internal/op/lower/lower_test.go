package lower_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/lower"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// given is the values that a test graph reads.
type given map[string]*tensor.Tensor

func f32(shape []int, v ...float32) *tensor.Tensor { return must(tensor.FromFloat32(shape, v)) }
func f64(shape []int, v ...float64) *tensor.Tensor { return must(tensor.FromFloat64(shape, v)) }
func i64(shape []int, v ...int64) *tensor.Tensor   { return must(tensor.FromInt64(shape, v)) }

func must(t *tensor.Tensor, err error) *tensor.Tensor {
	if err != nil {
		panic(err)
	}
	return t
}

// node makes a node of the form "out out = Op in in", in which _ is an input or output that is not given.
func node(text string, attrs ...*onnx.AttributeProto) *onnx.NodeProto {
	out, rest, _ := strings.Cut(text, " = ")
	in, outs := strings.Fields(rest), strings.Fields(out)
	for _, list := range [][]string{in, outs} {
		for i := range list {
			if list[i] == "_" {
				list[i] = ""
			}
		}
	}
	return onnx.Node("", in[0], "", in[1:], outs, attrs...)
}

// typesOf are the types of given values; those that are named are constants.
func typesOf(in given, constants ...string) map[string]onnxop.Type {
	types := map[string]onnxop.Type{}
	for name, t := range in {
		typ := onnxop.Of(t)
		if !slices.Contains(constants, name) {
			typ.Value = nil
		}
		types[name] = typ
	}
	return types
}

// run compiles nodes that stand for themselves and runs them.
func run(t testing.TB, nodes []*onnx.NodeProto, in given, outs ...string) []*tensor.Tensor {
	t.Helper()
	g := &onnx.GraphProto{Name: "test", Node: nodes}
	var values []*tensor.Tensor
	for name, v := range in {
		dims := make([]int64, len(v.Shape()))
		for i, d := range v.Shape() {
			dims[i] = int64(d)
		}
		g.Input, values = append(g.Input, onnx.ValueInfo(name, v.DType(), dims...)), append(values, v)
	}
	for _, o := range outs {
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: o})
	}
	p, err := backend.Compile(g, backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(values)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// lowered writes nodes as primitive ones.
func lowered(t testing.TB, nodes []*onnx.NodeProto, in given, constants ...string) []*onnx.NodeProto {
	t.Helper()
	out, err := lower.Graph(nodes, typesOf(in, constants...), "low")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range out {
		if lower.Has(n.GetDomain(), n.GetOpType()) {
			t.Fatalf("%s is left as it was", n.GetOpType())
		}
	}
	return out
}

// near compares a result with what another implementation gave, at 1e-5 of its size.
func near(t testing.TB, name string, got *tensor.Tensor, want []float64) {
	t.Helper()
	x := floatsOf(got)
	if len(x) != len(want) {
		t.Fatalf("%s: %d elements; want %d", name, len(x), len(want))
	}
	for i, w := range want {
		if g := x[i]; !(g == w || math.IsNaN(g) && math.IsNaN(w) || math.Abs(g-w) <= 1e-5*(1+math.Abs(w))) {
			t.Errorf("%s: element %d is %v; want %v", name, i, g, w)
		}
	}
}

func floatsOf(t *tensor.Tensor) (out []float64) {
	switch t.DType() {
	case tensor.Float64:
		return t.Float64()
	case tensor.Float32:
		for _, v := range t.Float32() {
			out = append(out, float64(v))
		}
	default:
		for _, v := range onnxop.Integers(t) {
			out = append(out, float64(v))
		}
	}
	return out
}

// differentiable checks the gradient by every float64 input against finite differences, through what the nodes are
// written as: of the sum of z's elements, each with a weight of its own.
func differentiable(t *testing.T, nodes []*onnx.NodeProto, in given, constants ...string) {
	t.Helper()
	types := typesOf(in, constants...)
	low, err := lower.Graph(nodes, types, "low")
	if err != nil {
		t.Fatal(err)
	}
	z := types["z"]
	w := make([]float64, z.Elements())
	for i := range w {
		w[i] = 0.5 + float64(i%7)/5
	}
	in["w"] = f64(z.Shape, w...)
	low = append(low, node("weighted = Mul z w"), node("total = ReduceSum weighted", onnx.AttrInt("keepdims", 0)))
	var xs []string
	for name, v := range in {
		if v.DType() == tensor.Float64 && name != "w" && !slices.Contains(constants, name) {
			xs = append(xs, name)
		}
	}
	slices.Sort(xs)
	extra, grads, err := gradient.Build(low, typesOf(in, constants...), "total", xs, "grad")
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, slices.Concat(low, extra), in, grads...)
	for k, x := range xs {
		for j, g := range got[k].Float64() {
			at := func(h float64) float64 {
				moved := given{}
				for name, v := range in {
					moved[name] = v
				}
				v := slices.Clone(in[x].Float64())
				v[j] += h
				moved[x] = f64(in[x].Shape(), v...)
				return run(t, low, moved, "total")[0].Float64()[0]
			}
			const h = 1e-4
			if want := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h); !(math.Abs(g-want) <= 1e-6*(1+
				math.Abs(want))) {
				t.Errorf("d/d%s[%d] is %.10g; finite differences give %.10g", x, j, g, want)
			}
		}
	}
}

// Names of outputs stay, those of new values begin with the prefix, and the types of all are known after.
func TestNames(t *testing.T) {
	in := given{"x": f32([]int{2}, -1, 2)}
	types := typesOf(in)
	nodes := []*onnx.NodeProto{node("a = Elu x"), node("b = Neg a"),
		node("c = Gelu b", onnx.AttrString("approximate", "tanh"))}
	before := proto.Clone(&onnx.GraphProto{Node: nodes})
	out, err := lower.Graph(nodes, types, "low")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range out {
		for _, v := range n.GetOutput() {
			if !slices.Contains([]string{"a", "b", "c"}, v) && !strings.HasPrefix(v, "low/") {
				t.Errorf("a new value is called %q", v)
			}
			if types[v].Absent() {
				t.Errorf("the type of %q is not known", v)
			}
		}
	}
	for _, v := range []string{"a", "b", "c"} {
		if typ := types[v]; !typ.Equal(onnxop.Type{DType: tensor.Float32, Shape: []int{2}}) {
			t.Errorf("%s is %v", v, typ)
		}
	}
	if !proto.Equal(before, &onnx.GraphProto{Node: nodes}) {
		t.Error("the nodes were changed")
	}
	again, err := lower.Graph(nodes, typesOf(in), "low")
	if err != nil || !proto.Equal(&onnx.GraphProto{Node: out}, &onnx.GraphProto{Node: again}) {
		t.Errorf("twice the same gives something else: %v", err)
	}
}

// What cannot be written is an error that names the node, its operator and what would be right.
func TestErrors(t *testing.T) {
	in := given{"x": f32([]int{2}, -1, 2), "n": i64([]int{1}, 1)}
	for _, c := range []struct {
		n    *onnx.NodeProto
		want string
	}{
		{node("z = Elu"), "has 0 inputs; want 1 to 1"},
		{node("z y = Elu x"), "has 2 outputs; want 1 to 1"},
		{node("z = Elu n"), "input 0 is int64[1]"},
		{node("z = Elu q"), "nothing before it makes"},
		{node("z = Elu x", onnx.AttrInt("alpha", 1)), "is of type INT"},
		{node("z = Elu x", onnx.AttrInt("beta", 1)), `"beta" is unknown`},
		{node("z = Gelu x", onnx.AttrString("approximate", "sine")), "want none or tanh"},
		{node("z = Split x n"), "known in the run only"},
		{node("z y = Split x", onnx.AttrInt("num_outputs", 3)), "num_outputs is 3 and there are 2 outputs"},
		{node("z = Dropout x _ n"), "want bool"},
	} {
		_, err := lower.Graph([]*onnx.NodeProto{c.n}, typesOf(in), "low")
		var e *lower.Error
		if !errors.As(err, &e) || e.Op != c.n.GetOpType() || e.Node != "z" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v; want an Error about %q", err, c.want)
		}
	}
	var e *lower.Error
	empty := graphOf([]string{"i", "go", "v"}, []string{"go", "v"})
	for range 3 {
		empty = graphOf([]string{"i", "go", "v"}, []string{"go", "v"}, node("l = Loop many _ v",
			onnx.AttrGraph("body", empty)))
	}
	in["many"] = i64([]int{}, 4096)
	if _, err := lower.Graph([]*onnx.NodeProto{node("z = Loop many _ x", onnx.AttrGraph("body", empty))},
		typesOf(in, "many"), "low"); !errors.As(err, &e) || !strings.Contains(err.Error(), "want fewer runs") {
		t.Errorf("loops of loops of nothing: got %v; want an Error", err)
	}
	long := given{"x": f32([]int{4096, 1, 1}, make([]float32, 4096)...), "w": f32([]int{1, 4, 1}, 1, 1, 1, 1),
		"r": f32([]int{1, 4, 1}, 1, 1, 1, 1)}
	if _, err := lower.Graph([]*onnx.NodeProto{node("z = LSTM x w r")}, typesOf(long), "low"); !errors.As(err, &e) ||
		!strings.Contains(err.Error(), "want shorter sequences") {
		t.Errorf("a long sequence: got %v; want an Error", err)
	}
	taken := []*onnx.NodeProto{node("low/0_Constant = Neg x"), node("z = Elu x")}
	if _, err := lower.Graph(taken, map[string]onnxop.Type{"x": typesOf(in)["x"], "low/1_Constant": {DType: 1}},
		"low"); !errors.As(err, &e) || !strings.Contains(err.Error(), "another prefix") {
		t.Errorf("got %v; want an Error about the prefix", err)
	}
}
