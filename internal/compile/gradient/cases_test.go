package gradient_test

import (
	"math/rand/v2"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// cases are graphs that together pass through every rule, with and without broadcasting. "static" in a name says that
// the rule needs known dimensions, "wide" that the graph is of float64 alone.
func cases() []graphCase {
	r := rand.New(rand.NewPCG(5, 6))
	in := func(name string, shape ...int) input { return floatIn(r, name, -2, 2, shape...) }
	pos := func(name string, shape ...int) input { return floatIn(r, name, 0.5, 2, shape...) }
	one := func(op string, x input, attrs ...*onnx.AttributeProto) graphCase {
		return graphCase{op, []*onnx.NodeProto{node("z = "+op+" x", attrs...)}, []input{x}}
	}
	two := func(name, op string, a, b input, attrs ...*onnx.AttributeProto) graphCase {
		return graphCase{op + " " + name, []*onnx.NodeProto{node("z = "+op+" a b", attrs...)}, []input{a, b}}
	}
	many := func(name string, in []input, nodes ...*onnx.NodeProto) graphCase { return graphCase{name, nodes, in} }
	i := onnx.AttrInt

	var out []graphCase
	for _, op := range []string{"Neg", "Relu", "Tanh", "Sigmoid", "Exp", "Identity", "Abs", "Ceil", "Floor", "Sign"} {
		out = append(out, one(op, in("x", 2, 3)))
	}
	for _, op := range []string{"Log", "Sqrt", "Reciprocal"} {
		out = append(out, one(op, pos("x", 4)))
	}
	for _, op := range []string{"Add", "Sub", "Mul", "Div"} {
		out = append(out,
			two("same", op, in("a", 2, 3), pos("b", 2, 3)),
			two("row", op, in("a", 2, 3), pos("b", 3)),
			two("column", op, in("a", 2, 3), pos("b", 2, 1)),
			two("scalar", op, in("a", 2, 3), pos("b")),
			two("both", op, in("a", 3, 1, 2), pos("b", 1, 4, 1)),
			two("left", op, in("a", 3), pos("b", 2, 1, 3)),
		)
	}
	out = append(out,
		many("x twice", []input{in("x", 3)}, node("z = Mul x x")),
		many("three readers", []input{in("x", 3)}, node("a = Exp x"), node("b = Tanh x"), node("z = Sum a b x")),
		many("chain", []input{in("x", 2, 2), in("k", 2)}, node("a = Mul x k"), node("b = Sigmoid a"),
			node("z = Add b x")),
		many("Sum broadcast", []input{in("a", 2, 3), in("b", 3), in("c")}, node("z = Sum a b c a")),
		many("Mean broadcast", []input{in("a", 2, 3), in("b", 2, 1)}, node("z = Mean a b")),
		many("Pow", []input{pos("x", 2, 3), pos("e", 3).constant()}, node("z = Pow x e")),
		many("Pow int", []input{in("x", 5), intIn("e", []int{}, 3)}, node("z = Pow x e")),
		many("Pow exponent", []input{pos("x", 2, 3), in("e", 3)}, node("z = Pow x e")),
		many("Pow zero", []input{in("x", 3), intIn("e", []int{3}, 0, 1, 2)}, node("z = Pow x e")),
		many("Where", []input{in("a", 2, 3), in("b", 3), in("c", 2, 1).constant(), in("d").constant()},
			node("m = Less c d"), node("z = Where m a b")),
		many("Cast wide", []input{in("x", 3)}, node("w = Mul x x"), node("z = Cast w", i("to", int64(tensor.Float64)))),

		two("2d", "MatMul", in("a", 2, 3), in("b", 3, 4)),
		two("batch", "MatMul", in("a", 2, 2, 3), in("b", 2, 3, 4)),
		two("batch left", "MatMul", in("a", 2, 2, 3), in("b", 3, 4)),
		two("batch right", "MatMul", in("a", 2, 3), in("b", 2, 3, 4)),
		two("batch broadcast", "MatMul", in("a", 2, 1, 2, 3), in("b", 3, 3, 2)),
		two("vectors", "MatMul", in("a", 3), in("b", 3)),
		two("row", "MatMul", in("a", 3), in("b", 2, 3, 4)),
		two("column", "MatMul", in("a", 2, 2, 3), in("b", 3)),
		two("batch of one", "MatMul", in("a", 1, 2, 3), in("b", 4, 3, 2)),

		one("ReduceSum", in("x", 2, 3)),
		one("ReduceSum", in("x", 2, 3, 2), i("keepdims", 0)),
		many("ReduceSum axes", []input{in("x", 2, 3, 4)}, axes("k", 0, -1),
			node("z = ReduceSum x k", i("keepdims", 0))),
		many("ReduceSum axis kept", []input{in("x", 2, 3, 4)}, axes("k", 1), node("z = ReduceSum x k")),
		many("ReduceSum noop", []input{in("x", 2, 3)}, node("z = ReduceSum x", i("noop_with_empty_axes", 1))),
		one("ReduceMean", in("x", 2, 3), onnx.AttrInts("axes", 1)),
		one("ReduceMean", in("x", 2, 3, 2), i("keepdims", 0)),

		many("Reshape", []input{in("x", 2, 3)}, axes("k", 3, -1), node("z = Reshape x k")),
		one("Flatten", in("x", 2, 3, 2), i("axis", 2)),
		one("Transpose", in("x", 2, 3, 4), onnx.AttrInts("perm", 1, 2, 0)),
		one("Transpose", in("x", 2, 3)),
		many("Squeeze", []input{in("x", 2, 1, 3)}, axes("k", 1), node("z = Squeeze x k")),
		many("Unsqueeze", []input{in("x", 2, 3)}, axes("k", 0, 2), node("z = Unsqueeze x k")),
		many("Expand", []input{in("x", 3, 1)}, axes("k", 2, 1, 4), node("z = Expand x k")),
		many("Concat", []input{in("a", 2, 3), in("b", 2, 1)}, node("z = Concat a b a", i("axis", -1))),
	)
	out = append(out, chosenCases(in)...)
	for _, op := range []string{"Softmax", "LogSoftmax"} {
		out = append(out, one(op, in("x", 3, 4)), one(op, in("x", 2, 3, 2), i("axis", 1)),
			one(op, in("x", 3, 2), i("axis", 0)))
	}
	out = append(out, gemmCases(in)...)
	out = append(out, lossCases(in, pos)...)
	out = append(out, windowCases(in)...)
	out = append(out, functionCases(in, pos)...)
	return append(out, one("LeakyRelu", in("x", 2, 3)), many("LeakyRelu falling", []input{in("x", 2, 3)},
		node("z = LeakyRelu x", onnx.AttrFloat("alpha", -0.5))))
}

// windowCases are convolutions and pools. Where dimensions over which a window goes have to be known the name says
// static.
func windowCases(in func(string, ...int) input) (out []graphCase) {
	i, list := onnx.AttrInt, onnx.AttrInts
	add := func(name string, in []input, n *onnx.NodeProto) {
		out = append(out, graphCase{name, []*onnx.NodeProto{n}, in})
	}
	for _, op := range []string{"Conv", "ConvTranspose"} {
		add(op+" line", []input{in("x", 2, 3, 5), in("k", 3, 3, 2), in("b", 3)},
			node("z = "+op+" x k b", list("kernel_shape", 2)))
		add(op, []input{in("x", 2, 2, 4, 3), in("k", 2, 2, 3, 2)}, node("z = "+op+" x k", list("kernel_shape", 3, 2),
			list("pads", 1, 0, 1, 1)))
		add(op+" groups", []input{in("x", 1, 4, 3, 4), in("k", 4, 2, 2, 2)}, node("z = "+op+" x k", i("group", 2),
			list("kernel_shape", 2, 2)))
		add(op+" depthwise", []input{in("x", 1, 3, 4, 4), in("k", 3, 1, 3, 3), in("b", 3)},
			node("z = "+op+" x k b", i("group", 3), list("pads", 1, 1, 1, 1), list("dilations", 1, 2),
				list("kernel_shape", 3, 3)))
		add(op+" static", []input{in("x", 2, 2, 7, 6), in("k", 2, 2, 3, 2)},
			node("z = "+op+" x k", list("strides", 2, 3), list("pads", 0, 1, 1, 0), list("dilations", 2, 1)))
		add(op+" space", []input{in("x", 1, 1, 3, 2, 3), in("k", 1, 1, 2, 2, 2)}, node("z = "+op+" x k",
			list("kernel_shape", 2, 2, 2)))
	}
	add("Conv same static", []input{in("x", 1, 2, 5, 6), in("k", 1, 2, 3, 4)},
		node("z = Conv x k", list("strides", 2, 2), onnx.AttrString("auto_pad", "SAME_LOWER")))
	add("ConvTranspose more static", []input{in("x", 1, 2, 3, 2), in("k", 2, 1, 2, 3)},
		node("z = ConvTranspose x k", list("strides", 3, 2), list("output_padding", 2, 1)))
	add("ConvTranspose said static", []input{in("x", 1, 2, 3, 2), in("k", 2, 1, 2, 2)},
		node("z = ConvTranspose x k", list("strides", 2, 2), list("output_shape", 9, 3)))
	add("ConvTranspose same static", []input{in("x", 1, 2, 3, 2), in("k", 2, 1, 3, 3)},
		node("z = ConvTranspose x k", list("strides", 2, 2), onnx.AttrString("auto_pad", "SAME_UPPER")))
	add("ConvWeights static", []input{in("x", 2, 4, 5), in("u", 2, 2, 2)},
		node("z = ConvWeights x u", i("group", 2), list("strides", 2), list("kernel_shape", 3)))
	kernel := list("kernel_shape", 2, 3)
	for _, op := range []string{"MaxPool", "AveragePool", "SumPool"} {
		add(op, []input{in("x", 2, 2, 4, 5)}, node("z = "+op+" x", kernel))
		add(op+" ceil", []input{in("x", 1, 2, 6, 5)}, node("z = "+op+" x", kernel, list("strides", 2, 2),
			list("pads", 1, 1, 0, 2), i("ceil_mode", 1)))
		add(op+" same", []input{in("x", 1, 2, 6, 5)}, node("z = "+op+" x", kernel, list("strides", 2, 2),
			onnx.AttrString("auto_pad", "SAME_UPPER"), list("dilations", 2, 1)))
	}
	add("AveragePool padded", []input{in("x", 1, 2, 6, 5)}, node("z = AveragePool x", kernel, list("strides", 2, 2),
		list("pads", 1, 1, 1, 1), i("ceil_mode", 1), i("count_include_pad", 1)))
	return append(out,
		graphCase{"MaxPool places", []*onnx.NodeProto{node("p at = MaxPool x", kernel), node("z = Mul p p")},
			[]input{in("x", 1, 1, 4, 5)}},
		graphCase{"PoolGradient", []*onnx.NodeProto{axes("s", 1, 1, 5, 4),
			node("z = PoolGradient d s", kernel, i("divide", 1))}, []input{in("d", 1, 1, 4, 2)}},
		graphCase{"ScatterAdd", []*onnx.NodeProto{axes("s", 2, 3), node("z = ScatterAdd d k s")},
			[]input{in("d", 5), intIn("k", []int{5}, 5, 0, -1, 5, 2)}})
}

// chosenCases take some of the elements.
func chosenCases(in func(string, ...int) input) (out []graphCase) {
	case1 := func(name string, in []input, nodes ...*onnx.NodeProto) { out = append(out, graphCase{name, nodes, in}) }
	i := onnx.AttrInt
	for _, op := range []string{"Max", "Min"} {
		case1(op, []input{in("a", 2, 3)}, node("z = "+op+" a"))
		case1(op+" broadcast", []input{in("a", 2, 3), in("b", 3), in("c")}, node("z = "+op+" a b c"))
		case1(op+" equal", []input{in("a", 2, 3)}, node("z = "+op+" a a"))
	}
	for _, op := range []string{"ReduceMax", "ReduceMin", "ReduceSumSquare"} {
		case1(op, []input{in("x", 2, 3)}, node("z = "+op+" x"))
		case1(op+" axes", []input{in("x", 2, 3, 4)}, axes("k", 0, -1), node("z = "+op+" x k", i("keepdims", 0)))
		case1(op+" noop", []input{in("x", 2, 3)}, node("z = "+op+" x", i("noop_with_empty_axes", 1)))
	}
	case1("ReduceMax equal", []input{in("x", 2, 1)}, axes("k", 2, 3), node("e = Expand x k"),
		node("z = ReduceMax e", onnx.AttrInts("axes", 1)))
	case1("Clip", []input{in("x", 8), in("lo"), in("hi")}, node("o = Exp lo"), node("u = Neg o"), node("v = Exp hi"),
		node("z = Clip x u v"))
	case1("Clip least", []input{in("x", 8), in("lo")}, node("z = Clip x lo"))
	case1("Clip most", []input{in("x", 8), in("hi")}, node("z = Clip x _ hi"))
	case1("Clip none", []input{in("x", 8)}, node("z = Clip x"))
	case1("Gather", []input{in("x", 4, 2), intIn("k", []int{3}, 1, -1, 1)}, node("z = Gather x k"))
	case1("Gather one", []input{in("x", 4, 2), intIn("k", []int{}, 1)}, node("z = Gather x k", i("axis", 1-2)))
	case1("Gather inside", []input{in("x", 2, 3, 4), intIn("k", []int{2, 2}, 2, 0, 0, 1)},
		node("z = Gather x k", i("axis", 1)))
	case1("Slice", []input{in("x", 5, 4)}, axes("s", 1), axes("e", 3), node("z = Slice x s e"))
	case1("Slice axes", []input{in("x", 5, 4)}, axes("s", -3, 1), axes("e", 100, -1), axes("k", 1, 0),
		node("z = Slice x s e k"))
	case1("Slice run static", []input{in("x", 5, 4), intIn("s", []int{2}, -2, 1), intIn("e", []int{2}, 9, 3)},
		node("z = Slice x s e"))
	case1("Slice static back", []input{in("x", 5, 4)}, axes("s", -1, 0), axes("e", -9, 4), axes("k", 0, 1),
		axes("t", -2, 3), node("z = Slice x s e k t"))
	case1("Slice none", []input{in("x", 5, 4)}, axes("s", 4), axes("e", 2), node("z = Slice x s e"))
	case1("ReduceProd static", []input{in("x", 2, 3)}, node("z = ReduceProd x"))
	case1("ReduceProd axes static", []input{in("x", 2, 3, 4)}, axes("k", 0, -1),
		node("z = ReduceProd x k", i("keepdims", 0)))
	case1("ReduceProd noop", []input{in("x", 2, 3)}, node("z = ReduceProd x", i("noop_with_empty_axes", 1)))
	case1("ReduceProd nought static", []input{in("x", 2, 3)}, node("n = Sub x x"), node("c = Concat x n", i("axis", 1)),
		axes("s", 0), axes("e", 4), axes("k", 1), node("f = Slice c s e k"),
		node("z = ReduceProd f", onnx.AttrInts("axes", 1)))
	return out
}

func axes(name string, v ...int64) *onnx.NodeProto {
	return node(name+" = Constant", onnx.AttrInts("value_ints", v...))
}

// gemmCases are all four forms of Gemm, with every shape of C.
func gemmCases(in func(string, ...int) input) (out []graphCase) {
	for v := range 4 {
		a, b := in("a", 2, 3), in("b", 3, 4)
		if v&1 != 0 {
			a = in("a", 3, 2)
		}
		if v&2 != 0 {
			b = in("b", 4, 3)
		}
		trans := []*onnx.AttributeProto{onnx.AttrInt("transA", int64(v&1)), onnx.AttrInt("transB", int64(v>>1))}
		scaled := append([]*onnx.AttributeProto{onnx.AttrFloat("alpha", 0.5), onnx.AttrFloat("beta", 2)}, trans...)
		shapes := [][]int{{4}, {2, 1}, {}, {2, 4}}
		out = append(out,
			graphCase{"Gemm", []*onnx.NodeProto{node("z = Gemm a b", trans...)}, []input{a, b}},
			graphCase{"Gemm bias", []*onnx.NodeProto{node("z = Gemm a b c", scaled...)},
				[]input{a, b, in("c", shapes[v]...)}},
		)
	}
	return out
}

// lossCases are both losses with every reduction, weights, an ignored label, and positions of more dimensions.
func lossCases(in, pos func(string, ...int) input) (out []graphCase) {
	labels := intIn("l", []int{4}, 2, 0, 1, 2)
	deep := intIn("l", []int{2, 3}, 2, 0, 1, 1, 2, 2)
	for _, op := range []string{"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"} {
		for _, reduction := range []string{"mean", "sum", "none"} {
			a := onnx.AttrString("reduction", reduction)
			for _, ignore := range []int64{1, -1, 7} {
				g := onnx.AttrInt("ignore_index", ignore)
				odd := intIn("l", []int{4}, 2, ignore, 1, 0)
				out = append(out,
					graphCase{op + " ignore", []*onnx.NodeProto{node("z = "+op+" x l", a, g)},
						[]input{in("x", 4, 3), odd}},
					graphCase{op + " weights ignore", []*onnx.NodeProto{node("z = "+op+" x l k", a, g)},
						[]input{in("x", 4, 3), odd, pos("k", 3).constant()}})
			}
			out = append(out,
				graphCase{op, []*onnx.NodeProto{node("z = "+op+" x l", a)}, []input{in("x", 4, 3), labels}},
				graphCase{op + " weights", []*onnx.NodeProto{node("z = "+op+" x l k", a)},
					[]input{in("x", 4, 3), labels, pos("k", 3).constant()}},
				graphCase{op + " deep", []*onnx.NodeProto{node("z = "+op+" x l k", a)},
					[]input{in("x", 2, 3, 3), deep, pos("k", 3).constant()}})
			if op == "SoftmaxCrossEntropyLoss" {
				out = append(out, graphCase{op + " both outputs", []*onnx.NodeProto{node("z q = "+op+" x l", a)},
					[]input{in("x", 4, 3), labels}})
			}
		}
	}
	return out
}
