package lower_test

import (
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// TestActivations: the activations give what onnx's reference evaluator gives (1.23.2), also for what is infinite and
// for what is no number, and their gradients are those of finite differences.
func TestActivations(t *testing.T) {
	inf := float32(math.Inf(1))
	x := []float32{-3, -0.5, 0, 1, 4, inf, -inf, float32(math.NaN())}
	for _, c := range activationCases() {
		name := c.n.GetOpType()
		t.Run(name, func(t *testing.T) {
			in := given{"x": f32([]int{len(x)}, x...), "s": f32([]int{1}, 0.25),
				"b": f32([]int{len(x)}, 0, 1, 2, 3, 4, 5, 6, 7)}
			nodes := []*onnx.NodeProto{c.n}
			near(t, name, run(t, lowered(t, nodes, in), in, "z")[0], c.want)
			wide := given{"x": f64([]int{4}, -2.9, -0.6, 0.7, 2)}
			switch {
			case c.n.GetInput()[len(c.n.GetInput())-1] == "s":
				wide["s"] = f64([]int{1}, 0.25)
			case len(c.n.GetInput()) > 1:
				wide["b"] = f64([]int{4}, 1, -1, 2, 3)
			}
			differentiable(t, nodes, wide)
		})
	}
}

type activationCase struct {
	n    *onnx.NodeProto
	want []float64
}

func activationCases() []activationCase {
	inf, nan := math.Inf(1), math.NaN()
	return []activationCase{
		{node("z = Elu x", onnx.AttrFloat("alpha", 2)), []float64{-1.90042591, -0.786938667, 0, 1, 4, inf, -2, nan}},
		{node("z = Gelu x", onnx.AttrString("approximate", "tanh")), []float64{-0.00363734365, -0.154285997, 0,
			0.841192007, 3.9999299, inf, nan, nan}},
		{node("z = Gelu x"), []float64{-0.00404968858, -0.15426877, 0, 0.841344714, 3.99987316, inf, nan, nan}},
		{node("z = Celu x", onnx.AttrFloat("alpha", 2)), []float64{-1.55373967, -0.442398429, 0, 1, 4, inf, -2, nan}},
		{node("z = HardSigmoid x", onnx.AttrFloat("alpha", 0.5), onnx.AttrFloat("beta", 0.6)),
			[]float64{0, 0.350000024, 0.600000024, 1, 1, 1, 0, nan}},
		{node("z = HardSwish x"), []float64{0, -0.208333328, 0, 0.666666687, 4, inf, nan, nan}},
		{node("z = Mish x"), []float64{-0.145647466, -0.220743775, 0, 0.865098417, 3.99741292, inf, nan, nan}},
		{node("z = Selu x"), []float64{-1.67056882, -0.691758215, 0, 1.05070102, 4.20280409, inf, -1.75809932, nan}},
		{node("z = Selu x", onnx.AttrFloat("alpha", 2), onnx.AttrFloat("gamma", 3)),
			[]float64{-5.70127773, -2.360816, 0, 3, 12, inf, -6, nan}},
		{node("z = Shrink x", onnx.AttrFloat("bias", 0.25), onnx.AttrFloat("lambd", 0.75)),
			[]float64{-2.75, 0, 0, 0.75, 3.75, inf, -inf, 0}},
		{node("z = Softplus x"), []float64{0.048587352, 0.474076986, 0.693147182, 1.31326175, 4.01814985, inf, 0, nan}},
		{node("z = Softsign x"), []float64{-0.75, -0.333333343, 0, 0.5, 0.800000012, nan, nan, nan}},
		{node("z = Swish x", onnx.AttrFloat("alpha", 2)), []float64{-0.00741786975, -0.134470701, 0, 0.880797029,
			3.99865866, inf, nan, nan}},
		{node("z = ThresholdedRelu x", onnx.AttrFloat("alpha", 0.5)), []float64{0, 0, 0, 1, 4, inf, 0, 0}},
		{node("z = PRelu x s"), []float64{-0.75, -0.125, 0, 1, 4, inf, -inf, nan}},
		{node("z = SwiGLU x b", onnx.AttrFloat("alpha", 2)), []float64{0, -0.134470701, 0, 2.6423912, 15.9946346, inf,
			nan, nan}},
	}
}

// TestSoftplusAtZero: where a network begins, with zeros, its gradient is a half, and nothing overflows far out.
func TestSoftplusAtZero(t *testing.T) {
	nodes := []*onnx.NodeProto{node("z = Softplus x")}
	differentiable(t, nodes, given{"x": f64([]int{5}, 0, 100, -100, 30, -30)})
}

// TestParts: Split in all its forms, CastLike, and Dropout that drops nothing.
func TestParts(t *testing.T) {
	i := onnx.AttrInt
	in := given{"x": f32([]int{2, 5}, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), "l": i64([]int{3}, 2, 0, 3), "n": i64([]int{}, 4)}
	nodes := []*onnx.NodeProto{
		node("a b c = Split x l", i("axis", -1)), node("d e = Split x", i("axis", 1), i("num_outputs", 2)),
		node("f g = Split x"), node("h = CastLike n x"), node("k m = Dropout x"), node("w = HannWindow n"),
	}
	for j, want := range [][]float64{{0, 1, 5, 6}, {}, {2, 3, 4, 7, 8, 9}, {0, 1, 2, 5, 6, 7}, {3, 4, 8, 9},
		{0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}, {4}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {0, 0.5, 1, 0.5}} {
		name := []string{"a", "b", "c", "d", "e", "f", "g", "h", "k", "w"}[j]
		near(t, name, run(t, lowered(t, nodes, in, "l", "n"), in, name)[0], want)
	}
	mask := run(t, lowered(t, nodes, in, "l", "n"), in, "m")[0]
	for _, yes := range mask.Bool() {
		if !yes {
			t.Error("something is dropped")
		}
	}
	differentiable(t, []*onnx.NodeProto{node("a b = Split x"), node("z = Sub a b")},
		given{"x": f64([]int{4, 2}, 1, 2, 3, 4, 5, 6, 7, 8)})
}

// TestHalves: what is given in halves is computed in float32 and rounded once.
func TestHalves(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float16, tensor.BFloat16} {
		to, back := onnx.AttrInt("to", int64(d)), onnx.AttrInt("to", int64(tensor.Float32))
		in := given{"x": f32([]int{3}, -1.5, 0.25, 2)}
		nodes := []*onnx.NodeProto{node("h = Cast x", to), node("e = Mish h"), node("z = Cast e", back),
			node("w = Mish x"), node("v = Cast w", to), node("y = Cast v", back)}
		got := run(t, lowered(t, nodes, in), in, "z", "y")
		if !got[0].Equal(got[1]) {
			t.Errorf("%v: %v; want %v", d, got[0].Float32(), got[1].Float32())
		}
	}
}
