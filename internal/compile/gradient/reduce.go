package gradient

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// sumSquare is d·2x, spread over the terms.
func sumSquare(c *call) ([]string, error) {
	axes, err := c.reduced()
	if err != nil {
		return nil, err
	}
	e := &chain{b: c.builder}
	x := c.in[0]
	d := e.spread(c.d[0], x, c.node, axes)
	return []string{e.op("Mul", d, e.op("Mul", x, e.number(x, 2)))}, e.err
}

// factorsMax bounds the factors of one product that is differentiated: each is multiplied with each.
const factorsMax = 256

// product is d times the product of the other factors, for each factor. It divides by nothing, so that it holds where
// factors are 0, in the next order too.
func product(c *call) ([]string, error) {
	axes, err := c.reduced()
	if err != nil {
		return nil, err
	}
	x := c.in[0]
	t := c.types[x]
	if axes == nil || t.Unranked {
		return nil, c.fail("the axes are not known; want constant axes of a tensor of known rank")
	}
	e := &chain{b: c.builder}
	var perm []int64 // the axes behind all others
	var outer []string
	n := 1
	for i, d := range t.Shape {
		switch {
		case !slices.Contains(axes, int64(i)):
			perm, outer = append(perm, int64(i)), append(outer, e.dim(x, int64(i)))
		case d < 0 || n*d > factorsMax:
			return nil, c.fail("it multiplies more than %d elements of %v each time, or it is not known how many; "+
				"want fewer", factorsMax, t)
		default:
			n *= d
		}
	}
	perm = append(perm, axes...)
	inverse := make([]int64, len(perm))
	for i, p := range perm {
		inverse[p] = int64(i)
	}
	turned := e.with("Transpose", []string{x}, onnx.AttrInts("perm", perm...))
	at := func(v string, more ...int64) string {
		shape := outer[:len(outer):len(outer)]
		for _, d := range more {
			shape = append(shape, e.ints(d))
		}
		if len(shape) == 0 {
			return e.with("Reshape", []string{v, e.ints()}, onnx.AttrInt("allowzero", 1))
		}
		return e.with("Reshape", []string{v, e.joined(shape...)}, onnx.AttrInt("allowzero", 1))
	}
	self := make([]bool, n*n)
	for i := range n {
		self[i*n+i] = true
	}
	others := e.op("Where", e.constant(tensor.FromBool([]int{n, n}, self)), e.number(x, 1), at(turned, 1, int64(n)))
	last := e.ints(-1)
	g := e.op("Mul", e.with("ReduceProd", []string{others, last}, onnx.AttrInt("keepdims", 0)), at(c.d[0], 1))
	return []string{e.with("Transpose", []string{e.reshape(g, turned)}, onnx.AttrInts("perm", inverse...))}, e.err
}

// reduceRules give every term the gradient of its sum.
var reduceRules = map[string]rule{
	"ReduceProd":      product,
	"ReduceSumSquare": sumSquare,
	"ReduceSum":       reduction(func(e *chain, x, z, d string) string { return d }),
	"ReduceMean": reduction(func(e *chain, x, z, d string) string {
		if tx, tz := e.b.types[x], e.b.types[z]; tx.Static() && tz.Static() && tz.Elements() > 0 {
			return e.op("Div", d, e.number(x, float64(tx.Elements()/tz.Elements())))
		}
		// The number of terms is known only in the run. Where there is no mean at all, so is no gradient, and any
		// number does.
		some := e.op("Max", e.op("Size", z), e.constant(tensor.FromInt64([]int{}, []int64{1})))
		terms := e.op("Div", e.op("Size", x), some)
		return e.op("Div", d, e.with("Cast", []string{terms}, onnx.AttrInt("to", int64(e.b.types[x].DType))))
	}),
}

// reduction is the rule of a sum whose gradient in the shape of the result is f, before it is spread over the terms.
func reduction(f func(e *chain, x, z, d string) string) rule {
	return func(c *call) ([]string, error) {
		axes, err := c.reduced()
		if err != nil {
			return nil, err
		}
		e := &chain{b: c.builder}
		return []string{e.spread(f(e, c.in[0], c.out[0], c.d[0]), c.in[0], c.node, axes)}, e.err
	}
}

// spread repeats what was reduced over the dimensions that are gone.
func (e *chain) spread(d, x string, n *onnx.NodeProto, axes []int64) string {
	if axes != nil && len(axes) == 0 {
		return d
	}
	if onnxop.Int(n, "keepdims") == 0 {
		d = e.op("Unsqueeze", d, e.ints(axes...))
	}
	return e.op("Expand", d, e.shape(x))
}

// reduced returns the axes that the node folds; nil where they are not known and need not be, since all dimensions are
// kept.
func (c *call) reduced() ([]int64, error) {
	types := make([]onnxop.Type, len(c.in))
	for i, in := range c.in {
		types[i] = c.types[in]
	}
	set, err := onnxop.Reduced(c.node, types)
	if err != nil {
		return nil, c.fail("%v", err)
	}
	if set == nil && onnxop.Int(c.node, "keepdims") != 0 {
		return nil, nil
	}
	if set == nil {
		return nil, c.fail("the axes are not known; want constant axes of a tensor of known rank")
	}
	axes := []int64{}
	for i, reduced := range set {
		if reduced {
			axes = append(axes, int64(i))
		}
	}
	return axes, nil
}
