package importer

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// graphOf makes a model of one input x and one output y.
func graphOf(opset int64, shape []int64, nodes []*onnx.NodeProto, inits ...*onnx.TensorProto) *onnx.ModelProto {
	return &onnx.ModelProto{IrVersion: 4, OpsetImport: []*onnx.OperatorSetIdProto{{Version: opset},
		{Domain: "ai.onnx", Version: 1}, {Domain: "unused", Version: 7}, {Domain: mlDomain, Version: 1}},
		Graph: &onnx.GraphProto{Name: "g", Node: nodes, Initializer: inits,
			Input:  []*onnx.ValueInfoProto{onnx.ValueInfo("x", tensor.Float32, shape...)},
			Output: []*onnx.ValueInfoProto{{Name: "y", Type: onnx.UnrankedType(tensor.Float32)}}}}
}

func floatsOf(t testing.TB, shape []int, v ...float32) *tensor.Tensor {
	t.Helper()
	x, err := tensor.FromFloat32(shape, v)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// evaluate runs a model on one input.
func evaluate(t testing.TB, m *onnx.ModelProto, x *tensor.Tensor) (*tensor.Tensor, error) {
	t.Helper()
	im, err := Import(m, Options{Evaluate: true})
	if err != nil {
		return nil, err
	}
	g, err := im.At(max(x.Shape()[0], 1))
	if err != nil {
		return nil, err
	}
	var values []*tensor.Tensor
	for _, p := range im.Trained() {
		values = append(values, p.Value)
	}
	out, err := run(g, nil, nil, map[string]*tensor.Tensor{"in:x": x}, values)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// TestOlderForms: what was an attribute became an input, and what had another meaning is written as what it meant.
func TestOlderForms(t *testing.T) {
	one := func(op string, attrs ...*onnx.AttributeProto) []*onnx.NodeProto {
		return []*onnx.NodeProto{onnx.Node("", op, "n", []string{"x"}, []string{"y"}, attrs...)}
	}
	e := float32(math.E)
	for _, c := range []struct {
		name  string
		opset int64
		nodes []*onnx.NodeProto
		x     *tensor.Tensor
		want  *tensor.Tensor
	}{
		// Below 13 the axis cuts the input into a matrix: all four numbers of a sample are one row.
		{"Softmax-11", 11, one("Softmax"), floatsOf(t, []int{1, 2, 2}, 0, 0, 1, 1),
			floatsOf(t, []int{1, 2, 2}, 1/(2+2*e), 1/(2+2*e), e/(2+2*e), e/(2+2*e))},
		{"Softmax-13", 13, one("Softmax"), floatsOf(t, []int{1, 2, 2}, 0, 0, 1, 1), floatsOf(t, []int{1, 2, 2}, .5, .5,
			.5, .5)},
		{"Squeeze-11", 11, one("Squeeze", onnx.AttrInts("axes", 1)), floatsOf(t, []int{2, 1}, 1, 2),
			floatsOf(t, []int{2}, 1, 2)},
		{"Unsqueeze-11", 11, one("Unsqueeze", onnx.AttrInts("axes", 0)), floatsOf(t, []int{2}, 1, 2),
			floatsOf(t, []int{1, 2}, 1, 2)},
		{"Clip-6", 10, one("Clip", onnx.AttrFloat("min", 0), onnx.AttrFloat("max", 1)),
			floatsOf(t, []int{3}, -1, .5, 2),
			floatsOf(t, []int{3}, 0, .5, 1)},
		{"Clip-6 of one bound", 10, one("Clip", onnx.AttrFloat("max", 1)), floatsOf(t, []int{3}, -1, .5, 2),
			floatsOf(t, []int{3}, -1, .5, 1)},
		{"Slice-1", 9, one("Slice", onnx.AttrInts("starts", 1), onnx.AttrInts("ends", 3), onnx.AttrInts("axes", 1)),
			floatsOf(t, []int{1, 4}, 1, 2, 3, 4), floatsOf(t, []int{1, 2}, 2, 3)},
		{"Dropout-7", 7, one("Dropout", onnx.AttrFloat("ratio", .5)), floatsOf(t, []int{2}, 1, 2),
			floatsOf(t, []int{2}, 1, 2)},
		{"ReduceMean-11", 11, one("ReduceMean", onnx.AttrInts("axes", 1), onnx.AttrInt("keepdims", 0)),
			floatsOf(t, []int{1, 2}, 1, 3), floatsOf(t, []int{1}, 2)},
		{"ReduceSum-11", 11, one("ReduceSum", onnx.AttrInts("axes", 1), onnx.AttrInt("keepdims", 0)),
			floatsOf(t, []int{1, 2}, 1, 3), floatsOf(t, []int{1}, 4)},
		{"Cast-19", 19, one("Cast", onnx.AttrInt("to", 1), onnx.AttrInt("saturate", 1)), floatsOf(t, []int{1}, 2),
			floatsOf(t, []int{1}, 2)},
		{"Binarizer", 9, []*onnx.NodeProto{onnx.Node(mlDomain, "Binarizer", "", []string{"x"}, []string{"y"},
			onnx.AttrFloat("threshold", 1))}, floatsOf(t, []int{3}, 0, 1, 2), floatsOf(t, []int{3}, 0, 0, 1)},
		{"Imputer", 9, []*onnx.NodeProto{onnx.Node(mlDomain, "Imputer", "", []string{"x"}, []string{"y"},
			onnx.AttrFloats("imputed_value_floats", 7), onnx.AttrFloat("replaced_value_float", float32(math.NaN())))},
			floatsOf(t, []int{1, 2}, 1, float32(math.NaN())), floatsOf(t, []int{1, 2}, 1, 7)},
		{"Normalizer of zeros", 9, []*onnx.NodeProto{onnx.Node(mlDomain, "Normalizer", "", []string{"x"}, []string{"y"},
			onnx.AttrString("norm", "L1"))}, floatsOf(t, []int{2, 2}, 0, 0, 1, -3), floatsOf(t, []int{2, 2}, 0, 0, .25,
			-.75)},
		{"LinearRegressor", 9, []*onnx.NodeProto{onnx.Node(mlDomain, "LinearRegressor", "", []string{"x"},
			[]string{"y"},
			onnx.AttrFloats("coefficients", 2, 3), onnx.AttrFloats("intercepts", 1))},
			floatsOf(t, []int{1, 2}, 10, 100), floatsOf(t, []int{1, 1}, 321)},
	} {
		shape := make([]int64, c.x.Rank())
		for i, d := range c.x.Shape() {
			shape[i] = int64(d)
		}
		got, err := evaluate(t, graphOf(c.opset, shape, c.nodes), c.x)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if d := distance(got, c.want); !(d < 1e-6) {
			t.Errorf("%s gives %v %v, want %v", c.name, got, head(got), head(c.want))
		}
	}
	if _, err := Inspect(graphOf(6, []int64{1}, one("Relu")), Options{}); err == nil {
		t.Error("operator set 6 is read")
	}
	if _, err := Inspect(graphOf(29, []int64{1}, one("Relu")), Options{}); err == nil {
		t.Error("operator set 29 is read")
	}
}

// TestFunctions: bodies take the place of calls, with the names and attributes of the call; what has no end is refused.
func TestFunctions(t *testing.T) {
	ref := onnx.AttrRef("alpha", onnx.AttributeProto_FLOAT, "slope")
	m := graphOf(17, []int64{1, 2}, []*onnx.NodeProto{
		onnx.Node("f", "Leak", "a", []string{"x"}, []string{"m"}, onnx.AttrFloat("slope", .5)),
		onnx.Node("f", "Leak", "b", []string{"m"}, []string{"y"})})
	m.Functions = []*onnx.FunctionProto{
		{Domain: "f", Name: "Leak", Input: []string{"in"}, Output: []string{"out"},
			AttributeProto: []*onnx.AttributeProto{onnx.AttrFloat("slope", .25)},
			Node: []*onnx.NodeProto{onnx.Node("f", "Twice", "", []string{"in"}, []string{"t"}),
				onnx.Node("", "LeakyRelu", "", []string{"t"}, []string{"out"}, ref)}},
		{Domain: "f", Name: "Twice", Input: []string{"in"}, Output: []string{"out"},
			Node: []*onnx.NodeProto{onnx.Node("", "Add", "", []string{"in", "in"}, []string{"out"})}},
	}
	got, err := evaluate(t, m, floatsOf(t, []int{1, 2}, 1, -1))
	if want := floatsOf(t, []int{1, 2}, 4, -.5); err != nil || distance(got, want) > 1e-6 {
		t.Errorf("the functions give %v (%v), want %v", got, err, head(want))
	}
	m.Functions[1].Node[0] = onnx.Node("f", "Leak", "", []string{"in"}, []string{"out"})
	if _, err := evaluate(t, m, floatsOf(t, []int{1, 2}, 1, -1)); err == nil || !strings.Contains(err.Error(),
		"calls itself") {
		t.Errorf("got %v; want a refusal of functions without an end", err)
	}
	// Functions of nothing but calls, each of many: the calls are counted, not the nodes.
	m.Functions = nil
	for i := range depthMax - 1 {
		f := &onnx.FunctionProto{Domain: "f", Name: string(rune('A' + i)), Input: []string{"in"},
			Output: []string{"out"}}
		for k := range 8 {
			f.Node = append(f.Node, onnx.Node("f", string(rune('A'+i+1)), "", []string{"in"},
				[]string{string(rune('a' + k))}))
		}
		f.Node[0].Output[0] = "out"
		m.Functions = append(m.Functions, f)
	}
	m.Functions = append(m.Functions, &onnx.FunctionProto{Domain: "f", Name: string(rune('A' + depthMax - 1)),
		Input: []string{"in"}, Output: []string{"out"}})
	m.Graph.Node = []*onnx.NodeProto{onnx.Node("f", "A", "", []string{"x"}, []string{"y"})}
	if _, err := evaluate(t, m, floatsOf(t, []int{1, 2}, 1, -1)); err == nil {
		t.Error("functions that call functions without bound are taken")
	}
}

// TestHalf: numbers of 16 bits are float32 and come back as they were, each of them.
func TestHalf(t *testing.T) {
	for _, d := range []int32{int32(onnx.TensorProto_FLOAT16), int32(onnx.TensorProto_BFLOAT16)} {
		raw := make([]byte, 0, 1<<17)
		for b := range 1 << 16 {
			raw = append(raw, byte(b), byte(b>>8))
		}
		x := widened(&onnx.TensorProto{DataType: d, Dims: []int64{1 << 16}, RawData: raw}, []int{1 << 16})
		back := narrowed(x.Float32(), d)
		for b := range 1 << 16 {
			v := x.Float32()[b]
			if v != v {
				continue // not a number stays one, its other bits do not matter
			}
			if back[2*b] != raw[2*b] || back[2*b+1] != raw[2*b+1] {
				t.Fatalf("type %d: %#x is %v and comes back as %#x %#x", d, b, v, back[2*b+1], back[2*b])
			}
		}
	}
	for v, want := range map[float32]uint16{1: 0x3c00, 65504: 0x7bff, 65520: 0x7c00, 1 + 1.0/2048: 0x3c00,
		1 + 3.0/2048: 0x3c02, 5.9604645e-8: 1, 2.9802322e-8: 0, -2: 0xc000, 6.1e-5: 0x3ff} {
		if got := toFloat16(v); got != want {
			t.Errorf("%v is %#x, want %#x", v, got, want)
		}
	}
}

// FuzzImport: whatever comes is refused, or is a model: its graph for a batch is what onnxop knows, its bare form is a
// model again, and what is exported of it too.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"mlp_plain", "sk_logreg_zipmap", "tabular_two_inputs", "embed_tied", "cnn_batch1",
		"lstm_last"} {
		b, err := inspected(f, name, Options{}).Bare()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	four := &onnx.TensorProto{Name: "w", Dims: []int64{3, 1}, DataType: int32(onnx.TensorProto_INT4),
		RawData: []byte{0x8f, 7}}
	b, err := onnx.Marshal(packedModel(four, &onnx.TensorProto{Name: "zero", DataType: four.DataType,
		RawData: []byte{1}}, onnx.Node("", "DequantizeLinear", "dq", []string{"w", "s", "zero"}, []string{"d"})))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	lim := onnx.Limits{Bytes: 1 << 16, Depth: 32, Nodes: 1 << 8, Tensors: 1 << 8, Attributes: 1 << 10,
		Messages: 1 << 12,
		Strings:  1 << 11}
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		p, err := onnx.Load(b, lim)
		if err != nil {
			return
		}
		m, err := Inspect(p, Options{SplitShared: true, AddBias: true})
		if err != nil || m.Refused() != nil {
			return
		}
		g, err := m.At(3)
		if err != nil {
			return
		}
		for _, n := range g.Nodes {
			if onnxop.Lookup(n.Domain, n.OpType) == nil {
				t.Errorf("%s is no primitive operator", n.OpType)
			}
		}
		bare, err := m.Bare()
		if err != nil {
			return // a text that is no UTF-8
		}
		again, err := ImportTold(mustLoad(t, bare), Options{})
		if err != nil {
			t.Fatalf("the bare form is refused: %v", err)
		}
		if !slices.EqualFunc(m.Trained(), again.Trained(), func(a, b Param) bool { return a.Name == b.Name }) {
			t.Errorf("the bare form trains something else")
		}
	})
}

func mustLoad(t *testing.T, b []byte) *onnx.ModelProto {
	p, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return p
}
