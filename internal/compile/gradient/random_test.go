package gradient_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// drawn is a graph while it is drawn: every value is known, so that each op gets inputs that it takes and that are far
// from where it has no derivative.
type drawn struct {
	r     *rand.Rand
	nodes []*onnx.NodeProto
	in    []input
	vals  map[string]*tensor.Tensor
	pool  []string // float values that ops may read
	next  int      // the number of the next value
	spot  int      // the number of the last element
	empty bool     // some dimensions are
	loose bool     // some dimensions are known in the run only
}

// graphs draws graphs of all operators that have a gradient.
func graphs() *rapid.Generator[graphCase] {
	return rapid.Custom(func(t *rapid.T) graphCase {
		// Small numbers are what rapid likes to draw; here each choice is to be as likely as any other.
		g := &drawn{r: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), rapid.Uint64().Draw(t, "stream"))),
			vals: map[string]*tensor.Tensor{}}
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
	n := onnx.Node(onnxop.DomainOf(op), op, "", in, names, attrs...)
	p := &onnx.GraphProto{Name: "one", Node: []*onnx.NodeProto{n}}
	var values []*tensor.Tensor
	for _, name := range in {
		v := g.vals[name]
		if name == "" || slices.ContainsFunc(p.Input,
			func(i *onnx.ValueInfoProto) bool { return i.GetName() == name }) {
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
	return g.emit([]string{"Greater", "Less"}[g.n(0, 1)], []string{g.emit("Identity", []string{other})[0],
		g.number(0.1)})[0]
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
