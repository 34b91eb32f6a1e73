package lower

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// attentionRules are what transformers are made of.
var attentionRules = []rule{
	{Name: "Attention", In: upTo(3, 7), Out: upTo(1, 4), Types: floats, Attrs: []onnxop.Attr{intAttr("is_causal", 0),
		intAttr("kv_num_heads", 0), intAttr("left_window_size", -1), intAttr("q_num_heads", 0),
		intAttr("qk_matmul_output_mode", 0), intAttr("right_window_size", -1),
		attr("scale", onnx.AttributeProto_FLOAT, nil), floatAttr("softcap", 0),
		intAttr("softmax_precision", 0)}, write: attention},
	{Name: "RotaryEmbedding", In: upTo(3, 4), Out: one, Types: floats, Attrs: []onnxop.Attr{intAttr("interleaved", 0),
		intAttr("num_heads", 0), intAttr("rotary_embedding_dim", 0)}, write: rotary},
}

// heads returns input i as [batch, heads, length, size].
func (c *call) heads(i int, count string) (string, error) {
	shape, err := c.static(i)
	if err != nil {
		return "", err
	}
	switch len(shape) {
	case 4:
		return c.in[i], nil
	case 3:
		n := int(c.int(count))
		if n < 1 || shape[2]%n != 0 {
			return "", c.fail("%s is %d and input %d is %v; want a divisor of its last dimension", count, n, i,
				c.typ(i))
		}
		return c.Transposed(c.Shaped(c.in[i], shape[0], shape[1], n, shape[2]/n), 0, 2, 1, 3), nil
	}
	return "", c.fail("input %d is %v; want three or four dimensions", i, c.typ(i))
}

// attention is softmax(q·kᵀ·scale, capped and masked)·v (Vaswani and others, "Attention Is All You Need", 2017), with
// as many queries to a key as there are more heads of them (Ainslie and others, "GQA", 2023). A query that may look at
// no key gets 0.
func attention(c *call) ([]string, error) {
	q, err := c.heads(0, "q_num_heads")
	if err != nil {
		return nil, err
	}
	k, err := c.heads(1, "kv_num_heads")
	if err != nil {
		return nil, err
	}
	v, err := c.heads(2, "kv_num_heads")
	if err != nil {
		return nil, err
	}
	if (c.at(4) == "") != (c.at(5) == "") || c.at(4) != "" && c.at(6) != "" {
		return nil, c.fail("wants past_key and past_value together, and not with nonpad_kv_seqlen")
	}
	before := 0
	if c.at(4) != "" {
		past, err := c.static(4)
		if err != nil {
			return nil, err
		}
		if len(past) != 4 {
			return nil, c.fail("past_key is %v; want four dimensions", c.typ(4))
		}
		before = past[2]
		k, v = c.Joined(2, c.in[4], k), c.Joined(2, c.in[5], v)
	}
	if c.Err != nil {
		return nil, c.Err
	}
	qs, ks, vs := c.Types[q].Shape, c.Types[k].Shape, c.Types[v].Shape
	if len(qs) != 4 || len(ks) != 4 || len(vs) != 4 || ks[1] == 0 || qs[1]%ks[1] != 0 || ks[1] != vs[1] ||
		qs[3] != ks[3] || ks[2] != vs[2] || qs[0] != ks[0] || qs[0] != vs[0] || ks[2] == 0 {
		return nil,
			c.fail("queries %v, keys %v and values %v do not fit; want [batch, heads, length, size], a key for "+
				"each value, and queries a multiple of the heads of keys", qs, ks, vs)
	}
	bias, closed, err := c.bias(qs[0], qs[2], ks[2], before)
	if err != nil {
		return nil, err
	}
	scale := 1 / math.Sqrt(float64(qs[3]))
	if s, ok := onnx.GetFloat(c.node, "scale"); ok {
		scale = float64(s)
	}
	if scale < 0 {
		return nil, c.fail("scale is %g; want 0 or more", scale)
	}
	scale = math.Sqrt(scale)
	scores := c.grouped(c.scaled(q, scale), c.Transposed(c.scaled(k, scale), 0, 1, 3, 2))
	shown := scores
	if limit := c.float("softcap"); limit > 0 {
		scores = c.scaled(c.Op("Tanh", c.Op("Div", scores, c.Number(scores, limit))), limit)
		shown = scores
	}
	mode := c.int("qk_matmul_output_mode")
	if mode < 0 || mode > 3 {
		return nil, c.fail("qk_matmul_output_mode is %d; want 0 to 3", mode)
	}
	if bias != "" {
		if mode == 2 && c.wants(3) {
			shown = c.Op("Add", scores, bias)
		}
		if closed != "" {
			// What is masked as a whole is not masked before the softmax, which would divide 0 by 0, but behind it.
			bias = c.Op("Where", closed, c.Number(bias, 0), bias)
		}
		scores = c.Op("Add", scores, bias)
	}
	kind := c.typ(0).DType
	if p := tensor.DType(c.int("softmax_precision")); p != 0 {
		scores = c.Cast(scores, p)
	}
	p := c.Cast(c.With("Softmax", []string{scores}, onnx.AttrInt("axis", -1)), kind)
	if closed != "" {
		p = c.Op("Where", closed, c.Number(p, 0), p)
	}
	if mode == 3 {
		shown = p
	}
	y := c.grouped(p, v)
	if len(c.typ(0).Shape) == 3 {
		y = c.Shaped(c.Transposed(y, 0, 2, 1, 3), qs[0], qs[2], qs[1]*vs[3])
	}
	return []string{y, k, v, shown}, c.Err
}

// grouped is the product of [batch, heads, …] with [batch, fewer heads, …], of which each is for as many in a row.
func (c *call) grouped(a, b string) string {
	if c.Err != nil {
		return ""
	}
	as, bs := c.Types[a].Shape, c.Types[b].Shape
	if as[1] == bs[1] {
		return c.Op("MatMul", a, b)
	}
	a = c.Shaped(a, as[0], bs[1], as[1]/bs[1], as[2], as[3])
	b = c.Shaped(b, bs[0], bs[1], 1, bs[2], bs[3])
	return c.Shaped(c.Op("MatMul", a, b), as[0], as[1], as[2], bs[3])
}

// bias is what is added to the scores: 0, or less than all where a key is masked, or as the mask says; "" where there
// is nothing. closed says which queries see no key at all; "" where there is none.
func (c *call) bias(batch, queries, keys, before int) (bias, closed string, err error) {
	zero, none := c.Number(c.in[0], 0), c.Number(c.in[0], math.Inf(-1))
	add := func(b string) {
		if bias == "" {
			bias = b
		} else {
			bias = c.Op("Add", bias, b)
		}
	}
	certain := true // that each query sees a key
	if mask := c.at(3); mask != "" {
		certain = false
		t := c.typ(3)
		shape, err := c.static(3)
		if err != nil {
			return "", "", err
		}
		if len(shape) < 1 || len(shape) > 4 {
			return "", "", c.fail("the mask is %v; want one to four dimensions", t)
		}
		if t.DType == tensor.Bool {
			mask = c.Op("Where", mask, zero, none)
		} else if t.DType != c.typ(0).DType {
			return "", "", c.fail("the mask is %v; want bool or the type of the queries", t)
		}
		last := shape[len(shape)-1]
		if last > keys {
			return "", "", c.fail("the mask is %v; want at most %d keys", t, keys)
		}
		if last < keys && last != 1 {
			dims := make([]int64, len(shape))
			for i, d := range shape {
				dims[i] = int64(d)
			}
			dims[len(dims)-1] = int64(keys - last)
			mask = c.Joined(len(shape)-1, mask, c.Op("Expand", none, c.Ints(dims...)))
		}
		add(mask)
	}
	// Where the queries stand among the keys: behind those of before, or at the end of those that are no padding.
	at := c.line(queries, true)
	lengths := ""
	if c.at(6) != "" {
		if t := c.typ(6); t.DType != tensor.Int64 || !slices.Equal(t.Shape, []int{batch}) {
			return "", "", c.fail("nonpad_kv_seqlen is %v; want int64[%d]", t, batch)
		}
		certain = false
		lengths = c.Shaped(c.in[6], batch, 1, 1, 1)
		at = c.Op("Add", at, c.Op("Sub", lengths, c.Number(lengths, float64(queries))))
	} else if before > 0 {
		at = c.Op("Add", at, c.Number(at, float64(before)))
	}
	key := c.line(keys, false)
	allow := func(yes string) { add(c.Op("Where", yes, zero, none)) }
	if c.int("is_causal") != 0 {
		allow(c.Op("LessOrEqual", key, at))
	}
	left, right := c.int("left_window_size"), c.int("right_window_size")
	if left < -1 || right < -1 {
		return "", "", c.fail("a window is %d and %d; want -1 or more", left, right)
	}
	if left >= 0 {
		certain = certain && before+queries <= keys
		allow(c.Op("LessOrEqual", c.Op("Sub", at, key), c.Ints(left)))
	}
	if right >= 0 {
		allow(c.Op("LessOrEqual", c.Op("Sub", key, at), c.Ints(right)))
	}
	if lengths != "" {
		allow(c.Op("Less", key, lengths))
	}
	if bias == "" || certain {
		return bias, "", c.Err
	}
	return bias, c.Op("Equal", c.Largest(bias, -1), none), c.Err
}

// line is the numbers from 0 to before n, as a column or a row.
func (c *call) line(n int, column bool) string {
	v := make([]int64, n)
	for i := range v {
		v[i] = int64(i)
	}
	shape := []int{1, n}
	if column {
		shape = []int{n, 1}
	}
	return c.Constant(tensor.FromInt64(shape, v))
}

// rotary turns pairs of elements by an angle that depends on where their token stands (Su and others, "RoFormer",
// 2021).
func rotary(c *call) ([]string, error) {
	shape, err := c.static(0)
	if err != nil {
		return nil, err
	}
	x, axis := c.in[0], 1 // of the heads
	switch n := int(c.int("num_heads")); {
	case len(shape) == 4:
	case len(shape) == 3 && n > 0 && shape[2]%n == 0:
		x, axis = c.Shaped(x, shape[0], shape[1], n, shape[2]/n), 2
	default:
		return nil, c.fail("X is %v and num_heads %d; want four dimensions, or three and a divisor of the last",
			c.typ(0),
			n)
	}
	if c.Err != nil {
		return nil, c.Err
	}
	dims := c.Types[x].Shape
	size := int(c.int("rotary_embedding_dim"))
	if size == 0 {
		size = dims[3]
	}
	if size < 0 || size > dims[3] || size%2 != 0 {
		return nil, c.fail("%d elements of the %d of a head are to be turned; want an even number of them", size,
			dims[3])
	}
	length := dims[3-axis]
	cache := func(i int) string {
		v := c.in[i]
		if ids := c.at(3); ids != "" {
			v = c.Op("Gather", v, ids)
		}
		if t := c.Types[v]; c.Err == nil && !slices.Equal(t.Shape, []int{dims[0], length, size / 2}) {
			c.Err = c.fail("input %d gives %v; want [%d, %d, %d]", i, t, dims[0], length, size/2)
		}
		return c.Op("Unsqueeze", v, c.Ints(int64(axis)))
	}
	cos, sin := cache(1), cache(2)
	turned, rest := c.Sliced(x, 3, 0, size), ""
	if size < dims[3] {
		rest = c.Sliced(x, 3, size, dims[3])
	}
	var a, b string
	pairs := append(slices.Clone(dims[:3]), size/2, 2)
	flat := append(slices.Clone(dims[:3]), size/2)
	interleaved := c.int("interleaved") != 0
	if interleaved {
		p := c.Shaped(turned, pairs...)
		a, b = c.Shaped(c.Sliced(p, 4, 0, 1), flat...), c.Shaped(c.Sliced(p, 4, 1, 2), flat...)
	} else {
		a, b = c.Sliced(turned, 3, 0, size/2), c.Sliced(turned, 3, size/2, size)
	}
	re := c.Op("Sub", c.Op("Mul", cos, a), c.Op("Mul", sin, b))
	im := c.Op("Add", c.Op("Mul", sin, a), c.Op("Mul", cos, b))
	if interleaved {
		single := append(flat[:4:4], 1)
		turned = c.Shaped(c.Joined(4, c.Shaped(re, single...), c.Shaped(im, single...)),
			append(slices.Clone(dims[:3]), size)...)
	} else {
		turned = c.Joined(3, re, im)
	}
	if rest != "" {
		turned = c.Joined(3, turned, rest)
	}
	return []string{c.Shaped(turned, shape...)}, c.Err
}
