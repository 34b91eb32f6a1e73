package gradient

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/emit"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// rule computes the gradients of a node's inputs. It returns one name per input, or fewer: "" for an input that has
// none. It need not compute what call.wants does not ask for.
type rule func(c *call) ([]string, error)

// rules is the table of rules, by operator of the standard domain and of onnxop.Own.
var rules = map[string]rule{}

func init() {
	for _, family := range []map[string]rule{elementwiseRules, matrixRules, reduceRules, selectRules, shapeRules,
		softmaxRules, convRules, poolRules, functionRules, scatterRules} {
		maps.Copy(rules, family)
	}
}

// Ops returns the operators that have a rule, sorted.
func Ops() []string { return slices.Sorted(maps.Keys(rules)) }

// Build returns nodes that compute the derivative of y, which has one element, with respect to each of xs, and the
// names of the derivatives in the order of xs; each has the type of its x. The new nodes stand after nodes, in order,
// and are standard operators at onnxop.Opset, or such of onnxop.Own; their names and values begin with prefix, which no
// value of the graph may.
//
// types has the types of the values that no node makes; the others are inferred, but for the outputs of operators that
// package onnxop does not know, whose types must be there too. What types says of another value beyond what is inferred
// is taken as true. An x on which y does not depend gets zeros. Build changes none of its arguments. Errors are
// *UnsupportedError, *Error and those of onnxop.Infer.
//
// What is made has rules itself, so the gradient of a gradient is that of nodes and extra, in their order.
func Build(nodes []*onnx.NodeProto, types map[string]onnxop.Type, y string, xs []string,
	prefix string) (extra []*onnx.NodeProto, grads []string, err error) {
	types = maps.Clone(types)
	if types == nil {
		types = map[string]onnxop.Type{}
	}
	b := newBuilder(prefix, types)
	if err := b.infer(nodes); err != nil {
		return nil, nil, err
	}
	if err := b.checkEnds(y, xs); err != nil {
		return nil, nil, err
	}
	active := b.reach(nodes, xs)
	if active[y] {
		one, err := b.like(y, 1)
		if err != nil {
			return nil, nil, err
		}
		b.parts[y] = []string{one}
		for _, n := range slices.Backward(nodes) {
			if err := b.back(n, active); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, x := range xs {
		g, err := b.total(x)
		if err == nil && g == "" {
			g, err = b.like(x, 0)
		}
		if err != nil {
			return nil, nil, err
		}
		grads = append(grads, g)
	}
	return b.Nodes, grads, nil
}

// infer completes the types of all values.
func (b *builder) infer(nodes []*onnx.NodeProto) error {
	for _, n := range nodes {
		if onnxop.Lookup(n.GetDomain(), n.GetOpType()) == nil && b.typed(n) {
			continue // not ours to judge, as long as no gradient has to pass it
		}
		in := make([]onnxop.Type, len(n.GetInput()))
		for i, name := range n.GetInput() {
			t, ok := b.types[name]
			if name != "" && !ok {
				return &Error{Where: name, Reason: fmt.Sprintf("is read by node %q and is made by nothing before it",
					nodeName(n))}
			}
			in[i] = t
		}
		out, err := onnxop.Infer(n, in)
		if err != nil {
			return err
		}
		for i, name := range n.GetOutput() {
			if name != "" {
				b.types[name] = emit.Refined(out[i], b.types[name])
			}
		}
	}
	return nil
}

// typed says whether the types of all outputs of a node were given.
func (b *builder) typed(n *onnx.NodeProto) bool {
	return !slices.ContainsFunc(n.GetOutput(), func(out string) bool {
		_, ok := b.types[out]
		return out != "" && !ok
	})
}

// checkEnds checks the type of y and of every x.
func (b *builder) checkEnds(y string, xs []string) error {
	t, ok := b.types[y]
	switch {
	case !ok:
		return &Error{Where: y, Reason: "is not a value of the graph; want one to differentiate"}
	case !isFloat(t):
		return &Error{Where: y, Reason: fmt.Sprintf("is %v; want a float", t)}
	case t.Elements() != 1:
		return &Error{Where: y, Reason: fmt.Sprintf("is %v; want exactly one element, as a loss has", t)}
	}
	for _, x := range xs {
		t, ok := b.types[x]
		if !ok {
			return &Error{Where: x, Reason: "is not a value of the graph; want one to differentiate by"}
		}
		if !isFloat(t) {
			return &Error{Where: x, Reason: fmt.Sprintf("is %v; want a float", t)}
		}
	}
	return nil
}

// isFloat says whether a value of that type can carry a gradient.
func isFloat(t onnxop.Type) bool {
	switch t.DType {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
		return true
	}
	return false
}

// reach returns the values that depend on an x by floats alone.
func (b *builder) reach(nodes []*onnx.NodeProto, xs []string) map[string]bool {
	active := map[string]bool{}
	for _, x := range xs {
		active[x] = true
	}
	for _, n := range nodes {
		if !slices.ContainsFunc(n.GetInput(), func(in string) bool { return active[in] }) {
			continue
		}
		for _, out := range n.GetOutput() {
			if isFloat(b.types[out]) {
				active[out] = true
			}
		}
	}
	return active
}

// back takes the gradients of a node's outputs to its inputs.
func (b *builder) back(n *onnx.NodeProto, active map[string]bool) error {
	c := &call{builder: b, node: n, in: n.GetInput(), out: n.GetOutput(), wants: make([]bool, len(n.GetInput()))}
	wanted, reached := false, false
	for i, in := range c.in {
		c.wants[i] = in != "" && active[in]
		wanted = wanted || c.wants[i]
	}
	if !wanted {
		return nil
	}
	for _, out := range c.out {
		d, err := b.total(out)
		if err != nil {
			return err
		}
		c.d = append(c.d, d)
		reached = reached || d != ""
	}
	if !reached {
		return nil
	}
	r := rules[n.GetOpType()]
	if d := n.GetDomain(); r == nil || d != "ai.onnx" && d != onnxop.DomainOf(n.GetOpType()) {
		return &UnsupportedError{Node: nodeName(n), Op: n.GetOpType(), Domain: n.GetDomain()}
	}
	grads, err := r(c)
	if err != nil {
		return err
	}
	for i, g := range grads {
		if g != "" && c.wants[i] {
			b.parts[c.in[i]] = append(b.parts[c.in[i]], g)
		}
	}
	return nil
}

// total returns the gradient of a value, the sum over all its readers so far, or "" where there is none. All readers
// stand after the value's node, so when that node's turn comes the sum is whole.
func (b *builder) total(value string) (string, error) {
	parts := b.parts[value]
	if len(parts) > 1 {
		sum, err := b.Emit("Sum", parts, 1)
		if err != nil {
			return "", err
		}
		b.parts[value] = sum
		return sum[0], nil
	}
	if len(parts) == 0 {
		return "", nil
	}
	return parts[0], nil
}

// nodeName is the node's name, or its first output where it has none.
func nodeName(n *onnx.NodeProto) string {
	if n.GetName() == "" && len(n.GetOutput()) > 0 {
		return n.GetOutput()[0]
	}
	return n.GetName()
}
