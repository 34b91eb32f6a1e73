package gradient

import (
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/op/onnxop"
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
	axis, err := c.axis(c.types[c.in[0]].Rank())
	if err != nil {
		return nil, err
	}
	e := &chain{b: c.builder}
	grads := make([]string, len(c.in))
	at := 0
	for i, x := range c.in {
		t := c.types[x]
		if t.Rank() <= int(axis) || t.Shape[axis] < 0 {
			return nil, c.fail("input %d is %v; want dimension %d known", i, t, axis)
		}
		if c.wants[i] {
			grads[i] = e.op("Slice", c.d[0], e.ints(int64(at)), e.ints(int64(at+t.Shape[axis])), e.ints(axis))
		}
		at += t.Shape[axis]
	}
	return grads, e.err
}
