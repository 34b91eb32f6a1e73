package lower

import (
	"fmt"
	"maps"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/emit"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The bounds on what is written: the nodes of a graph and of one node, and how deep a rule may use others.
const (
	nodesMax    = 1 << 17
	nodesOfNode = 1 << 15
	depthMax    = 16
	// readMax bounds the bodies and the nodes in them that are gone through, of which some stand for nothing.
	readMax = 1 << 18
)

type key struct{ domain, name string }

// rules is the table of all rules.
var rules = map[key]*rule{}

func init() {
	for _, family := range [][]rule{activationRules, partRules, signalRules, recurrentRules, attentionRules,
		einsumRules, controlRules, stateRules, normRules, poolRules, imageRules, resizeRules, quantizeRules,
		sampleRules} {
		for i := range family {
			r := &family[i]
			rules[key{r.Domain, r.Name}] = r
		}
	}
}

func find(domain, name string) *rule {
	if domain == "ai.onnx" {
		domain = ""
	}
	return rules[key{domain, name}]
}

// Has says whether the operator is a compound one. The domains "" and "ai.onnx" are the same.
func Has(domain, op string) bool { return find(domain, op) != nil }

// Ops returns the names of the compound operators, sorted; with their domain in front where it is not the standard one.
func Ops() []string {
	var out []string
	for k := range maps.Keys(rules) {
		if k.domain != "" {
			k.name = k.domain + "." + k.name
		}
		out = append(out, k.name)
	}
	slices.Sort(out)
	return out
}

// Graph returns nodes that compute what the given ones do, with every compound one replaced, in topological order, in
// which the given ones stand too. Values keep their names; those of new nodes and values begin with prefix, which those
// of no value of the graph may.
//
// types has the types of the values that no node makes, with their values where they are known; it gets those of all
// others. The nodes are not changed; what is returned shares those that stay. Errors are *Error and those of
// onnxop.Infer.
func Graph(nodes []*onnx.NodeProto, types map[string]onnxop.Type, prefix string) ([]*onnx.NodeProto, error) {
	return Options{}.Graph(nodes, types, prefix)
}

// Options say what a graph is lowered with.
type Options struct {
	// Fold computes a node of constants: its results, in the order of its outputs. Then what is made of constants
	// counts as one too, also inside of bodies, and may decide a shape, or how often a body runs. nil: nothing is
	// computed.
	Fold func(n *onnx.NodeProto, in []*tensor.Tensor) ([]*tensor.Tensor, error)
}

// Graph is the function Graph with options.
func (o Options) Graph(nodes []*onnx.NodeProto, types map[string]onnxop.Type, prefix string) ([]*onnx.NodeProto,
	error) {
	l := newLowering(types, prefix)
	l.b.Fold = o.Fold
	for _, n := range nodes {
		if err := l.node(n, nil); err != nil {
			return nil, err
		}
	}
	return l.b.Nodes, nil
}

// Into has a builder write compound operators as primitive ones where they are emitted.
func Into(b *emit.Builder) {
	l := &lowering{b: b}
	b.Compound = l.compound
}

// lowering is one graph while it is written.
type lowering struct {
	b     *emit.Builder
	depth int
	at    *onnx.NodeProto // the outermost node that is being replaced, for errors
	begun int             // the nodes before it
	read  int             // bodies, and nodes in them
}

func newLowering(types map[string]onnxop.Type, prefix string) *lowering {
	l := &lowering{}
	l.b = &emit.Builder{Prefix: prefix, Types: types, NodesMax: nodesMax, Fail: func(where, reason string) error {
		if l.at != nil {
			return fail(l.at, "%s: %s", where, reason)
		}
		return &Error{Node: where, Reason: reason}
	}}
	l.b.Compound = l.compound
	return l
}

// compound writes a node that a builder is to make, where it is a compound one.
func (l *lowering) compound(n *onnx.NodeProto) ([]string, bool, error) {
	if !Has(n.GetDomain(), n.GetOpType()) {
		return nil, false, l.bounded()
	}
	out, err := l.replace(n, n.GetInput(), nil)
	return out, true, err
}

// bounded is an error where the node that is being replaced has become too many.
func (l *lowering) bounded() error {
	if l.at != nil && len(l.b.Nodes)-l.begun >= nodesOfNode {
		return fail(l.at, "stands for more than %d nodes; want shorter sequences or fewer steps", nodesOfNode)
	}
	return nil
}

// node writes a node whose inputs are values of a scope: of the graph where it is nil.
func (l *lowering) node(n *onnx.NodeProto, s *scope) error {
	if s != nil {
		if err := l.reads(n); err != nil {
			return err
		}
	}
	in := s.values(n.GetInput())
	for _, v := range in {
		if _, ok := l.b.Types[v]; v != "" && !ok {
			return fail(n, "reads %q, which nothing before it makes; want nodes in the order of their values", v)
		}
	}
	from := len(l.b.Nodes)
	switch {
	case Has(n.GetDomain(), n.GetOpType()):
		made, err := l.replace(n, in, s)
		if err != nil {
			return err
		}
		if s == nil {
			return l.name(from, made, n.GetOutput())
		}
		s.bind(n.GetOutput(), made)
		return nil
	case s == nil:
		return l.b.Add(n)
	}
	if err := l.bounded(); err != nil {
		return err
	}
	out, err := l.b.Copy(n, in)
	s.bind(n.GetOutput(), out)
	return err
}

// reads counts a body, or a node in one, that is gone through.
func (l *lowering) reads(n *onnx.NodeProto) error {
	if l.read++; l.read > readMax {
		return fail(n, "bodies run more than %d nodes in all; want fewer runs", readMax)
	}
	return nil
}

// replace writes what a compound node stands for and returns the names of its results.
func (l *lowering) replace(n *onnx.NodeProto, in []string, s *scope) ([]string, error) {
	if l.depth >= depthMax {
		return nil, fail(l.at, "stands for operators that stand for others, more than %d deep", depthMax)
	}
	if l.depth == 0 {
		l.at, l.begun = n, len(l.b.Nodes)
		defer func() { l.at = nil }()
	}
	l.depth++
	defer func() { l.depth-- }()
	c := &call{Chain: &emit.Chain{Builder: l.b}, rule: find(n.GetDomain(), n.GetOpType()), node: n, in: in, l: l,
		scope: s}
	if err := c.check(); err != nil {
		return nil, err
	}
	half := c.widen()
	out, err := c.rule.write(c)
	if err == nil {
		err = c.Err
	}
	if err != nil {
		return nil, err
	}
	for i, name := range n.GetOutput() {
		if i >= len(out) || name != "" && out[i] == "" {
			return nil, c.fail("output %d is not one that it gives here", i)
		}
	}
	out = slices.Clone(out[:len(n.GetOutput())])
	for i, v := range out {
		if half != 0 && v != "" && l.b.Types[v].DType == tensor.Float32 {
			out[i] = c.Cast(v, half)
		}
	}
	return out, c.Err
}

// widen makes float32 of inputs of half of its size, in which the rule computes, so that each result is rounded once;
// it returns the type that results have in the end, 0 where there is nothing to widen.
func (c *call) widen() tensor.DType {
	half := c.typ(0).DType
	if len(c.rule.Types) == 0 || half != float16 && half != bfloat16 {
		return 0
	}
	c.in = slices.Clone(c.in)
	for i := range c.in {
		if d := c.typ(i).DType; d == float16 || d == bfloat16 {
			c.in[i] = c.Cast(c.in[i], tensor.Float32)
		}
	}
	return half
}

// name gives the results of the nodes from one on the names that the replaced node's outputs have. One that was there
// before, or that has such a name already, is passed on by an Identity.
func (l *lowering) name(from int, made, out []string) error {
	fresh := map[string]bool{}
	for _, n := range l.b.Nodes[from:] {
		for _, o := range n.GetOutput() {
			fresh[o] = n.GetOpType() != "Constant" // which others may read later
		}
	}
	renamed := map[string]string{}
	var passed []int
	for i, o := range out {
		switch {
		case o == "":
		case fresh[made[i]] && renamed[made[i]] == "":
			renamed[made[i]] = o
		default:
			passed = append(passed, i)
		}
	}
	l.rename(from, renamed)
	for _, i := range passed {
		v := made[i]
		if r, ok := renamed[v]; ok {
			v = r
		}
		if err := l.b.Add(onnx.Node("", "Identity", out[i], []string{v}, []string{out[i]})); err != nil {
			return err
		}
	}
	return nil
}

// rename changes the names of values in the nodes from one on.
func (l *lowering) rename(from int, names map[string]string) {
	if len(names) == 0 {
		return
	}
	change := func(list []string) []string {
		for i, v := range list {
			if to, ok := names[v]; ok {
				list = slices.Clone(list)
				list[i] = to
			}
		}
		return list
	}
	for i, n := range l.b.Nodes[from:] {
		in, out := change(n.GetInput()), change(n.GetOutput())
		l.b.Nodes[from+i] = onnx.Node(n.GetDomain(), n.GetOpType(), n.GetName(), in, out, n.GetAttribute()...)
	}
	for was, is := range names {
		l.b.Types[is] = emit.Refined(l.b.Types[was], l.b.Types[is])
		delete(l.b.Types, was)
	}
}

// fail returns the error that a node cannot be written.
func fail(n *onnx.NodeProto, format string, args ...any) error {
	name := n.GetName()
	if name == "" && len(n.GetOutput()) > 0 {
		name = n.GetOutput()[0]
	}
	return &Error{Node: name, Op: n.GetOpType(), Domain: n.GetDomain(), Reason: fmt.Sprintf(format, args...)}
}
