package lower

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// stepsMax bounds the steps that a recurrent operator is written out for.
const stepsMax = 4096

// recurrentRules are written out step by step.
var recurrentRules = []rule{
	recurrent("RNN", upTo(3, 6), 2, 1, []string{"Tanh"}, rnnStep),
	recurrent("GRU", upTo(3, 6), 2, 3, []string{"Sigmoid", "Tanh"}, gruStep, intAttr("linear_before_reset", 0)),
	recurrent("LSTM", upTo(3, 8), 3, 4, []string{"Sigmoid", "Tanh", "Tanh"}, lstmStep, intAttr("input_forget", 0)),
}

// pass is one direction of a recurrent operator while it is written.
type pass struct {
	*call
	steps, batch, hidden int

	acts     []activation
	w, r     string // [g·hidden, …] of the direction
	b        string // [2·g·hidden], "" where there is none
	peep     string // [3·hidden], "" where there is none
	h, c     string // the state, [batch, hidden]
	in       []string
	sections map[[3]int]string // parts of the weights that were cut
}

// recurrent is the rule of an operator of that many gates.
func recurrent(name string, in onnxop.Arity, outs, gates int, acts []string, step func(p *pass, t int),
	more ...onnxop.Attr) rule {
	attrs := append([]onnxop.Attr{attr("activation_alpha", onnx.AttributeProto_FLOATS, nil),
		attr("activation_beta", onnx.AttributeProto_FLOATS, nil), attr("activations", onnx.AttributeProto_STRINGS, nil),
		attr("clip", onnx.AttributeProto_FLOAT, nil), stringAttr("direction", "forward"),
		attr("hidden_size", onnx.AttributeProto_INT, nil), intAttr("layout", 0)}, more...)
	return rule{Name: name, In: in, Out: upTo(1, outs), Types: floats, Attrs: attrs,
		write: func(c *call) ([]string, error) { return c.recurrent(gates, acts, step) }}
}

// shapes checks the shapes of the inputs and returns the dimensions.
func (c *call) shapes(gates, directions int) (steps, batch, hidden int, err error) {
	x, err := c.static(0)
	if err != nil {
		return 0, 0, 0, err
	}
	r := c.typ(2)
	if len(x) != 3 || !r.Static() || len(r.Shape) != 3 {
		return 0, 0, 0, c.fail("X is %v and R is %v; want three dimensions each", c.typ(0), r)
	}
	steps, batch, hidden = x[0], x[1], r.Shape[2]
	first := []int{directions, batch, hidden}
	if c.int("layout") == 1 {
		steps, batch = x[1], x[0]
		first = []int{batch, directions, hidden}
	}
	want := [][]int{nil, {directions, gates * hidden, x[2]}, {directions, gates * hidden, hidden},
		{directions, 2 * gates * hidden}, {batch}, first, first, {directions, 3 * hidden}}
	for i := 1; i < len(c.in); i++ {
		if t := c.typ(i); !t.Absent() && !slices.Equal(t.Shape, want[i]) {
			return 0, 0, 0, c.fail("input %d is %v; want the shape %v", i, t, want[i])
		}
	}
	if given, ok := onnx.GetInt(c.node, "hidden_size"); ok && given != int64(hidden) {
		return 0, 0, 0, c.fail("hidden_size is %d and R is %v; want one for both", given, r)
	}
	if steps < 1 || steps > stepsMax {
		return 0, 0, 0, c.fail("the sequence has %d steps; want 1 to %d, for each is written out", steps, stepsMax)
	}
	return steps, batch, hidden, nil
}

// recurrent writes all directions.
func (c *call) recurrent(gates int, names []string, step func(p *pass, t int)) ([]string, error) {
	var backward []bool
	switch d := c.string("direction"); d {
	case "forward":
		backward = []bool{false}
	case "reverse":
		backward = []bool{true}
	case "bidirectional":
		backward = []bool{false, true}
	default:
		return nil, c.fail("direction is %q; want forward, reverse or bidirectional", d)
	}
	if l := c.int("layout"); l != 0 && l != 1 {
		return nil, c.fail("layout is %d; want 0 or 1", l)
	}
	steps, batch, hidden, err := c.shapes(gates, len(backward))
	if err != nil {
		return nil, err
	}
	acts, err := c.activations(names, len(backward))
	if err != nil {
		return nil, err
	}
	turned := func(v string) string { // between the layouts
		if v == "" || c.int("layout") == 0 {
			return v
		}
		return c.Transposed(v, 1, 0, 2)
	}
	x, h, cell := turned(c.in[0]), turned(c.at(5)), turned(c.at(6))
	x = c.Shaped(x, steps*batch, c.Types[x].Shape[max(len(c.Types[x].Shape)-1, 0)])
	within := c.within(steps)
	var all, lastH, lastC []string
	for d, back := range backward {
		p := &pass{call: c, steps: steps, batch: batch, hidden: hidden, sections: map[[3]int]string{},
			acts: acts[d*len(names) : (d+1)*len(names)]}
		part := func(v string, dims ...int) string {
			if v == "" {
				return ""
			}
			return c.Shaped(c.Sliced(v, 0, d, d+1), dims...)
		}
		p.w, p.r = part(c.in[1], gates*hidden, c.typ(1).Shape[2]), part(c.in[2], gates*hidden, hidden)
		p.b, p.peep = part(c.at(3), 2*gates*hidden), part(c.at(7), 3*hidden)
		if p.h = part(h, batch, hidden); p.h == "" {
			p.h = c.Zeros(c.typ(0).DType, c.Ints(int64(batch), int64(hidden)))
		}
		if p.c = part(cell, batch, hidden); p.c == "" {
			p.c = c.Zeros(c.typ(0).DType, c.Ints(int64(batch), int64(hidden)))
		}
		all = append(all, p.run(x, back, within, gates, step))
		lastH = append(lastH, c.Shaped(p.h, 1, batch, hidden))
		lastC = append(lastC, c.Shaped(p.c, 1, batch, hidden))
	}
	out := []string{"", turned(c.Joined(0, lastH...)), turned(c.Joined(0, lastC...))}
	if c.wants(0) {
		if out[0] = c.Joined(1, all...); c.int("layout") == 1 {
			out[0] = c.Transposed(out[0], 2, 0, 1, 3)
		}
	}
	return out, c.Err
}

// within returns, for each step, which samples have not ended: [batch, 1]; nil where all go on to the end.
func (c *call) within(steps int) []string {
	t := c.typ(4)
	if t.Absent() {
		return nil
	}
	if t.Value != nil && !slices.ContainsFunc(onnxop.Integers(t.Value),
		func(n int64) bool { return n < int64(steps) }) {
		return nil
	}
	lens := c.Op("Unsqueeze", c.Cast(c.in[4], tensor.Int64), c.Ints(1))
	var out []string
	for i := range steps {
		out = append(out, c.Op("Greater", lens, c.Number(lens, float64(i))))
	}
	return out
}

// run writes the steps of a direction and returns its outputs, [steps, 1, batch, hidden].
func (p *pass) run(x string, back bool, within []string, gates int, step func(p *pass, t int)) string {
	p.in = p.halves(p.product(x, p.w, p.bias(gates)), p.batch, p.steps)
	all := make([]string, p.steps)
	zero := p.Number(p.h, 0)
	for i := range p.steps {
		t := i
		if back {
			t = p.steps - 1 - i
		}
		h, c := p.h, p.c
		step(p, t)
		if all[t] = p.h; within != nil {
			all[t] = p.Op("Where", within[t], p.h, zero)
			p.h = p.Op("Where", within[t], p.h, h)
			if p.c != c {
				p.c = p.Op("Where", within[t], p.c, c)
			}
		}
		if p.Err != nil {
			return ""
		}
	}
	return p.Shaped(p.Joined(0, all...), p.steps, 1, p.batch, p.hidden)
}

// halves cuts [n·rows, …] into n parts of rows, by halves, so that the gradients of all of them take little more than
// one does, and not n times as much.
func (c *call) halves(x string, rows, n int) []string {
	if n == 1 || c.Err != nil {
		return slices.Repeat([]string{x}, n)
	}
	half := n / 2
	return append(c.halves(c.Sliced(x, 0, 0, half*rows), rows, half),
		c.halves(c.Sliced(x, 0, half*rows, n*rows), rows, n-half)...)
}

// product is x·wᵀ + b; b may be "".
func (c *call) product(x, w, b string) string {
	in := []string{x, w}
	if b != "" {
		in = append(in, b)
	}
	return c.With("Gemm", in, onnx.AttrInt("transB", 1))
}

// section is a part of the rows of weights, or of biases, cut once.
func (p *pass) section(v string, which, from, to int) string {
	key := [3]int{which, from, to}
	if s, ok := p.sections[key]; ok {
		return s
	}
	p.sections[key] = p.Sliced(v, 0, from, to)
	return p.sections[key]
}

// bias is what is added to the products with the inputs: both biases, but for the one of the recurrence that a GRU adds
// before its reset.
func (p *pass) bias(gates int) string {
	if p.b == "" {
		return ""
	}
	n := gates * p.hidden
	of, by := p.Sliced(p.b, 0, 0, n), p.Sliced(p.b, 0, n, 2*n)
	if p.resets() {
		by = p.Joined(0, p.Sliced(by, 0, 0, n-p.hidden), p.Zeros(p.Types[p.b].DType, p.Ints(int64(p.hidden))))
	}
	return p.Op("Add", of, by)
}

// resets says whether a GRU resets what its recurrence gave, and not what it gets.
func (p *pass) resets() bool { return p.node.GetOpType() == "GRU" && p.int("linear_before_reset") != 0 }

// gate cuts gates out of [batch, g·hidden].
func (p *pass) gate(z string, from, to int) string { return p.Sliced(z, 1, from*p.hidden, to*p.hidden) }

// act applies activation i, to what is clipped where that is asked for.
func (p *pass) act(i int, x string) string {
	if clip, ok := onnx.GetFloat(p.node, "clip"); ok && clip > 0 {
		x = p.Op("Clip", x, p.Number(x, -float64(clip)), p.Number(x, float64(clip)))
	}
	return p.acts[i].write(p.call, x)
}

// rnnStep: h = f(x·wᵀ + h·rᵀ + b).
func rnnStep(p *pass, t int) { p.h = p.act(0, p.product(p.h, p.r, p.in[t])) }

// gruStep: z and r of inputs and state, the new state of the input and what r leaves of the old one, mixed by z.
func gruStep(p *pass, t int) {
	n := p.hidden
	zr := p.act(0, p.product(p.h, p.section(p.r, 0, 0, 2*n), p.gate(p.in[t], 0, 2)))
	z, r, x := p.gate(zr, 0, 1), p.gate(zr, 1, 2), p.gate(p.in[t], 2, 3)
	rh := p.section(p.r, 0, 2*n, 3*n)
	var fresh string
	if p.resets() {
		b := ""
		if p.b != "" {
			b = p.section(p.b, 1, 5*n, 6*n)
		}
		fresh = p.act(1, p.Op("Add", x, p.Op("Mul", r, p.product(p.h, rh, b))))
	} else {
		fresh = p.act(1, p.product(p.Op("Mul", r, p.h), rh, x))
	}
	p.h = p.Op("Add", fresh, p.Op("Mul", z, p.Op("Sub", p.h, fresh)))
}

// lstmStep: the gates i, o, f and the new cell of inputs and state; peepholes look at the cell, that of o at the new
// one.
func lstmStep(p *pass, t int) {
	z := p.product(p.h, p.r, p.in[t])
	peep := func(z string, i int, cell string) string {
		if p.peep == "" {
			return z
		}
		return p.Op("Add", z, p.Op("Mul", p.section(p.peep, 2, i*p.hidden, (i+1)*p.hidden), cell))
	}
	var i, o, f string
	if p.peep == "" {
		iof := p.act(0, p.gate(z, 0, 3))
		i, o, f = p.gate(iof, 0, 1), p.gate(iof, 1, 2), p.gate(iof, 2, 3)
	} else {
		i, f = p.act(0, peep(p.gate(z, 0, 1), 0, p.c)), p.act(0, peep(p.gate(z, 2, 3), 2, p.c))
	}
	if p.int("input_forget") != 0 {
		f = p.Op("Sub", p.Number(i, 1), i)
	}
	p.c = p.Op("Add", p.Op("Mul", f, p.c), p.Op("Mul", i, p.act(1, p.gate(z, 3, 4))))
	if o == "" {
		o = p.act(0, peep(p.gate(z, 1, 2), 1, p.c))
	}
	// Of the last activation the argument is not clipped.
	p.h = p.Op("Mul", o, p.acts[2].write(p.call, p.c))
}

// activation is an activation of a recurrent operator.
type activation struct {
	write func(c *call, x string) string
}

// activations reads the activations of all directions. Those that have numbers take them in their order.
func (c *call) activations(defaults []string, directions int) ([]activation, error) {
	names, ok := onnx.GetStrings(c.node, "activations")
	if !ok || len(names) == 0 {
		names = slices.Repeat(defaults, directions)
	}
	if len(names) != len(defaults)*directions {
		return nil, c.fail("has %d activations; want %d", len(names), len(defaults)*directions)
	}
	alphas, _ := onnx.GetFloats(c.node, "activation_alpha")
	betas, _ := onnx.GetFloats(c.node, "activation_beta")
	take := func(from *[]float32, def float64) float64 {
		if len(*from) == 0 {
			return def
		}
		v := (*from)[0]
		*from = (*from)[1:]
		return float64(v)
	}
	var out []activation
	for _, name := range names {
		a := activation{}
		plain := func(op string) { a.write = func(c *call, x string) string { return c.Op(op, x) } }
		with := func(op string, alpha, beta float64, both bool) {
			attrs := []*onnx.AttributeProto{onnx.AttrFloat("alpha", float32(take(&alphas, alpha)))}
			if both {
				attrs = append(attrs, onnx.AttrFloat("beta", float32(take(&betas, beta))))
			}
			a.write = func(c *call, x string) string { return c.With(op, []string{x}, attrs...) }
		}
		switch name {
		case "Relu", "Tanh", "Sigmoid", "Softsign", "Softplus":
			plain(name)
		case "LeakyRelu":
			with(name, 0.01, 0, false)
		case "ThresholdedRelu", "Elu":
			with(name, 1, 0, false)
		case "HardSigmoid":
			with(name, 0.2, 0.5, true)
		case "Affine", "ScaledTanh":
			alpha, beta := take(&alphas, 1), take(&betas, float64(map[string]int{"ScaledTanh": 1}[name]))
			a.write = func(c *call, x string) string {
				if name == "Affine" {
					return c.Op("Add", c.scaled(x, alpha), c.Number(x, beta))
				}
				return c.scaled(c.Op("Tanh", c.scaled(x, beta)), alpha)
			}
		default:
			return nil, c.fail("activation %.40q is none of Relu, Tanh, Sigmoid, Affine, LeakyRelu, ThresholdedRelu, "+
				"ScaledTanh, HardSigmoid, Elu, Softsign and Softplus", name)
		}
		out = append(out, a)
	}
	return out, nil
}
