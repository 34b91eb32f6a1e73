package gradient_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// drawnGraphs is how many graphs TestDrawnGraphs draws, by the seeds from 0 on.
const drawnGraphs = 600

// knowledge is what a graph says of the shapes of its inputs.
type knowledge int

const (
	static   knowledge = iota // all
	open                      // the dimensions that are not 1 are open
	wide                      // every dimension is open, so that what is stretched is not known
	unranked                  // not even the number of dimensions of the first input
)

// typ is what is said of an input.
func (k knowledge) typ(in input) onnxop.Type {
	t := in.t
	typ := onnxop.Type{DType: t.DType(), Shape: slices.Clone(t.Shape())}
	for i, d := range typ.Shape {
		if k == wide || k == open && d != 1 {
			typ.Shape[i] = -1
		}
	}
	if k == unranked && in.name == "x0" {
		typ.Shape, typ.Unranked = nil, true
	}
	return typ
}

// order is a graph with the gradients of its y by all inputs that are not fixed.
type order struct {
	nodes []*onnx.NodeProto
	in    []input
	grads []string
}

// derive builds the gradients of y.
func derive(nodes []*onnx.NodeProto, in []input, y, prefix string, k knowledge) (*order, error) {
	types, xs := map[string]onnxop.Type{}, []string{}
	for _, i := range in {
		types[i.name] = k.typ(i)
		if !i.fixed {
			xs = append(xs, i.name)
		}
	}
	extra, grads, err := gradient.Build(nodes, types, y, xs, prefix)
	if err != nil {
		return nil, err
	}
	return &order{slices.Concat(nodes, extra), in, grads}, nil
}

// compile makes a plan of some of the values.
func (o *order) compile(outs []string, k knowledge) (*backend.Plan, error) {
	g := &onnx.GraphProto{Name: "test", Node: o.nodes}
	for _, i := range o.in {
		typ := k.typ(i)
		v := &onnx.ValueInfoProto{Name: i.name, Type: onnx.UnrankedType(typ.DType)}
		if !typ.Unranked {
			dims := make([]int64, len(typ.Shape))
			for j, d := range typ.Shape {
				dims[j] = int64(d)
			}
			v = onnx.ValueInfo(i.name, typ.DType, dims...)
		}
		g.Input = append(g.Input, v)
	}
	for _, name := range outs {
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: name})
	}
	return backend.Compile(g, backend.Options{})
}

// scalar adds s = Σ v·g over all gradients, with weights of its own for each element.
func (o *order) scalar(r func() float64) *order {
	n := &order{nodes: slices.Clone(o.nodes), in: slices.Clone(o.in)}
	var sums []string
	k := 0
	for _, x := range o.in {
		if x.fixed {
			continue
		}
		v := make([]float64, x.t.Len())
		for j := range v {
			v[j] = r()
		}
		t, err := tensor.FromFloat64(x.t.Shape(), v)
		if err != nil {
			panic(err)
		}
		w := input{name: fmt.Sprintf("second%d", k), t: t, fixed: true}
		n.in = append(n.in, w)
		p, s := fmt.Sprintf("second_p%d", k), fmt.Sprintf("second_s%d", k)
		n.nodes = append(n.nodes, node(p+" = Mul "+o.grads[k]+" "+w.name),
			node(s+" = ReduceSum "+p, onnx.AttrInt("keepdims", 0)))
		sums = append(sums, s)
		k++
	}
	n.nodes = append(n.nodes, onnx.Node("", "Sum", "", sums, []string{"s"}))
	return n
}

// tally counts what the differential test has compared.
type tally struct {
	compared, kinks   int
	ops               [3]map[string]bool // by order, the operators that a gradient passed
	run, refused      [4]int             // by knowledge
	why               map[string]int     // for what reasons
	narrowed, skipped int
}

// hold compares the gradients of a scalar with finite differences of two steps, which have to agree: where they do not,
// the function has a kink.
func (c *tally) hold(t *testing.T, o *order, y string) []*tensor.Tensor {
	t.Helper()
	p, err := o.compile(append([]string{y}, o.grads...), static)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(values(o.in))
	if err != nil {
		t.Fatal(err)
	}
	f, err := o.compile([]string{y}, static)
	if err != nil {
		t.Fatal(err)
	}
	k := 0
	for i, x := range o.in {
		if x.fixed {
			continue
		}
		k++
		if !slices.Equal(out[k].Shape(), x.t.Shape()) || out[k].DType() != x.t.DType() {
			t.Fatalf("the gradient by %s has the shape %v; want %v", x.name, out[k].Shape(), x.t.Shape())
		}
		for j, d := range out[k].Float64() {
			a, b := central(t, f, o.in, i, j, 1e-3), central(t, f, o.in, i, j, 0.4e-3)
			c.compared++
			if !(math.Abs(a-b) <= 1e-5*(1+math.Abs(b))) {
				c.kinks++
				continue
			}
			if !(math.Abs(d-b) <= 4*math.Abs(a-b)+1e-7*(1+math.Abs(b))) {
				t.Errorf("d%s/d%s[%d] is %.12g; finite differences give %.12g and %.12g", y, x.name, j, d, a, b)
			}
		}
	}
	return out
}

// flat is a case whose result has one dimension, so that its rank is known whatever is known of the inputs.
func (g graphCase) flat() graphCase {
	last := g.nodes[len(g.nodes)-1].GetOutput()[0]
	g.nodes = append(slices.Clone(g.nodes), node("minus = Constant", onnx.AttrInts("value_ints", -1)),
		node("flat = Reshape "+last+" minus"))
	return g
}

// central is the derivative by element j of input i, by central differences of the fourth order.
func central(t *testing.T, p *backend.Plan, in []input, i, j int, h float64) float64 {
	at := func(h float64) float64 {
		vs, x := values(in), slices.Clone(in[i].t.Float64())
		x[j] += h
		moved, err := tensor.FromFloat64(in[i].t.Shape(), x)
		if err != nil {
			t.Fatal(err)
		}
		vs[i] = moved
		out, err := p.Run(vs)
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Float64()[0]
	}
	return (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
}

// known holds that less knowledge of the shapes gives the same gradients, or an error and never another gradient.
func (c *tally) known(t *testing.T, nodes []*onnx.NodeProto, in []input, y string, want []*tensor.Tensor, k knowledge) {
	t.Helper()
	o, err := derive(nodes, in, y, "known", k)
	if err != nil {
		var a *gradient.Error
		var b *gradient.UnsupportedError
		var d *onnxop.RuleError
		if !errors.As(err, &a) && !errors.As(err, &b) && !errors.As(err, &d) {
			t.Errorf("knowledge %d: untyped error %v", k, err)
		}
		c.refused[k]++
		c.why[err.Error()[max(0, strings.LastIndex(err.Error(), ": ")):]]++
		return
	}
	p, err := o.compile(o.grads, k)
	if err != nil {
		t.Fatalf("knowledge %d: %v", k, err)
	}
	got, err := p.Run(values(in))
	if err != nil {
		c.refused[k]++
		c.why["run: "+err.Error()]++
		return
	}
	c.run[k]++
	for i := range got {
		if !slices.Equal(got[i].Shape(), want[i].Shape()) || !slices.Equal(got[i].Float64(), want[i].Float64()) {
			t.Errorf("knowledge %d: gradient %d is %v %v; want %v %v", k, i, got[i].Shape(), got[i].Float64(),
				want[i].Shape(), want[i].Float64())
		}
	}
}

// narrow holds the gradients in float32 against those in float64.
func (c *tally) narrow(t *testing.T, nodes []*onnx.NodeProto, in []input, want []*tensor.Tensor) {
	t.Helper()
	if slices.ContainsFunc(nodes, func(n *onnx.NodeProto) bool {
		v, ok := onnx.GetTensor(n, "value")
		return n.GetOpType() == "Cast" || ok && v.GetDataType() == int32(tensor.Float64)
	}) {
		c.skipped++ // it says float64 itself
		return
	}
	o, err := derive(nodes, as32(in), "y", "g", static)
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.compile(o.grads, static)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Run(values(o.in))
	if err != nil {
		t.Fatal(err)
	}
	c.narrowed++
	for i := range got {
		largest := 1.0
		for _, d := range want[i].Float64() {
			largest = max(largest, math.Abs(d))
		}
		for j, d := range got[i].Float32() {
			if w := want[i].Float64()[j]; !(math.Abs(float64(d)-w) <= 1e-3*largest) {
				t.Errorf("gradient %d[%d] is %g in float32; want %g", i, j, d, w)
			}
		}
	}
}

// TestDrawnGraphs holds gradients of the first and the second order of graphs of all operators against finite
// differences in float64, and says what less knowledge of the shapes may change: nothing, or an error. The graphs are
// always the same ones; a graph is named by its seed.
func TestDrawnGraphs(t *testing.T) {
	c := &tally{why: map[string]int{}}
	for i := range c.ops {
		c.ops[i] = map[string]bool{}
	}
	gen := graphs()
	for seed := range drawnGraphs {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := gen.Example(seed)
			g.name = fmt.Sprint(seed)
			nodes, in := g.flat().scalar(t)
			defer func() {
				for _, n := range nodes {
					if t.Failed() {
						t.Log(n.GetOutput(), n.GetOpType(), n.GetInput(), n.GetAttribute())
					}
				}
			}()
			first, err := derive(nodes, in, "y", "g", static)
			if err != nil {
				t.Fatal(err)
			}
			c.saw(1, nodes)
			out := c.hold(t, first, "y")
			for _, k := range []knowledge{open, wide, unranked} {
				c.known(t, nodes, in, "y", out[1:], k)
			}
			c.narrow(t, nodes, in, out[1:])
			twice := first.scalar(func() float64 { return float64(len(g.nodes)%3) + 0.5 })
			second, err := derive(twice.nodes, twice.in, "s", "h", static)
			if err != nil {
				t.Fatal(err)
			}
			c.saw(2, twice.nodes)
			out = c.hold(t, second, "s")
			for _, k := range []knowledge{open, wide, unranked} {
				c.known(t, twice.nodes, twice.in, "s", out[1:], k)
			}
		})
	}
	for _, op := range gradient.Ops() {
		if !c.ops[1][op] || !c.ops[2][op] {
			t.Errorf("no graph differentiates %s, or none twice", op)
		}
	}
	t.Logf("%d elements compared, %d at kinks; float32 in %d graphs; by knowledge: %v run, %v refused", c.compared,
		c.kinks, c.narrowed, c.run, c.refused)
	if c.kinks*20 > c.compared {
		t.Errorf("%d of %d elements are at kinks; want fewer than one in twenty", c.kinks, c.compared)
	}
	for why, n := range c.why {
		t.Log(n, why)
	}
	if c.run[open] < drawnGraphs/2 || c.run[wide] < drawnGraphs/10 || c.run[unranked] < drawnGraphs/20 {
		t.Errorf("by knowledge, %v of %d graphs ran; want most with open dimensions, and some with less", c.run,
			drawnGraphs)
	}
}

func (c *tally) saw(order int, nodes []*onnx.NodeProto) {
	for _, n := range nodes {
		c.ops[order][n.GetOpType()] = true
	}
}
