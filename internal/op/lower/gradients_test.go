package lower_test

import (
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// drawn is a float64 tensor of numbers from -1 to 1.
func drawn(r *rand.Rand, shape ...int) *tensor.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = 2*r.Float64() - 1
	}
	return f64(shape, v...)
}

// TestGradients: the gradients through what operators stand for are those of finite differences, of every input.
func TestGradients(t *testing.T) {
	for _, c := range gradientCases() {
		t.Run(c.name, func(t *testing.T) { differentiable(t, c.nodes, c.in) })
	}
}

type gradientCase struct {
	name  string
	nodes []*onnx.NodeProto
	in    given
}

func gradientCases() []gradientCase {
	r := rand.New(rand.NewPCG(3, 4))
	f := func(shape ...int) *tensor.Tensor { return drawn(r, shape...) }
	i, s := onnx.AttrInt, onnx.AttrString
	return []gradientCase{
		{"RNN", []*onnx.NodeProto{node("_ z = RNN x u r", s("direction", "reverse"))},
			given{"x": f(3, 2, 2), "u": f(1, 3, 2), "r": f(1, 3, 3)}},
		{"GRU", []*onnx.NodeProto{node("z = GRU x u r b _ h")}, given{"x": f(3, 2, 2), "u": f(1, 9, 2), "r": f(1, 9, 3),
			"b": f(1, 18), "h": f(1, 2, 3)}},
		{"GRU reset", []*onnx.NodeProto{node("z = GRU x u r b", i("linear_before_reset", 1), i("layout", 1))},
			given{"x": f(2, 3, 2), "u": f(1, 6, 2), "r": f(1, 6, 2), "b": f(1, 12)}},
		{"LSTM", []*onnx.NodeProto{node("y _ z = LSTM x u r b l h e", s("direction", "bidirectional"))},
			given{"x": f(3, 2, 2), "u": f(2, 8, 2), "r": f(2, 8, 2), "b": f(2, 16), "h": f(2, 2, 2), "e": f(2, 2, 2),
				"l": must(tensor.FromInt32([]int{2}, []int32{2, 3}))}},
		{"LSTM peepholes", []*onnx.NodeProto{node("z = LSTM x u r _ _ _ _ p")},
			given{"x": f(2, 1, 2), "u": f(1, 8, 2), "r": f(1, 8, 2), "p": f(1, 6)}},
		{"Attention", []*onnx.NodeProto{node("z = Attention q k v m", i("is_causal", 1), onnx.AttrFloat("softcap", 2))},
			given{"q": f(1, 4, 2, 2), "k": f(1, 2, 3, 2), "v": f(1, 2, 3, 2), "m": f(2, 3)}},
		{"Attention closed", []*onnx.NodeProto{node("z = Attention q k v m", i("q_num_heads", 2),
			i("kv_num_heads", 2))}, given{"q": f(1, 2, 4), "k": f(1, 2, 4), "v": f(1, 2, 4),
			"m": must(tensor.FromBool([]int{2, 2}, []bool{false, false, true, false}))}},
		{"RotaryEmbedding", []*onnx.NodeProto{node("z = RotaryEmbedding x c s", i("interleaved", 1))},
			given{"x": f(1, 2, 3, 4), "c": f(1, 3, 2), "s": f(1, 3, 2)}},
		{"BatchNormalization",
			[]*onnx.NodeProto{node("z = BatchNormalization x s b m v", onnx.AttrFloat("epsilon", 2))},
			given{"x": f(2, 3, 2), "s": f(3), "b": f(3), "m": f(3), "v": f(3)}},
		{"BatchNormalization training", []*onnx.NodeProto{node("z _ _ = BatchNormalization x s b m v",
			i("training_mode", 1))}, given{"x": f(2, 3, 2), "s": f(3), "b": f(3), "m": f(3), "v": f(3)}},
		{"running", []*onnx.NodeProto{node("_ z _ = BatchNormalization x s b m v", i("training_mode", 1))},
			given{"x": f(2, 3, 2), "s": f(3), "b": f(3), "m": f(3), "v": f(3)}},
		{"LayerNormalization", []*onnx.NodeProto{node("z = LayerNormalization x s b", i("axis", 1))},
			given{"x": f(2, 3, 2), "s": f(3, 2), "b": f(2)}},
		{"RMSNormalization", []*onnx.NodeProto{node("z = RMSNormalization x s")}, given{"x": f(2, 3), "s": f(3)}},
		{"GroupNormalization", []*onnx.NodeProto{node("z = GroupNormalization x s b", i("num_groups", 2))},
			given{"x": f(2, 4, 2), "s": f(4), "b": f(2)}},
		{"InstanceNormalization", []*onnx.NodeProto{node("z = InstanceNormalization x s b")},
			given{"x": f(2, 2, 3), "s": f(2), "b": f(2)}},
		{"LpNormalization", []*onnx.NodeProto{node("z = LpNormalization x")}, given{"x": f(2, 3)}},
		{"LRN", []*onnx.NodeProto{node("z = LRN x", i("size", 3), onnx.AttrFloat("alpha", 0.5))},
			given{"x": f(1, 4, 2)}},
		{"MeanVarianceNormalization", []*onnx.NodeProto{node("z = MeanVarianceNormalization x")},
			given{"x": f(2, 2, 2, 2)}},
		{"pools", []*onnx.NodeProto{node("a = GlobalAveragePool x"), node("b = GlobalMaxPool x"),
			node("l = GlobalLpPool x"), node("z = Sum a b l")}, given{"x": f(1, 2, 3, 2)}},
		{"LpPool", []*onnx.NodeProto{node("z = LpPool x", onnx.AttrInts("kernel_shape", 2, 2))},
			given{"x": f(1, 2, 3, 3)}},
		{"depth", []*onnx.NodeProto{node("a = DepthToSpace x", i("blocksize", 2)),
			node("z = SpaceToDepth a", i("blocksize", 2))}, given{"x": f(1, 4, 1, 2)}},
		{"Pad", []*onnx.NodeProto{node("k = Constant", onnx.AttrInts("value_ints", 1, -1, 0, 2)),
			node("a = Pad x k"), node("b = Pad a k", s("mode", "reflect")), node("z = Pad b k", s("mode", "edge"))},
			given{"x": f(3, 4)}},
		{"Resize", []*onnx.NodeProto{node("k = Constant", onnx.AttrInts("value_ints", 1, 1, 5, 2)),
			node("a = Resize x _ _ k", s("mode", "linear")), node("b = Resize x _ _ k"),
			node("g = Resize x _ _ k", s("mode", "cubic"), i("antialias", 1)), node("z = Sum a b g")},
			given{"x": f(1, 1, 3, 4)}},
		{"MaxUnpool", []*onnx.NodeProto{node("a p = MaxPool x", onnx.AttrInts("kernel_shape", 2, 2)),
			node("z = MaxUnpool a p", onnx.AttrInts("kernel_shape", 2, 2))}, given{"x": f(1, 1, 3, 3)}},
		{"Col2Im", []*onnx.NodeProto{node("k = Constant", onnx.AttrInts("value_ints", 3, 3)),
			node("b = Constant", onnx.AttrInts("value_ints", 2, 2)), node("z = Col2Im x k b")},
			given{"x": f(1, 4, 4)}},
		{"GridSample", []*onnx.NodeProto{node("a = GridSample x g"), node("b = GridSample x g", i("align_corners", 1),
			s("padding_mode", "border")), node("c = GridSample x g", s("mode", "cubic"),
			s("padding_mode", "reflection")), node("e = GridSample x g", s("mode", "nearest")),
			node("z = Sum a b c e")}, given{"x": f(2, 2, 3, 4), "g": f64([]int{2, 1, 2, 2}, -0.31, 0.42, 1.9,
			-1.6, 0.11,
			0.93, -1.27, -0.64)}},
		{"GridSample line", []*onnx.NodeProto{node("z = GridSample x g", i("align_corners", 1),
			s("padding_mode", "reflection"))}, given{"x": f(1, 2, 4), "g": f64([]int{1, 3, 1}, -0.4, 1.3, -2.7)}},
		{"AffineGrid", []*onnx.NodeProto{node("k = Constant", onnx.AttrInts("value_ints", 2, 1, 2, 3)),
			node("g = AffineGrid t k"), node("z = GridSample x g")}, given{"x": f(2, 1, 3, 3), "t": f(2, 2, 3)}},
		{"RoiAlign", []*onnx.NodeProto{node("a = RoiAlign x b k", i("sampling_ratio", 2), i("output_height", 2)),
			node("c = RoiAlign x b k", i("sampling_ratio", 1), i("output_height", 2), s("mode", "max"),
				s("coordinate_transformation_mode", "output_half_pixel")), node("z = Sum a c")},
			given{"x": f(2, 2, 4, 5), "k": i64([]int{2}, 1, 0),
				"b": f64([]int{2, 4}, 0.6, 0.7, 3.1, 3.3, -1.2, 1.9, 2.3, 2.95)}},
		{"DeformConv", []*onnx.NodeProto{node("z = DeformConv x u o b m", i("group", 2), i("offset_group", 2),
			onnx.AttrInts("pads", 1, 0, 0, 1))}, given{"x": f(1, 4, 3, 3), "u": f(2, 2, 2, 2), "o": f(1, 16, 3, 3),
			"b": f(2), "m": f(1, 8, 3, 3)}},
		{"Einsum", []*onnx.NodeProto{node("z = Einsum a b c", s("equation", "bij,jbk,k->ki"))},
			given{"a": f(2, 3, 4), "b": f(4, 2, 2), "c": f(2)}},
		{"DFT", []*onnx.NodeProto{node("z = DFT x", i("onesided", 1), i("axis", 1))}, given{"x": f(2, 5, 1)}},
		{"DFT back", []*onnx.NodeProto{node("z = DFT x", i("onesided", 1), i("inverse", 1), i("axis", 0))},
			given{"x": f(3, 2, 2)}},
		{"CausalConvWithState", []*onnx.NodeProto{node("z = CausalConvWithState x k b", s("activation", "silu"))},
			given{"x": f(1, 2, 4), "k": f(2, 1, 3), "b": f(2)}},
		{"LinearAttention", []*onnx.NodeProto{node("z = LinearAttention q k v _ d b", i("q_num_heads", 2),
			i("kv_num_heads", 1))}, given{"q": f(1, 3, 4), "k": f(1, 3, 2), "v": f(1, 3, 2), "d": f(1, 3, 1),
			"b": f(1, 3, 1)}},
		{"TensorScatter", []*onnx.NodeProto{node("z = TensorScatter x u n", s("mode", "circular"))},
			given{"x": f(2, 3, 2), "u": f(2, 2, 2), "n": i64([]int{2}, 2, 0)}},
		{"Einsum dots", []*onnx.NodeProto{node("z = Einsum a b", s("equation", "...ii,i...->...i"))},
			given{"a": f(2, 3, 3), "b": f(3, 2)}},
	}
}

// graphOf makes a body of nodes; values are floats of two elements.
func graphOf(in, out []string, nodes ...*onnx.NodeProto) *onnx.GraphProto {
	g := &onnx.GraphProto{Name: "body", Node: nodes}
	for _, v := range in {
		g.Input = append(g.Input, onnx.ValueInfo(v, tensor.Float32, 2))
	}
	for _, v := range out {
		g.Output = append(g.Output, onnx.ValueInfo(v, tensor.Float32, 2))
	}
	return g
}

// TestControl: branches, loops and scans give what their bodies do, in bodies of bodies too, whose names are their own;
// a condition of the run chooses.
func TestControl(t *testing.T) {
	for _, c := range controlCases() {
		t.Run(c.name, func(t *testing.T) {
			nodes, in := []*onnx.NodeProto{node("q = Add ones ones"), c.n}, controlInputs()
			near(t, c.name, run(t, lowered(t, nodes, in, c.constants...), in, "z")[0], c.want)
		})
	}
	wide := given{"x": f64([]int{2}, 3, -1), "m": f64([]int{3, 2}, 1, 2, 3, 4, 5, 6)}
	for _, c := range controlCases() {
		if c.name == "scan" {
			differentiable(t, []*onnx.NodeProto{c.n}, wide)
		}
	}
}

type controlCase struct {
	name      string
	n         *onnx.NodeProto
	constants []string
	want      []float64
}

func controlInputs() given {
	yes, no := must(tensor.FromBool([]int{}, []bool{true})), must(tensor.FromBool([]int{}, []bool{false}))
	return given{"x": f32([]int{2}, 3, -1), "yes": yes, "no": no, "n": i64([]int{}, 3), "none": i64([]int{}, 0),
		"ten": f32([]int{}, 10), "m": f32([]int{3, 2}, 1, 2, 3, 4, 5, 6), "ones": f32([]int{2}, 4, 4)}
}

func controlCases() []controlCase {
	double, square := graphOf(nil, []string{"a"}, node("a = Add x x")), graphOf(nil, []string{"a"}, node("a = Mul x x"))
	choose := func(cond string) *onnx.NodeProto {
		return node("z = If "+cond, onnx.AttrGraph("then_branch", double), onnx.AttrGraph("else_branch", square))
	}
	inner := node("b = If go", onnx.AttrGraph("then_branch", graphOf(nil, []string{"a"}, node("a = Add v x"))),
		onnx.AttrGraph("else_branch", graphOf(nil, []string{"a"}, node("a = Sub v x"))))
	body := graphOf([]string{"i", "go", "v"}, []string{"go", "b", "a"}, inner, node("a = Gelu b",
		onnx.AttrString("approximate", "tanh")), node("unread = Neg a"))
	two := graphOf([]string{"i", "go", "v"}, []string{"go", "a", "a", "n"}, node("a = Add v x"), node("n = Neg a"))
	until := graphOf([]string{"i", "go", "v"}, []string{"less", "a"}, node("a = Add v v"),
		node("s = ReduceSum a", onnx.AttrInt("keepdims", 0)), node("less = Less s ten"))
	sum := graphOf([]string{"v", "p"}, []string{"a", "n"}, node("a = Add v p"), node("n = Neg a"))
	scan := []*onnx.AttributeProto{onnx.AttrGraph("body", sum), onnx.AttrInt("num_scan_inputs", 1)}
	return []controlCase{
		{"then", choose("yes"), []string{"yes"}, []float64{6, -2}},
		{"else", choose("no"), []string{"no"}, []float64{9, 1}},
		{"then of the run", choose("yes"), nil, []float64{6, -2}},
		{"else of the run", choose("no"), nil, []float64{9, 1}},
		{"loop", node("z _ = Loop n yes x", onnx.AttrGraph("body", body)), []string{"n", "yes"}, []float64{12, -4}},
		{"loop unasked", node("z _ = Loop n _ x", onnx.AttrGraph("body", body)), []string{"n"}, []float64{12, -4}},
		{"loop that does not begin", node("z _ = Loop n no x", onnx.AttrGraph("body", body)), []string{"n", "no"},
			[]float64{3, -1}},
		{"loop of no runs", node("_ z = Loop none yes x", onnx.AttrGraph("body", body)), []string{"none", "yes"}, nil},
		{"loop that gives two of each run", node("_ _ z = Loop n yes x", onnx.AttrGraph("body", two)),
			[]string{"n", "yes"}, []float64{-6, 2, -9, 3, -12, 4}},
		{"loop that gives two of no runs", node("_ _ z = Loop none yes x", onnx.AttrGraph("body", two)),
			[]string{"none", "yes"}, nil},
		{"loop until the run says", node("z = Loop n yes x", onnx.AttrGraph("body", until)), []string{"n"},
			[]float64{24, -8}},
		{"loop that the run ends", node("z = Loop n yes q", onnx.AttrGraph("body", until)), []string{"n"},
			[]float64{16, 16}},
		{"scan", node("z _ = Scan x m", scan...), nil, []float64{12, 11}},
		{"scan back", node("_ z = Scan x m", append(scan, onnx.AttrInts("scan_input_directions", 1),
			onnx.AttrInts("scan_output_axes", 1))...), nil, []float64{-8, -11, -12, -5, -9, -11}},
	}
}
