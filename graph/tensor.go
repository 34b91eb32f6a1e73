package graph

import (
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/types"
)

// Tensor records a standard tensor op, such as MatMul, with one output. The package comment has
// those that there are; their attributes are those of ONNX.
func (g *Graph) Tensor(name string, attrs Attrs, in ...Value) Value {
	return g.Tensors(name, attrs, 1, in...)[0]
}

// Tensors is Tensor for an op with that many outputs.
func (g *Graph) Tensors(name string, attrs Attrs, outs int, in ...Value) []Value {
	d := &op.Decl{Name: name, Nature: op.Pure, Place: op.AtInputs,
		Out: []op.Port{{Name: "out", Type: types.Tensor(), Variadic: true}}}
	u := use{decl: d, line: caller(), in: in, outs: max(outs, 0)}
	fail := func(format string, args ...any) []Value {
		g.s.st.fail(u.line, u.title(g), format, args...)
		return u.refused(g)
	}
	if reason, bad := g.check(in); reason != "" {
		return fail("%s", reason)
	} else if bad {
		return u.refused(g)
	}
	domain := ""
	if name == onnxop.Uniform {
		domain = onnxop.Own
	}
	if onnxop.Lookup(domain, name) == nil {
		return fail("is no supported tensor op; want one of %s", tensorOps())
	}
	protos, err := attrs.protos()
	if err != nil {
		return fail("%v", err)
	}
	node := &onnx.NodeProto{Domain: domain, OpType: name, Attribute: protos, Input: make([]string, len(in)),
		Output: make([]string, u.outs)}
	out, err := tensorTypes(node, in)
	if err != nil {
		return fail("%v", err)
	}
	site := op.Site{Said: g.place, In: placesOf(in), Nature: op.Pure}
	if g.backend != nil {
		site.Slot = g.backend.places()
	}
	place, err := site.Place()
	if err != nil {
		return fail("%v", err)
	}
	node.Input, node.Output = nil, nil
	if g.place != "" {
		node.MetadataProps = onnx.SetMeta(node.MetadataProps, artifact.KeyPlace, g.place)
	}
	if g.backend != nil {
		node.MetadataProps = onnx.SetMeta(node.MetadataProps, artifact.KeySlot, g.backend.rec.Name)
	}
	return g.add(&u, node, out, place)
}

// tensorOps names the tensor ops that there are.
func tensorOps() string {
	var names []string
	for _, o := range onnxop.All() {
		if o.Domain == "" || o.Name == onnxop.Uniform {
			names = append(names, o.Name)
		}
	}
	return strings.Join(names, ", ")
}

// tensorTypes infers as much as is known while recording: an input of unknown element type leaves the outputs unknown.
func tensorTypes(node *onnx.NodeProto, in []Value) ([]types.Type, error) {
	out := make([]types.Type, len(node.Output))
	for i := range out {
		out[i] = types.Tensor()
	}
	known := make([]onnxop.Type, len(in))
	for i, v := range in {
		if !v.typ.Fits(types.Tensor()) {
			return nil, fmt.Errorf("input %d (%s) is a %v; want a tensor", i, v.name, v.typ)
		}
		known[i] = v.typ.Tensor
		if known[i].Absent() {
			return out, nil
		}
	}
	res, err := onnxop.Infer(node, known)
	if err != nil {
		return nil, err
	}
	for i := range res {
		out[i] = types.OfTensor(res[i])
	}
	return out, nil
}

// Gradient returns the gradients of a scalar tensor by each of the values, which it was computed from by tensor ops, in
// this function or in those around it. What it returns are tensors like any others: they may be part of a scalar of
// which a gradient is taken again, as a gradient penalty or an inner step of MAML has it. None of them depends on
// another one of the same call. A value that the scalar does not depend on has zeros. Where it depends on a value by
// something else as well, by a component, a loop or what a body is given from outside, the compiler refuses the program
// at this line.
func (g *Graph) Gradient(y Value, xs ...Value) []Value {
	u := use{decl: g.s.st.catalogue.Lookup(op.Training, "Gradient"), line: caller(), in: xs, outs: len(xs)}
	reason, bad := g.check([]Value{y})
	if reason == "" && y.s != g.s {
		reason = "the scalar (" + y.name + ") belongs to " + y.s.name + "; take the gradient there"
	}
	if bad || reason != "" {
		if !bad {
			g.s.st.fail(u.line, u.title(g), "%s", reason)
		}
		return u.refused(g)
	}
	names := make([]string, len(xs))
	for i := range xs {
		names[i] = xs[i].name
	}
	u.attrs = []*onnx.AttributeProto{onnx.AttrStrings("xs", names...), onnx.AttrString("y", y.name)}
	plain := *g
	plain.attempts, plain.place = 0, ""
	return plain.record(u)
}

func (g *Graph) tensor(name string, in ...Value) Value { return g.Tensor(name, nil, in...) }

// MatMul returns the matrix product of x and y.
func (g *Graph) MatMul(x, y Value) Value { return g.tensor("MatMul", x, y) }

// Add returns x + y.
func (g *Graph) Add(x, y Value) Value { return g.tensor("Add", x, y) }

// Sub returns x - y.
func (g *Graph) Sub(x, y Value) Value { return g.tensor("Sub", x, y) }

// Mul returns x * y, element by element.
func (g *Graph) Mul(x, y Value) Value { return g.tensor("Mul", x, y) }

// Relu returns max(x, 0), element by element.
func (g *Graph) Relu(x Value) Value { return g.tensor("Relu", x) }

// CrossEntropy returns the mean softmax cross entropy of logits [N,C] against labels [N] of class numbers: a scalar.
func (g *Graph) CrossEntropy(logits, labels Value) Value {
	return g.Tensor("SoftmaxCrossEntropyLoss", Attrs{"reduction": "mean"}, logits, labels)
}
