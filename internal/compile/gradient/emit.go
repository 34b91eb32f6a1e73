package gradient

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// builder makes the nodes of a gradient and knows the type of every value, also of those that it has made.
type builder struct {
	prefix    string
	types     map[string]onnxop.Type
	nodes     []*onnx.NodeProto
	parts     map[string][]string // the gradients of a value that its readers gave
	constants map[string]string   // the constants made so far, by their bytes
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

// nodesMax bounds the nodes of one gradient.
const nodesMax = 1 << 17

// emit adds a node with one result and returns the result's name.
func (b *builder) emit(op string, in []string, attrs ...*onnx.AttributeProto) (string, error) {
	name := fmt.Sprintf("%s/%d_%s", b.prefix, len(b.nodes), op)
	if _, taken := b.types[name]; taken {
		return "", &Error{Where: name, Reason: "is a value of the graph already; want another prefix"}
	}
	if len(b.nodes) >= nodesMax {
		return "", &Error{Where: b.prefix, Reason: fmt.Sprintf("needs more than %d nodes; want a smaller graph",
			nodesMax)}
	}
	n := onnx.Node("", op, name, in, []string{name}, attrs...)
	types := make([]onnxop.Type, len(in))
	for i, v := range in {
		types[i] = b.types[v]
	}
	out, err := onnxop.Infer(n, types)
	if err != nil {
		return "", err
	}
	b.nodes = append(b.nodes, n)
	b.types[name] = out[0]
	return name, nil
}

// chain is a run of emits of which the first error stands; later ones do nothing.
type chain struct {
	b   *builder
	err error
}

// op is emit.
func (e *chain) op(op string, in ...string) string { return e.with(op, in) }

// with is emit with attributes.
func (e *chain) with(op string, in []string, attrs ...*onnx.AttributeProto) string {
	if e.err != nil {
		return ""
	}
	var name string
	name, e.err = e.b.emit(op, in, attrs...)
	return name
}

// constant returns a value that is t, the same one for the same tensor.
func (e *chain) constant(t *tensor.Tensor, err error) string {
	if e.err == nil {
		e.err = err
	}
	if e.err != nil {
		return ""
	}
	key := string(t.Append(nil))
	if name, ok := e.b.constants[key]; ok {
		return name
	}
	name := e.with("Constant", nil, onnx.AttrTensor("value", t.Proto("")))
	e.b.constants[key] = name
	return name
}

// number returns a float scalar of the element type of another value.
func (e *chain) number(like string, v float64) string {
	return e.constant(scalar(e.b.types[like].DType, v))
}

// ints returns a list of int64.
func (e *chain) ints(v ...int64) string { return e.constant(tensor.FromInt64([]int{len(v)}, v)) }

// shape returns the shape of a value: a constant where it is known.
func (e *chain) shape(x string) string {
	t := e.b.types[x]
	if !t.Static() {
		return e.op("Shape", x)
	}
	dims := make([]int64, len(t.Shape))
	for i, d := range t.Shape {
		dims[i] = int64(d)
	}
	return e.ints(dims...)
}

// reshape returns a value in the shape of another.
func (e *chain) reshape(v, like string) string {
	if a, b := e.b.types[v], e.b.types[like]; a.Static() &&
		a.Equal(onnxop.Type{DType: a.DType, Shape: b.Shape, Unranked: b.Unranked}) {
		return v
	}
	name := e.with("Reshape", []string{v, e.shape(like)}, onnx.AttrInt("allowzero", 1))
	if e.err == nil {
		e.b.types[name] = refined(e.b.types[name], e.b.types[like])
	}
	return name
}

// scalar returns a float tensor without dimensions.
func scalar(d tensor.DType, v float64) (*tensor.Tensor, error) {
	if d == tensor.Float64 {
		return tensor.FromFloat64([]int{}, []float64{v})
	}
	return tensor.FromFloat32([]int{}, []float32{float32(v)})
}

// like returns a value of the type of another, filled with one number.
func (b *builder) like(x string, v float64) (string, error) {
	e := &chain{b: b}
	t := b.types[x]
	fill, err := scalar(t.DType, v)
	if err != nil {
		return "", err
	}
	if len(t.Shape) == 0 && t.Static() {
		return e.constant(fill, nil), e.err
	}
	if fill, err = fill.Reshape([]int{1}); err != nil {
		return "", err
	}
	return e.with("ConstantOfShape", []string{e.shape(x)}, onnx.AttrTensor("value", fill.Proto(""))), e.err
}
