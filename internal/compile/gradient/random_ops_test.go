package gradient_test

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// step draws one operator.
func (g *drawn) step() {
	kinds := []func(){g.elementwise, g.elementwise, g.binary, g.binary, g.several, g.product, g.reduction, g.reduction,
		g.reshaping, g.reshaping,
		g.joining, g.choosing, g.choosing, g.softmax, g.loss, g.window, g.function, g.placing,
		g.placing}
	kinds[g.n(0, len(kinds)-1)]()
}

func (g *drawn) elementwise() {
	x := g.any(0, 4)
	switch op := oneOf(g, "Abs", "Exp", "Identity", "Neg", "Relu", "LeakyRelu", "Sigmoid", "Tanh", "Ceil", "Floor",
		"Sign",
		"Log", "Sqrt", "Reciprocal", "Pow", "Cast"); op {
	case "Log", "Sqrt", "Reciprocal":
		g.keep(g.emit(op, []string{g.positive(x)})...)
	case "Pow":
		g.power(x)
	case "Cast":
		wide := g.emit("Cast", []string{x}, onnx.AttrInt("to", int64(tensor.Float64)))
		g.keep(wide...)
	case "Ceil", "Floor", "Sign": // no gradient passes, so they stand beside one that lets it pass
		g.keep(g.emit("Add", []string{g.emit(op, []string{x})[0], x})...)
	default:
		g.keep(g.emit(op, []string{x})...)
	}
}

// choosing draws an operator that takes some of the elements.
func (g *drawn) choosing() {
	x := g.any(1, 4)
	s := g.vals[x].Shape()
	axis := g.n(0, len(s)-1)
	switch op := oneOf(g, "Gather", "Slice", "Slice", "Clip"); op {
	case "Gather":
		if s[axis] == 0 {
			return
		}
		shape := g.shape(0, 2)
		n := 1
		for _, d := range shape {
			n *= d
		}
		index := make([]int64, n)
		for i := range index {
			index[i] = int64(g.n(-s[axis], s[axis]-1))
		}
		g.keep(g.emit(op, []string{x, g.whole(shape, index)}, onnx.AttrInt("axis", int64(axis-len(s)*g.n(0, 1))))...)
	case "Slice":
		bound := func() int64 { return int64(g.n(-4, 4)) }
		step := oneOf[int64](g, 1, 1, 1, 2, -1, -2)
		switch g.n(0, 3) {
		case 0: // of the first dimension, without axes
			g.keep(g.emit(op, []string{x, g.list(bound()), g.list(bound())})...)
		case 1: // the run decides where it begins
			g.loose = true
			g.keep(g.emit(op, []string{x, g.whole([]int{1}, []int64{bound()}), g.whole([]int{1}, []int64{bound()}),
				g.list(int64(axis))})...)
		case 2:
			g.keep(g.emit(op, []string{x, g.list(bound()), g.list(bound()), g.list(int64(axis)), g.list(step)})...)
		default: // of all dimensions
			var starts, ends, axes, steps []int64
			for i := range s {
				starts, ends = append(starts, bound()), append(ends, bound())
				axes, steps = append(axes, int64(i-len(s))), append(steps, step)
			}
			g.keep(g.emit(op, []string{x, g.list(starts...), g.list(ends...), g.list(axes...), g.list(steps...)})...)
		}
	case "Clip":
		in := []string{x}
		for _, side := range []float64{-1, 1} {
			switch b := g.number(side * float64(g.n(1, 9)) / 10); g.n(0, 2) {
			case 0: // a bound that depends on an input
				in = append(in,
					g.emit("Add", []string{b, g.emit("Mul", []string{g.input([]int{}, true), g.number(0.05)})[0]})[0])
			case 1:
				in = append(in, "")
			default:
				in = append(in, b)
			}
		}
		g.keep(g.emit(op, in)...)
	}
}

// power draws a whole exponent for any base, or any exponent for a positive one; the exponent broadcasts.
func (g *drawn) power(x string) {
	shape := g.stretched(g.vals[x].Shape())
	n := 1
	for _, d := range shape {
		n *= d
	}
	if g.n(0, 1) == 0 {
		v := make([]int64, n)
		for i := range v {
			v[i] = int64(g.n(0, 3))
		}
		g.keep(g.emit("Pow", []string{x, g.whole(shape, v)})...)
		return
	}
	g.keep(g.emit("Pow", []string{g.positive(x), g.input(shape, g.n(0, 1) == 0)})...)
}

func (g *drawn) binary() {
	x := g.any(0, 4)
	y := g.fitting(x)
	op := oneOf(g, "Add", "Sub", "Mul", "Div", "Where")
	switch op {
	case "Div":
		y = g.positive(y)
	case "Where":
		g.keep(g.emit("Where", []string{g.mask(x), x, y})...)
		return
	}
	if g.n(0, 1) == 0 && op != "Div" {
		x, y = y, x
	}
	g.keep(g.emit(op, []string{x, y})...)
}

// several draws an operator of any number of inputs that broadcast.
func (g *drawn) several() {
	in := []string{g.any(0, 4)}
	sum := in[0]
	for range g.n(0, 2) {
		y := g.fitting(sum)
		in = append(in, y)
		sum = g.emit("Add", []string{sum, y})[0]
	}
	g.keep(g.emit(oneOf(g, "Sum", "Mean", "Max", "Min"), in)...)
}

func (g *drawn) product() {
	a := g.any(1, 3)
	s := g.vals[a].Shape()
	k := s[len(s)-1]
	if g.n(0, 1) == 0 && len(s) == 2 {
		trans := int64(g.n(0, 1))
		m := s[0]
		if trans == 1 {
			k, m = s[0], s[1]
		}
		n := g.n(1, 3)
		shape, transB := []int{k, n}, int64(g.n(0, 1))
		if transB == 1 {
			shape = []int{n, k}
		}
		in := []string{a, g.input(shape, true)}
		if g.n(0, 1) == 0 {
			c := [][]int{{}, {n}, {m, 1}, {1, n}, {m, n}}[g.n(0, 4)]
			in = append(in, g.input(c, true))
		}
		g.keep(g.emit("Gemm", in, onnx.AttrInt("transA", trans), onnx.AttrInt("transB", transB),
			onnx.AttrFloat("alpha", 0.5), onnx.AttrFloat("beta", float32(g.n(1, 2))))...)
		return
	}
	shapes := [][]int{{k}, {k, 2}, {k, 1}, {2, k, 3}, {1, k, 2}}
	if len(s) == 3 {
		shapes = append(shapes, []int{s[0], k, 2}, []int{2, 1, k, 2})
	}
	b := shapes[g.n(0, len(shapes)-1)]
	if _, err := onnxop.Broadcast(s[:max(len(s)-2, 0)], b[:max(len(b)-2, 0)]); err != nil {
		b = []int{k, 2}
	}
	g.keep(g.emit("MatMul", []string{a, g.input(b, true)})...)
}

// axesOf draws some of the axes, counted from either end.
func (g *drawn) axesOf(rank, least int) []int64 {
	var out []int64
	for i := range rank {
		if g.n(0, 1) == 0 {
			out = append(out, int64(i-rank*g.n(0, 1)))
		}
	}
	if len(out) < least {
		out = []int64{0}
	}
	return out
}

func (g *drawn) reduction() {
	x := g.any(0, 4)
	rank := len(g.vals[x].Shape())
	keep := onnx.AttrInt("keepdims", int64(g.n(0, 1)))
	axes := g.axesOf(rank, 0)
	op := oneOf(g, "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceProd")
	if op == "ReduceProd" && g.loose {
		op = "ReduceSum" // it has to know how many factors there are
	}
	set, _ := onnxop.Axes(axes, rank)
	for i, d := range g.vals[x].Shape() {
		if d == 0 && (set[i] || len(axes) == 0) {
			op = "ReduceSum" // the mean and the extremes of nothing are no numbers
		}
	}
	switch {
	case len(axes) == 0:
		g.keep(g.emit(op, []string{x}, keep)...)
	case g.n(0, 1) == 0:
		g.keep(g.emit(op, []string{x, g.list(axes...)}, keep)...)
	default:
		g.keep(g.emit(op, []string{x}, keep, onnx.AttrInts("axes", axes...))...)
	}
}

func (g *drawn) reshaping() {
	x := g.any(0, 4)
	s := g.vals[x].Shape()
	switch op := oneOf(g, "Expand", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose"); op {
	case "Expand":
		to := make([]int64, 0, 4)
		if len(s) < 4 {
			to = append(to, int64(g.n(1, 2)))
		}
		for _, d := range s {
			if d == 1 {
				d = g.n(1, 3)
			}
			to = append(to, int64(d))
		}
		g.keep(g.emit(op, []string{x, g.list(to...)})...)
	case "Flatten":
		g.keep(g.emit(op, []string{x}, onnx.AttrInt("axis", int64(g.n(0, len(s)))))...)
	case "Reshape":
		if g.vals[x].Len() == 0 {
			g.keep(g.emit(op, []string{x, g.list(0, 3)}, onnx.AttrInt("allowzero", 1))...)
			return
		}
		to := [][]int64{{-1}, {1, -1}, {-1, 1}}
		if len(s) > 1 {
			to = append(to, []int64{0, -1}, []int64{int64(s[1]), -1})
		}
		g.keep(g.emit(op, []string{x, g.list(to[g.n(0, len(to)-1)]...)})...)
	case "Squeeze":
		var ones []int64
		for i, d := range s {
			if d == 1 {
				ones = append(ones, int64(i))
			}
		}
		if len(ones) == 0 || g.n(0, 3) == 0 {
			g.keep(g.emit(op, []string{x})...)
			return
		}
		g.keep(g.emit(op, []string{x, g.list(ones[g.n(0, len(ones)-1)])})...)
	case "Unsqueeze":
		if len(s) < 4 {
			g.keep(g.emit(op, []string{x, g.list(int64(g.n(-1, len(s))))})...)
		}
	case "Transpose":
		if g.n(0, 2) == 0 {
			g.keep(g.emit(op, []string{x})...)
			return
		}
		perm := make([]int64, len(s))
		for i, p := range g.r.Perm(len(s)) {
			perm[i] = int64(p)
		}
		g.keep(g.emit(op, []string{x}, onnx.AttrInts("perm", perm...))...)
	}
}

func (g *drawn) joining() {
	x := g.any(1, 4)
	s := slices.Clone(g.vals[x].Shape())
	axis := g.n(0, len(s)-1)
	s[axis] = g.n(0, 2)
	in := []string{x, g.input(s, true), x}
	g.keep(g.emit("Concat", in[:g.n(1, 3)], onnx.AttrInt("axis", int64(axis-len(s)*g.n(0, 1))))...)
}

func (g *drawn) softmax() {
	x := g.any(1, 4)
	axis := int64(g.n(-1, len(g.vals[x].Shape())-1))
	g.keep(g.emit(oneOf(g, "Softmax", "LogSoftmax"), []string{x}, onnx.AttrInt("axis", axis))...)
}

// loss draws one of both losses, with labels, weights and labels that are ignored.
func (g *drawn) loss() {
	x := g.any(2, 3)
	s := g.vals[x].Shape()
	if s[1] == 0 || g.vals[x].Len() == 0 {
		return
	}
	at := append([]int{s[0]}, s[2:]...)
	n := 1
	for _, d := range at {
		n *= d
	}
	labels := make([]int64, n)
	for i := range labels {
		labels[i] = int64(g.n(0, s[1]-1))
	}
	reduction := oneOf(g, "mean", "sum", "none")
	attrs := []*onnx.AttributeProto{onnx.AttrString("reduction", reduction)}
	if n > 1 && g.n(0, 1) == 0 {
		labels[0], labels[1] = -1, 0 // not all of them
		attrs = append(attrs, onnx.AttrInt("ignore_index", -1))
	}
	in := []string{x, g.whole(at, labels)}
	if g.n(0, 1) == 0 {
		w := make([]float64, s[1])
		for i := range w {
			w[i] = float64(g.n(500, 2000)) / 1000
		}
		t, err := tensor.FromFloat64([]int{s[1]}, w)
		if err != nil {
			panic(err)
		}
		v := input{name: fmt.Sprintf("x%d", len(g.in)), t: t, fixed: true}
		g.in, g.vals[v.name] = append(g.in, v), t
		in = append(in, v.name)
	}
	if g.n(0, 1) == 0 {
		g.keep(g.emit("NegativeLogLikelihoodLoss", in, attrs...)...)
		return
	}
	g.keep(g.emits("SoftmaxCrossEntropyLoss", g.n(1, 2), in, attrs...)...)
}

// window draws a convolution or a pool.
func (g *drawn) window() {
	x := g.any(3, 4)
	s := g.vals[x].Shape()
	n := len(s) - 2
	if g.vals[x].Len() == 0 {
		return
	}
	draw := func(lo, hi int) []int64 {
		out := make([]int64, n)
		for i := range out {
			out[i] = int64(g.n(lo, hi))
		}
		return out
	}
	kernel, stride, begin, end := draw(1, 2), draw(1, 2), draw(0, 1), draw(0, 1)
	attrs := []*onnx.AttributeProto{onnx.AttrInts("strides", stride...)}
	taps := []int{g.n(1, 2), s[1]}
	for i, k := range kernel {
		if k == 1 {
			begin[i], end[i] = 0, 0
		}
		if int64(s[i+2])+begin[i]+end[i] < k {
			kernel[i] = 1
			begin[i], end[i] = 0, 0
		}
		taps = append(taps, int(kernel[i]))
	}
	attrs = append(attrs, onnx.AttrInts("pads", slices.Concat(begin, end)...))
	shape := onnx.AttrInts("kernel_shape", kernel...)
	switch op := oneOf(g, "Conv", "Conv", "ConvTranspose", "ConvWeights", "MaxPool", "AveragePool", "SumPool",
		"PoolGradient", "ScatterAdd"); op {
	case "Conv":
		in := []string{x, g.input(taps, true)}
		if g.n(0, 1) == 0 {
			in = append(in, g.input(taps[:1], true))
		}
		g.keep(g.emit(op, in, attrs...)...)
	case "ConvTranspose":
		taps[0], taps[1] = taps[1], taps[0]
		for i, d := range s[2:] { // what is left of the result
			if int64(d-1)*stride[i]+kernel[i] <= begin[i]+end[i] {
				return
			}
		}
		g.keep(g.emit(op, []string{x, g.input(taps, true)}, attrs...)...)
	case "ConvWeights":
		y := g.emit("AveragePool", []string{x}, append(attrs, shape)...)
		g.keep(g.emit(op, []string{x, y[0]}, append(attrs, shape)...)...)
	case "PoolGradient":
		y := g.emit("SumPool", []string{x}, append(attrs, shape)...)
		dims := make([]int64, len(s))
		for i, d := range s {
			dims[i] = int64(d)
		}
		g.keep(g.emit(op, []string{y[0], g.list(dims...)},
			append(attrs, shape, onnx.AttrInt("divide", int64(g.n(0, 1))))...)...)
	case "ScatterAdd":
		index := make([]int64, g.vals[x].Len())
		for i := range index {
			index[i] = int64(g.n(-1, 5))
		}
		g.keep(g.emit(op, []string{x, g.whole(s, index), g.list(2, 3)})...)
	default:
		g.keep(g.emit(op, []string{x}, append(attrs, shape)...)...)
	}
}
