package gradient

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/emit"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// builder makes the nodes of a gradient.
type builder struct {
	*emit.Builder
	types map[string]onnxop.Type // those of the Builder
	parts map[string][]string    // the gradients of a value that its readers gave
}

// nodesMax bounds the nodes of one gradient.
const nodesMax = 1 << 17

func newBuilder(prefix string, types map[string]onnxop.Type) *builder {
	return &builder{types: types, parts: map[string][]string{}, Builder: &emit.Builder{Prefix: prefix, Types: types,
		NodesMax: nodesMax, Fail: func(where, reason string) error { return &Error{Where: where, Reason: reason} }}}
}

// call is a node while its rule runs.
type call struct {
	*builder
	node    *onnx.NodeProto
	in, out []string
	d       []string // the gradient of each output, "" where it has none
	wants   []bool   // for each input: its gradient is asked for
}

// fail returns the error that the node cannot be differentiated.
func (c *call) fail(format string, args ...any) error {
	return &Error{Where: nodeName(c.node), Reason: c.node.GetOpType() + ": " + fmt.Sprintf(format, args...)}
}

// chain is an emit.Chain over a builder, under the short names that rules are written in.
type chain struct {
	b   *builder
	err error
}

// on does something with the chain's builder, and keeps the first error.
func (e *chain) on(f func(c *emit.Chain) string) string {
	c := &emit.Chain{Builder: e.b.Builder, Err: e.err}
	name := f(c)
	e.err = c.Err
	return name
}

func (e *chain) op(op string, in ...string) string { return e.with(op, in) }

func (e *chain) with(op string, in []string, attrs ...*onnx.AttributeProto) string {
	return e.on(func(c *emit.Chain) string { return c.With(op, in, attrs...) })
}

func (e *chain) constant(t *tensor.Tensor, err error) string {
	return e.on(func(c *emit.Chain) string { return c.Constant(t, err) })
}

func (e *chain) number(like string, v float64) string {
	return e.on(func(c *emit.Chain) string { return c.Number(like, v) })
}

func (e *chain) ints(v ...int64) string {
	return e.on(func(c *emit.Chain) string { return c.Ints(v...) })
}

func (e *chain) shape(x string) string {
	return e.on(func(c *emit.Chain) string { return c.Shape(x) })
}

func (e *chain) reshape(v, like string) string {
	return e.on(func(c *emit.Chain) string { return c.Reshape(v, like) })
}

// zeros is a tensor of zeros of that shape.
func (e *chain) zeros(dtype tensor.DType, shape string) string {
	return e.on(func(c *emit.Chain) string { return c.Zeros(dtype, shape) })
}

// like returns a value of the type of another, filled with one number.
func (b *builder) like(x string, v float64) (string, error) {
	e := &chain{b: b}
	return e.on(func(c *emit.Chain) string { return c.Like(x, v) }), e.err
}
