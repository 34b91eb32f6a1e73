package backend

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Every operator of the catalogue has a kernel for every element type that its entry names, and no kernel is without an
// operator.
func TestEveryOperatorHasItsKernel(t *testing.T) {
	if len(Ops()) != len(kernels) || len(onnxop.All()) != len(kernels) {
		t.Errorf("%d operators and %d kernels", len(onnxop.All()), len(kernels))
	}
	for _, op := range onnxop.All() {
		def := kernels[kernelKey{op.Domain, op.Name}]
		if def == nil {
			t.Errorf("%s has no kernel", op.Name)
			continue
		}
		for _, d := range op.Types {
			g, ok := sample(op, d)
			if !ok || def.view {
				continue
			}
			if _, err := Compile(g, Options{}); err != nil {
				t.Errorf("%s of %v: %v", op.Name, d, err)
			}
		}
	}
}

// sample is a graph of one node of the operator on an element type, or false for operators that never run.
func sample(op *onnxop.Op, d tensor.DType) (*onnx.GraphProto, bool) {
	x := func(name string, d tensor.DType, dims ...int64) *onnx.ValueInfoProto {
		return onnx.ValueInfo(name, d, dims...)
	}
	i64 := tensor.Int64
	constant := func(name string, v ...int64) *onnx.TensorProto { return intTensor(v...).Proto(name) }
	g := &onnx.GraphProto{Output: []*onnx.ValueInfoProto{{Name: "z"}}}
	in, attrs := []*onnx.ValueInfoProto{x("a", d, 2, 2), x("b", d, 2, 2)}[:min(2, op.In.Min)],
		[]*onnx.AttributeProto(nil)
	switch op.Name {
	case "Constant", "Shape", "Size", "ConstantOfShape":
		return nil, false // known before a run
	case "Cast":
		attrs = append(attrs, onnx.AttrInt("to", int64(tensor.Float32)))
	case "Concat":
		attrs = append(attrs, onnx.AttrInt("axis", 0))
	case "Where":
		in = append(in, x("c", tensor.Bool, 2, 2))
		in[0], in[2], in[1] = in[2], in[0], x("b", tensor.Bool, 2, 2)
		in[2] = x("a", tensor.Bool, 2, 2)
	case "OneHot":
		in = []*onnx.ValueInfoProto{x("a", d, 2), x("b", i64, 1), x("c", tensor.Float32, 2)}
		g.Initializer = append(g.Initializer, constant("b", 3))
	case "Gather":
		in[1] = x("b", i64, 2)
	case "Conv", "ConvTranspose":
		in = []*onnx.ValueInfoProto{x("a", d, 1, 2, 3), x("b", d, 2, 2, 2)}
	case "ConvWeights":
		in = []*onnx.ValueInfoProto{x("a", d, 1, 2, 3), x("b", d, 1, 2, 2)}
		attrs = append(attrs, onnx.AttrInts("kernel_shape", 2))
	case "AveragePool", "MaxPool", "SumPool":
		in[0] = x("a", d, 1, 2, 3)
		attrs = append(attrs, onnx.AttrInts("kernel_shape", 2))
	case "PoolGradient":
		in = []*onnx.ValueInfoProto{x("a", d, 1, 2, 2), x("b", i64, 3)}
		g.Initializer = append(g.Initializer, constant("b", 1, 2, 3))
		attrs = append(attrs, onnx.AttrInts("kernel_shape", 2))
	case "ScatterAdd":
		in = []*onnx.ValueInfoProto{x("a", d, 2), x("b", i64, 2), x("c", i64, 1)}
		g.Initializer = append(g.Initializer, constant("c", 3))
	case "BitCast":
		attrs = append(attrs, onnx.AttrInt("to", int64(d)))
	case "BitShift":
		attrs = append(attrs, onnx.AttrString("direction", "LEFT"))
	case "CumSum", "CumProd", "TopK", "ReverseSequence", "Tile", "Compress":
		v := []int64{1}
		if op.Name == "ReverseSequence" || op.Name == "Tile" {
			v = []int64{1, 2}
		}
		in[1] = x("b", i64, int64(len(v)))
		g.Initializer = append(g.Initializer, constant("b", v...))
		if op.Name == "Compress" {
			in[1] = x("b", tensor.Bool, 2)
			g.Initializer[0] = must(tensor.FromBool([]int{2}, []bool{false, true})).Proto("b")
		}
	case "Uniform":
		in, attrs = []*onnx.ValueInfoProto{x("a", i64, 1)}, append(attrs, onnx.AttrInts("shape", 2))
	case "NonMaxSuppression", "NonZero", "Unique":
		return nil, false // of values that are known
	case "GatherElements", "GatherND", "ScatterElements", "ScatterND":
		in[1] = x("b", i64, 2, 2)
		if op.In.Min == 3 {
			in = append(in, x("c", d, 2, 2))
		}
		if op.Name == "ScatterND" {
			in[2] = x("c", d, 2)
		}
	case "Range":
		g.Initializer = append(g.Initializer, casts(d)...)
		in = []*onnx.ValueInfoProto{x("a", d), x("b", d), x("c", d)}
	case "Expand":
		in[1] = x("b", i64, 2)
		g.Initializer = append(g.Initializer, constant("b", 2, 2))
	case "Slice":
		in = []*onnx.ValueInfoProto{x("a", d, 2, 2), x("b", i64, 1), x("c", i64, 1)}
		g.Initializer = append(g.Initializer, constant("b", 0), constant("c", 1))
	case "SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss":
		in[1] = x("b", tensor.Int32, 2)
	case "Adam", "Adagrad", "Momentum":
		in = []*onnx.ValueInfoProto{x("r", tensor.Float32), x("t", i64), x("a", d, 2), x("b", d, 2), x("v", d, 2),
			x("h", d, 2)}
		outs := []string{"z", "y", "w"}
		if op.Name != "Adam" {
			in, outs = in[:5], outs[:2]
			in[0] = x("r", d)
		}
		if d == tensor.Float64 && op.Name == "Adam" {
			in[0] = x("r", d)
		}
		if op.Name == "Momentum" {
			attrs = []*onnx.AttributeProto{onnx.AttrFloat("alpha", 1), onnx.AttrFloat("beta", 1),
				onnx.AttrFloat("norm_coefficient", 0), onnx.AttrString("mode", "nesterov")}
		}
		names := []string{}
		for _, v := range in {
			names = append(names, v.Name)
		}
		g.Input, g.Node = in, []*onnx.NodeProto{onnx.Node(op.Domain, op.Name, "", names, outs, attrs...)}
		return g, true
	}
	names := []string{}
	for _, v := range in {
		names = append(names, v.Name)
	}
	g.Input, g.Node = in, []*onnx.NodeProto{onnx.Node(op.Domain, op.Name, "", names, []string{"z"}, attrs...)}
	return g, true
}

// casts are the numbers a, b and c of an element type: 1, 4 and 2.
func casts(d tensor.DType) []*onnx.TensorProto {
	var out []*onnx.TensorProto
	for i, v := range []int64{1, 4, 2} {
		one := must(tensor.FromInt64([]int{}, []int64{v}))
		g := graphOf([]*onnx.NodeProto{nodeOf("z = Cast x", onnx.AttrInt("to", int64(d)))}, []string{"x"},
			[]*tensor.Tensor{one}, []string{"z"}, false)
		out = append(out, must(must(Compile(g, Options{})).Run([]*tensor.Tensor{one}))[0].Proto(string(rune('a'+i))))
	}
	return out
}

// A graph that is not one is refused with an error of a type that says why.
func TestCompileErrors(t *testing.T) {
	f := onnx.ValueInfo("x", tensor.Float32, 2, 3)
	out := func(names ...string) (o []*onnx.ValueInfoProto) {
		for _, n := range names {
			o = append(o, &onnx.ValueInfoProto{Name: n})
		}
		return o
	}
	graph := func(nodes ...*onnx.NodeProto) *onnx.GraphProto {
		return &onnx.GraphProto{Name: "g", Input: []*onnx.ValueInfoProto{f}, Node: nodes, Output: out("z")}
	}
	twice := graph(nodeOf("z = Neg x"))
	twice.Input = append(twice.Input, f)
	sequence := graph(nodeOf("z = Neg x"))
	sequence.Input = []*onnx.ValueInfoProto{{Name: "x", Type: onnx.SequenceType(onnx.TensorType(tensor.Float32))}}
	sparse := graph(nodeOf("z = Neg x"))
	sparse.SparseInitializer = []*onnx.SparseTensorProto{{}}
	bad := graph(nodeOf("z = Neg x"))
	bad.Initializer = []*onnx.TensorProto{{Name: "w", DataType: 1, Dims: []int64{1 << 40}}}
	for _, c := range []struct {
		name string
		g    *onnx.GraphProto
		o    Options
		as   any
		want string
	}{
		{"unknown operator", graph(nodeOf("z = ImageDecoder x x")), Options{}, new(*UnsupportedError),
			"ai.onnx.ImageDecoder"},
		{"unknown operator that nothing needs", graph(nodeOf("z = Neg x"), nodeOf("y = ImageDecoder x x")),
			Options{},
			new(*UnsupportedError), "ai.onnx.ImageDecoder"},
		{"old operator set", graph(nodeOf("z = Neg x")), Options{Opset: 7}, new(*UnsupportedError), "version 7"},
		{"element type", graph(nodeOf("b = Less x x"), nodeOf("z = Exp b")), Options{}, new(*UnsupportedError), "bool"},
		{"rule", graph(nodeOf("z = MatMul x x")), Options{}, new(*RuleError), "inner dimensions"},
		{"order", graph(nodeOf("z = Neg y"), nodeOf("y = Neg x")), Options{}, new(*GraphError),
			"nothing before it makes"},
		{"loop", graph(nodeOf("z = Neg z")), Options{}, new(*GraphError), "nothing before it makes"},
		{"made twice", graph(nodeOf("z = Neg x"), nodeOf("z = Exp x")), Options{}, new(*GraphError), "made twice"},
		{"input twice", twice, Options{}, new(*GraphError), "made twice"},
		{"no output", graph(nodeOf("y = Neg x")), Options{}, new(*GraphError), "made by no node"},
		{"sequence", sequence, Options{}, new(*GraphError), "not a tensor"},
		{"sparse", sparse, Options{}, new(*GraphError), "sparse"},
		{"initializer", bad, Options{}, new(*GraphError), "initializer"},
		{"types", graph(nodeOf("z = Neg x")), Options{Inputs: make([]onnxop.Type, 3)}, new(*GraphError),
			"3 types given for 1"},
		{"memory", graph(nodeOf("z = Neg x")), Options{BytesMax: 8}, new(*LimitError), "24 bytes"},
		{"shape from values", graph(nodeOf("i = ArgMax x", onnx.AttrInt("keepdims", 0)), nodeOf("z = Reshape x i")),
			Options{}, new(*RuleError), "copies dimension 2"},
	} {
		p, err := Compile(c.g, c.o)
		if err == nil && c.name == "shape from values" {
			_, err = p.Run([]*tensor.Tensor{must(tensor.FromFloat32([]int{2, 3}, make([]float32, 6)))})
		}
		if err == nil || !errors.As(err, c.as) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v; want a %T about %q", c.name, err, c.as, c.want)
		}
	}
}

// A run with unfit inputs or impossible values is a typed error, and the plan is as good as before.
func TestRunErrors(t *testing.T) {
	x := must(tensor.FromFloat32([]int{2, 3}, []float32{1, 2, 3, 4, 5, 6}))
	one := func(n *onnx.NodeProto, in ...*tensor.Tensor) (*Plan, []*tensor.Tensor) {
		names := []string{"a", "b", "c"}[:len(in)]
		return must(Compile(graphOf([]*onnx.NodeProto{n}, names, in, []string{"z"}, false), Options{})), in
	}
	for _, c := range []struct {
		n     *onnx.NodeProto
		in    []*tensor.Tensor
		cause any
		want  string
	}{
		{nodeOf("z = Gather a b"), []*tensor.Tensor{x, intTensor(0, 2)}, new(*kernel.IndexError),
			"index 2 at position 1 is outside of [-2, 1]"},
		{nodeOf("z = SoftmaxCrossEntropyLoss a b"), []*tensor.Tensor{x, intTensor(0, 3)}, new(*kernel.LabelError),
			"label 3 at position 1"},
		{nodeOf("z = SoftmaxCrossEntropyLoss a b", onnx.AttrInt("ignore_index", -2)),
			[]*tensor.Tensor{x, intTensor(-2, -1)}, new(*kernel.LabelError), "label -1"},
		{nodeOf("z = Div a b"), []*tensor.Tensor{intTensor(1), intTensor(0)}, nil, "divided by zero"},
	} {
		p, in := one(c.n, c.in...)
		for range 2 {
			_, err := p.Run(in)
			var run *RunError
			if !errors.As(err, &run) || run.Op != c.n.OpType || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v; want a RunError about %q", c.n.OpType, err, c.want)
			} else if c.cause == nil && !errors.Is(err, ErrDivision) || c.cause != nil && !errors.As(err, c.cause) {
				t.Errorf("%s: the cause is %T", c.n.OpType, run.Err)
			}
		}
	}
	p, in := one(nodeOf("z = Div a b"), intTensor(math.MinInt64), intTensor(-1))
	if out, err := p.Run(in); err != nil || out[0].Int64()[0] != math.MinInt64 {
		t.Errorf("the lowest int64 divided by -1: %v; want it to wrap", err)
	}
	p, _ = one(nodeOf("z = Neg a"), x)
	for _, bad := range [][]*tensor.Tensor{nil, {nil}, {x, x}, {intTensor(1)}, {must(x.Reshape([]int{3, 2}))}} {
		var input *InputError
		if _, err := p.Run(bad); !errors.As(err, &input) {
			t.Errorf("inputs %v: %v; want an InputError", bad, err)
		}
	}
}

// A function has no types: it takes those of the options, or those of the first run.
func TestFunction(t *testing.T) {
	f := &onnx.FunctionProto{Name: "f", Input: []string{"x", "y"}, Output: []string{"z"},
		Node:        []*onnx.NodeProto{nodeOf("z = Add x y")},
		OpsetImport: []*onnx.OperatorSetIdProto{{Version: 17}}}
	p := must(CompileFunction(f, Options{}))
	if !p.Outputs()[0].Type.Absent() {
		t.Errorf("the output is %v; want nothing known", p.Outputs()[0].Type)
	}
	if out := must(p.Run([]*tensor.Tensor{intTensor(1, 2), intTensor(3)})); out[0].Int64()[1] != 5 {
		t.Errorf("1, 2 plus 3 is %v", out[0].Int64())
	}
	var rule *RuleError
	if _, err := p.Run([]*tensor.Tensor{intTensor(1, 2), intTensor(1, 2, 3)}); !errors.As(err, &rule) {
		t.Errorf("got %v; want a RuleError", err)
	}
	typ := onnxop.Type{DType: tensor.Float32, Shape: []int{-1, 4}}
	p = must(CompileFunction(f, Options{Inputs: []onnxop.Type{typ, typ}}))
	if got := p.Outputs()[0].Type.String(); got != "float32[?,4]" {
		t.Errorf("the output is %s; want float32[?,4]", got)
	}
	f.OpsetImport[0].Version = 9
	var un *UnsupportedError
	if _, err := CompileFunction(f, Options{}); !errors.As(err, &un) || un.Version != 9 {
		t.Errorf("got %v; want an UnsupportedError about version 9", err)
	}
}

// An initializer of the name of an input takes its place.
func TestInitializers(t *testing.T) {
	x := must(tensor.FromFloat32([]int{2}, []float32{1, 2}))
	w := must(tensor.FromFloat32([]int{2}, []float32{3, float32(math.NaN())}))
	g := graphOf([]*onnx.NodeProto{nodeOf("z = Add x w")}, []string{"x", "w"}, []*tensor.Tensor{x, w},
		[]string{"z", "w"}, false)
	g.Initializer = []*onnx.TensorProto{w.Proto("w")}
	p := must(Compile(g, Options{}))
	if len(p.Inputs()) != 1 {
		t.Fatalf("the plan asks for %d inputs; want 1", len(p.Inputs()))
	}
	out := must(p.Run([]*tensor.Tensor{x}))
	if out[0].Float32()[0] != 4 || math.Float32bits(out[0].Float32()[1]) != 0x7fc00000 || !out[1].Equal(w) {
		t.Errorf("got %v and %v", out[0].Float32(), out[1].Float32())
	}
}
