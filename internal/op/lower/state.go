package lower

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// stateRules are operators that carry a state from call to call.
var stateRules = []rule{
	{Name: "CausalConvWithState", In: upTo(2, 4), Out: upTo(1, 2), Types: floats,
		Attrs: []onnxop.Attr{stringAttr("activation", "none")}, write: causalConv},
	{Name: "LinearAttention", In: upTo(3, 6), Out: upTo(1, 2), Types: floats, Attrs: []onnxop.Attr{
		intAttr("chunk_size", 64), {Name: "kv_num_heads", Kind: onnx.AttributeProto_INT, Required: true},
		{Name: "q_num_heads", Kind: onnx.AttributeProto_INT, Required: true}, floatAttr("scale", 0),
		stringAttr("update_rule", "gated_delta")}, write: linearAttention},
	{Name: "TensorScatter", In: upTo(2, 3), Out: one, Types: floats, Attrs: []onnxop.Attr{intAttr("axis", -2),
		stringAttr("mode", "linear")}, write: tensorScatter},
}

// causalConv is a convolution of each channel by itself that sees no later element.
func causalConv(c *call) ([]string, error) {
	x, err := c.static(0)
	if err != nil {
		return nil, err
	}
	w := c.typ(1)
	if len(x) != 3 || !w.Static() || len(w.Shape) != 3 || w.Shape[0] != x[1] || w.Shape[1] != 1 || w.Shape[2] < 1 {
		return nil, c.fail("the input is %v and the kernel %v; want [batch, channels, length] and [channels, 1, k]",
			c.typ(0), w)
	}
	before := w.Shape[2] - 1
	in := c.in[0]
	if before > 0 {
		past := c.at(3)
		if past == "" {
			past = c.Zeros(c.typ(0).DType, c.Ints(int64(x[0]), int64(x[1]), int64(before)))
		} else if t := c.typ(3); !slices.Equal(t.Shape, []int{x[0], x[1], before}) {
			return nil, c.fail("past_state is %v; want [%d, %d, %d]", t, x[0], x[1], before)
		}
		in = c.Joined(2, past, in)
	}
	args := []string{in, c.in[1]}
	if b := c.at(2); b != "" {
		args = append(args, b)
	}
	y := c.With("Conv", args, onnx.AttrInt("group", int64(x[1])))
	switch a := c.string("activation"); a {
	case "none":
	case "silu", "swish":
		y = c.Op("Mul", y, c.Op("Sigmoid", y))
	default:
		return nil, c.fail("activation is %q; want none, silu or swish", a)
	}
	return []string{y, c.Sliced(in, 2, x[2], x[2]+before)}, c.Err
}

// linearAttention goes through a sequence with a matrix as its state, to which it adds products of keys and values.
func linearAttention(c *call) ([]string, error) {
	q, err := c.static(0)
	if err != nil {
		return nil, err
	}
	heads, groups := int(c.int("kv_num_heads")), int(c.int("q_num_heads"))
	if len(q) != 3 || heads < 1 || groups < 1 || groups%heads != 0 || q[2]%groups != 0 {
		return nil, c.fail("the queries are %v with %d heads, and %d of keys; want three dimensions, of which the last is a "+
			"multiple of the former, and this of the latter", c.typ(0), groups, heads)
	}
	batch, steps, size := q[0], q[1], q[2]/groups
	k, v := c.typ(1), c.typ(2)
	if !k.Static() || !v.Static() || !slices.Equal(k.Shape, []int{batch, steps, heads * size}) || len(v.Shape) != 3 ||
		v.Shape[0] != batch || v.Shape[1] != steps || v.Shape[2]%heads != 0 {
		return nil, c.fail("the keys are %v and the values %v; want [%d, %d, …] for %d heads", k, v, batch, steps, heads)
	}
	width := v.Shape[2] / heads
	if steps < 1 || steps > stepsMax {
		return nil, c.fail("the sequence has %d steps; want 1 to %d, for each is written out", steps, stepsMax)
	}
	rule := c.string("update_rule")
	gated, delta := rule == "gated" || rule == "gated_delta", rule == "delta" || rule == "gated_delta"
	if !gated && !delta && rule != "linear" || gated != (c.at(4) != "") || delta != (c.at(5) != "") {
		return nil, c.fail("update_rule is %q; want linear, gated with decay, delta with beta, or gated_delta with both",
			rule)
	}
	// parts are the steps of an input, of so many heads.
	parts := func(i, heads int) []string {
		if c.at(i) == "" || c.Err != nil {
			return make([]string, steps)
		}
		t := c.typ(i)
		if len(t.Shape) != 3 || t.Shape[0] != batch || t.Shape[1] != steps || heads == 0 || t.Shape[2]%heads != 0 {
			c.Err = c.fail("input %d is %v; want [%d, %d, a multiple of %d]", i, t, batch, steps, heads)
			return make([]string, steps)
		}
		out := c.halves(c.Transposed(c.in[i], 1, 0, 2), 1, steps)
		for s := range out {
			out[s] = c.Shaped(out[s], batch, heads, t.Shape[2]/heads, 1)
		}
		return out
	}
	betaHeads := heads
	if t := c.typ(5); len(t.Shape) == 3 && t.Shape[2] == 1 {
		betaHeads = 1
	}
	qs, ks, vs, decay, beta := parts(0, groups), parts(1, heads), parts(2, heads), parts(4, heads), parts(5, betaHeads)
	state := c.at(3)
	if state == "" {
		state = c.Zeros(c.typ(0).DType, c.Ints(int64(batch), int64(heads), int64(size), int64(width)))
	} else if t := c.typ(3); !slices.Equal(t.Shape, []int{batch, heads, size, width}) || t.DType != c.typ(0).DType {
		return nil, c.fail("past_state is %v; want %v[%d,%d,%d,%d]", t, c.typ(0).DType, batch, heads, size, width)
	}
	scale := c.float("scale")
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(size))
	}
	out := make([]string, steps)
	for s := range steps {
		if c.Err != nil {
			return nil, c.Err
		}
		if gated {
			state = c.Op("Mul", state, c.Op("Exp", decay[s]))
		}
		add := c.Shaped(vs[s], batch, heads, 1, width)
		row := c.Shaped(ks[s], batch, heads, 1, size)
		if delta {
			add = c.Op("Mul", beta[s], c.Op("Sub", add, c.Op("MatMul", row, state)))
		}
		state = c.Op("Add", state, c.Op("Mul", ks[s], add))
		read := c.Op("MatMul", c.Shaped(qs[s], batch, heads, groups/heads, size), state)
		out[s] = c.Shaped(read, batch, 1, groups*width)
	}
	return []string{c.scaled(c.Joined(1, out...), scale), state}, c.Err
}

// tensorScatter writes an update over a part of a cache, for each sample where its index says.
func tensorScatter(c *call) ([]string, error) {
	past, err := c.static(0)
	if err != nil {
		return nil, err
	}
	update, err := c.static(1)
	if err != nil {
		return nil, err
	}
	axis, err := onnxop.Axis(c.int("axis"), len(past))
	if err != nil || axis == 0 {
		return nil, c.fail("the axis is %d of %v; want one behind the first", c.int("axis"), c.typ(0))
	}
	same := slices.Clone(update)
	if len(update) == len(past) {
		same[axis] = past[axis]
	}
	mode := c.string("mode")
	if !slices.Equal(same, past) || update[axis] > past[axis] || mode != "linear" && mode != "circular" ||
		len(past) == tensor.MaxRank {
		return nil, c.fail("the update %v of the cache %v is %s; want at most as long along axis %d, and linear or circular",
			c.typ(1), c.typ(0), mode, axis)
	}
	most, length := int64(past[axis]), update[axis]
	// Where each element of the update goes, [batch, 1…, 1, length, 1…], against where it could, [1…, most, 1, 1…].
	dims := slices.Repeat([]int{1}, len(past)+1)
	dims[axis+1] = length
	to := c.Shaped(c.line(length, false), dims...)
	if at := c.at(2); at != "" {
		t := c.typ(2)
		if t.DType != tensor.Int64 || !slices.Equal(t.Shape, past[:1]) {
			return nil, c.fail("write_indices is %v; want int64[%d]", t, past[0])
		}
		dims[axis+1], dims[0] = 1, past[0]
		to = c.Op("Add", to, c.Shaped(at, dims...))
		if mode == "circular" && most > 0 {
			to = c.Op("Sub", to, c.Op("Mul", c.Op("Div", to, c.Number(to, float64(most))), c.Number(to, float64(most))))
		}
	}
	dims = slices.Repeat([]int{1}, len(past)+1)
	dims[axis] = past[axis]
	hit := c.Op("Equal", to, c.Shaped(c.line(past[axis], false), dims...))
	x := c.Op("Unsqueeze", c.in[1], c.Ints(int64(axis)))
	zero := c.Number(x, 0)
	sum := func(v string) string {
		return c.With("ReduceSum", []string{v, c.Ints(int64(axis + 1))}, onnx.AttrInt("keepdims", 0))
	}
	written := c.Op("Greater", sum(c.Op("Where", hit, c.Number(x, 1), zero)), zero)
	return []string{c.Op("Where", written, sum(c.Op("Where", hit, x, zero)), c.in[0])}, c.Err
}
