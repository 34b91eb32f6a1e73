package gradient_test

import (
	"math/rand/v2"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// functionCases are functions of one number, folds along a dimension, and what is taken from places and put there.
func functionCases(in, pos func(string, ...int) input) (out []graphCase) {
	r := rand.New(rand.NewPCG(9, 10))
	add := func(name string, in []input, nodes ...*onnx.NodeProto) { out = append(out, graphCase{name, nodes, in}) }
	i, s := onnx.AttrInt, onnx.AttrString
	for _, op := range []string{"Erf", "Sin", "Cos", "Sinh", "Cosh", "Asinh", "Atan"} {
		add(op, []input{in("x", 2, 3)}, node("z = "+op+" x"))
	}
	for _, op := range []string{"Asin", "Acos", "Atanh", "Tan"} {
		add(op, []input{floatIn(r, "x", -0.8, 0.8, 2, 3)}, node("z = "+op+" x"))
	}
	add("Acosh", []input{floatIn(r, "x", 1.2, 3, 5)}, node("z = Acosh x"))
	for _, op := range []string{"Round", "Hardmax"} {
		add(op, []input{in("x", 5)}, node("h = "+op+" x"), node("z = Add x h"))
	}
	add("Mod", []input{in("a", 2, 3), pos("b", 3)}, node("z = Mod a b", i("fmod", 1)))
	for _, op := range []string{"ReduceL1", "ReduceL2", "ReduceLogSumExp"} {
		add(op, []input{in("x", 2, 3)}, node("z = "+op+" x"))
		add(op+" axes", []input{in("x", 2, 3, 4)}, axes("k", 0, -1), node("z = "+op+" x k", i("keepdims", 0)))
	}
	add("ReduceLogSum", []input{pos("x", 2, 3)}, axes("k", 1), node("z = ReduceLogSum x k", i("keepdims", 0)))
	for v := range int64(4) {
		add("CumSum", []input{in("x", 3, 4)}, axes("k", 1-v&1), node("z = CumSum x k", i("exclusive", v&1),
			i("reverse", v>>1)))
	}
	add("Trilu", []input{in("x", 2, 3, 4)}, node("z = Trilu x"))
	add("Trilu low", []input{in("x", 3, 4)}, axes("k", 1), node("z = Trilu x k", i("upper", 0)))
	add("Tile static", []input{in("x", 2, 3)}, axes("k", 2, 3), node("z = Tile x k"))
	add("ReverseSequence", []input{in("x", 3, 2, 2), intIn("l", []int{2}, 3, 2)}, node("z = ReverseSequence x l"))
	add("GatherElements", []input{in("x", 3, 2), intIn("k", []int{2, 2}, 1, -1, 1, 0)}, node("z = GatherElements x k"))
	add("GatherElements inside", []input{in("x", 2, 3), intIn("k", []int{2, 4}, 0, 0, 2, -1, 1, 1, 1, 2)},
		node("z = GatherElements x k", i("axis", 1)))
	add("GatherND static", []input{in("x", 3, 2, 2), intIn("k", []int{3, 2}, 1, -1, 1, 1, 0, 0)},
		node("z = GatherND x k"))
	add("GatherND slices", []input{in("x", 3, 2), intIn("k", []int{2, 2, 1}, 1, -1, 1, 0)}, node("z = GatherND x k"))
	add("ScatterElements", []input{in("x", 3, 2), intIn("k", []int{2, 2}, 1, 0, 2, -2), in("u", 2, 2)},
		node("z = ScatterElements x k u"))
	add("ScatterElements add", []input{in("x", 2, 3), intIn("k", []int{2, 2}, 1, 1, 2, 0), in("u", 2, 2)},
		node("z = ScatterElements x k u", i("axis", 1), s("reduction", "add")))
	add("ScatterND", []input{in("x", 3, 2), intIn("k", []int{2, 1}, 2, 0), in("u", 2, 2)}, node("z = ScatterND x k u"))
	add("ScatterND add", []input{in("x", 3, 2), intIn("k", []int{3, 1}, 2, 0, -1), in("u", 3, 2)},
		node("z = ScatterND x k u", s("reduction", "add")))
	add("TopK", []input{in("x", 3, 5)}, axes("k", 2), node("h p = TopK x k"), node("z = Mul h h"))
	add("TopK least", []input{in("x", 3, 4)}, axes("k", 2), node("z = TopK x k", i("axis", 0), i("largest", 0)))
	return out
}
