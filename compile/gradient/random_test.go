package gradient_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/component/backend"
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// drawn is a graph while it is drawn: every value is known, so that each op gets inputs that it takes and that are far from
// where it has no derivative.
type drawn struct {
	r     *rand.Rand
	nodes []*onnx.NodeProto
	in    []input
	vals  map[string]*tensor.Tensor
	pool  []string // float values that ops may read
	next  int      // the number of the next value
	spot  int      // the number of the last element
	empty bool     // some dimensions are
}

// graphs draws graphs of all operators that have a gradient.
func graphs() *rapid.Generator[graphCase] {
	return rapid.Custom(func(t *rapid.T) graphCase {
		// Small numbers are what rapid likes to draw; here each choice is to be as likely as any other.
		g := &drawn{r: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), rapid.Uint64().Draw(t, "stream"))), vals: map[string]*tensor.Tensor{}}
		g.empty = g.n(0, 4) == 0
		for range g.n(1, 3) {
			g.input(g.shape(0, 3), true)
		}
		for range g.n(2, 7) {
			g.step()
		}
		z := g.pool[len(g.pool)-1]
		g.emit("Identity", []string{z})
		return graphCase{nodes: g.nodes, in: g.in}
	})
}

// n draws a number of [lo, hi].
func (g *drawn) n(lo, hi int) int { return lo + g.r.IntN(hi-lo+1) }

func oneOf[T any](g *drawn, of ...T) T { return of[g.r.IntN(len(of))] }

// shape draws a shape. In one of five graphs, a third of the dimensions is empty.
func (g *drawn) shape(least, most int) []int {
	out := make([]int, g.n(least, most))
	for i := range out {
		out[i] = oneOf(g, 1, 1, 2, 2, 2, 3, 3, 3, 3)
		if g.empty && g.n(0, 2) == 0 {
			out[i] = 0
		}
	}
	return out
}

// near draws numbers of [-2, 2], none of which is 0 or equals another one.
func (g *drawn) near(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		g.spot++
		out[i] = float64(g.n(30, 1900))/1000 + 0.02*math.Sin(float64(g.spot))
		if g.n(0, 1) == 0 {
			out[i] = -out[i]
		}
	}
	return out
}

// input adds a float input.
func (g *drawn) input(shape []int, varies bool) string {
	n := 1
	for _, d := range shape {
		n *= d
	}
	t, err := tensor.FromFloat64(shape, g.near(n))
	if err != nil {
		panic(err)
	}
	in := input{name: fmt.Sprintf("x%d", len(g.in)), t: t, fixed: !varies}
	g.in, g.vals[in.name] = append(g.in, in), t
	if varies {
		g.pool = append(g.pool, in.name)
	}
	return in.name
}

// whole adds an input of int64.
func (g *drawn) whole(shape []int, v []int64) string {
	in := intIn(fmt.Sprintf("x%d", len(g.in)), shape, v...)
	g.in, g.vals[in.name] = append(g.in, in), in.t
	return in.name
}

// list adds a constant list of int64.
func (g *drawn) list(v ...int64) string {
	return g.emit("Constant", nil, onnx.AttrInts("value_ints", v...))[0]
}

// number adds a constant of float64.
func (g *drawn) number(v float64) string {
	t, err := tensor.FromFloat64([]int{}, []float64{v})
	if err != nil {
		panic(err)
	}
	return g.emit("Constant", nil, onnx.AttrTensor("value", t.Proto("")))[0]
}

// emit adds a node and computes what it gives.
func (g *drawn) emit(op string, in []string, attrs ...*onnx.AttributeProto) []string {
	return g.emits(op, 1, in, attrs...)
}

func (g *drawn) emits(op string, outs int, in []string, attrs ...*onnx.AttributeProto) []string {
	names := make([]string, outs)
	for i := range names {
		names[i] = fmt.Sprintf("v%d", g.next)
		g.next++
	}
	n := onnx.Node("", op, "", in, names, attrs...)
	p := &onnx.GraphProto{Name: "one", Node: []*onnx.NodeProto{n}}
	var values []*tensor.Tensor
	for _, name := range in {
		v := g.vals[name]
		if name == "" || slices.ContainsFunc(p.Input, func(i *onnx.ValueInfoProto) bool { return i.GetName() == name }) {
			continue
		}
		dims := make([]int64, len(v.Shape()))
		for i, d := range v.Shape() {
			dims[i] = int64(d)
		}
		if made := g.maker(name); made != nil && made.GetOpType() == "Constant" {
			p.Node = append([]*onnx.NodeProto{made}, p.Node...)
			continue
		}
		p.Input, values = append(p.Input, onnx.ValueInfo(name, v.DType(), dims...)), append(values, v)
	}
	for _, name := range names {
		p.Output = append(p.Output, &onnx.ValueInfoProto{Name: name})
	}
	plan, err := backend.Compile(p, backend.Options{})
	if err != nil {
		panic(fmt.Sprintf("%s %v: %v", op, in, err))
	}
	out, err := plan.Run(values)
	if err != nil {
		panic(fmt.Sprintf("%s %v: %v", op, in, err))
	}
	for i, name := range names {
		g.vals[name] = out[i]
	}
	g.nodes = append(g.nodes, n)
	return names
}

func (g *drawn) maker(name string) *onnx.NodeProto {
	for _, n := range g.nodes {
		if slices.Contains(n.GetOutput(), name) {
			return n
		}
	}
	return nil
}

// any draws a float value of so many dimensions; where there is none it makes one.
func (g *drawn) any(least, most int) string {
	var fit []string
	for _, v := range g.pool {
		if r := len(g.vals[v].Shape()); r >= least && r <= most {
			fit = append(fit, v)
		}
	}
	if len(fit) == 0 {
		return g.input(g.shape(least, most), true)
	}
	return fit[len(fit)-1-min(g.n(0, 5), len(fit)-1)] // the later ones rather, so that graphs are deep
}

// fitting draws a value that broadcasts with another.
func (g *drawn) fitting(x string) string {
	var fit []string
	for _, v := range g.pool {
		if _, err := onnxop.Broadcast(g.vals[v].Shape(), g.vals[x].Shape()); err == nil {
			fit = append(fit, v)
		}
	}
	if g.n(0, 2) > 0 {
		return fit[g.n(0, len(fit)-1)]
	}
	return g.input(g.stretched(g.vals[x].Shape()), true)
}

// stretched draws a shape that broadcasts to or with another.
func (g *drawn) stretched(to []int) []int {
	s := slices.Clone(to)
	for i := range s {
		switch {
		case g.n(0, 3) == 0:
			s[i] = 1
		case s[i] == 1 && g.n(0, 1) == 0:
			s[i] = 2
		}
	}
	return s[g.n(0, len(s)):]
}

// positive is a value of [0.5, 1.5].
func (g *drawn) positive(x string) string {
	return g.emit("Add", []string{g.emit("Sigmoid", []string{x})[0], g.number(0.5)})[0]
}

// mask is a tensor of bools that broadcasts with x.
func (g *drawn) mask(x string) string {
	other := g.input(g.stretched(g.vals[x].Shape()), false)
	return g.emit([]string{"Greater", "Less"}[g.n(0, 1)], []string{g.emit("Identity", []string{other})[0], g.number(0.1)})[0]
}

// keep makes a result one of the values, brought back to where numbers are tame.
func (g *drawn) keep(names ...string) {
	for _, name := range names {
		v := g.vals[name]
		if v.Len() > 256 || len(v.Shape()) > 5 {
			continue
		}
		for _, x := range v.Float64() {
			if math.Abs(x) > 4 {
				name = g.emit("Tanh", []string{name})[0]
				break
			}
		}
		g.pool = append(g.pool, name)
	}
}

// step draws one operator.
func (g *drawn) step() {
	kinds := []func(){g.elementwise, g.elementwise, g.binary, g.binary, g.several, g.product, g.reduction, g.reduction, g.reshaping, g.reshaping,
		g.joining, g.choosing, g.choosing, g.softmax, g.loss}
	kinds[g.n(0, len(kinds)-1)]()
}

func (g *drawn) elementwise() {
	x := g.any(0, 4)
	switch op := oneOf(g, "Abs", "Exp", "Identity", "Neg", "Relu", "Sigmoid", "Tanh", "Ceil", "Floor", "Sign",
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
			g.keep(g.emit(op, []string{x, g.whole([]int{1}, []int64{bound()}), g.whole([]int{1}, []int64{bound()}), g.list(int64(axis))})...)
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
				in = append(in, g.emit("Add", []string{b, g.emit("Mul", []string{g.input([]int{}, true), g.number(0.05)})[0]})[0])
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
	op := oneOf(g, "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSumSquare")
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
