package gradient

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// shapeRules put a gradient where its elements came from.
var shapeRules = map[string]rule{
	"Expand":    unary(func(e *chain, x, z, d string) string { return e.unbroadcast(d, x) }),
	"Flatten":   unary(func(e *chain, x, z, d string) string { return e.reshape(d, x) }),
	"Reshape":   unary(func(e *chain, x, z, d string) string { return e.reshape(d, x) }),
	"Squeeze":   unary(func(e *chain, x, z, d string) string { return e.reshape(d, x) }),
	"Unsqueeze": unary(func(e *chain, x, z, d string) string { return e.reshape(d, x) }),
	"Transpose": transpose,
	"Concat":    concat,
}

// transpose applies the inverse permutation.
func transpose(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	rank := c.types[c.in[0]].Rank()
	if perm, ok := onnx.GetInts(c.node, "perm"); ok {
		rank = len(perm) // it tells what the type may not
	}
	if rank < 0 {
		return []string{e.with("Transpose", c.d[:1])}, e.err // without a permutation it is its own inverse
	}
	perm, err := onnxop.Perm(c.node, rank)
	if err != nil {
		return nil, c.fail("%v", err)
	}
	inverse := make([]int64, rank)
	for i, p := range perm {
		inverse[p] = int64(i)
	}
	return []string{e.with("Transpose", c.d[:1], onnx.AttrInts("perm", inverse...))}, e.err
}

// concat gives every input its part.
func concat(c *call) ([]string, error) {
	rank := -1
	for _, x := range append(c.in[:len(c.in):len(c.in)], c.out[0]) {
		rank = max(rank, c.types[x].Rank())
	}
	axis, err := c.axis(rank)
	if err != nil {
		return nil, err
	}
	e := &chain{b: c.builder}
	grads := make([]string, len(c.in))
	at := e.ints(0)
	for i, x := range c.in {
		var end string
		if t := c.types[x]; t.Unranked {
			end = e.sum(at, e.op("Gather", e.op("Shape", x), e.ints(axis)))
		} else {
			end = e.sum(at, e.dim(x, axis))
		}
		if c.wants[i] {
			grads[i] = e.reshape(e.op("Slice", c.d[0], at, end, e.ints(axis)), x)
		}
		at = end
	}
	return grads, e.err
}

// sum adds two lists of one number: a constant where both are.
func (e *chain) sum(a, b string) string {
	if x, y := e.b.types[a].Value, e.b.types[b].Value; e.err == nil && x != nil && y != nil {
		return e.ints(x.Int64()[0] + y.Int64()[0])
	}
	return e.op("Add", a, b)
}
