package graph

import (
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// Module is a part of a choreography that can be used more than once. Its places, slots and policies are Go values that
// it holds; its values come and go as inputs and results.
type Module interface {
	// Name is what the module's ops, slots and queues are called after.
	Name() string
	// Body records the module and returns its results. It cannot read values of the caller but those that it is given.
	Body(g *Graph, in []Value) []Value
}

// Call records a sub-module and returns its results. The compiler puts the module's ops in the place of the call: they
// may cross places and start activations like any others.
func (g *Graph) Call(m Module, in ...Value) []Value {
	st, line := g.s.st, caller()
	name := m.Name()
	if !goodName(name) {
		st.fail(line, "Call", "%q is no name of a module; want letters, digits, '.', '_' and '-'", name)
		return nil
	}
	if g.s.depth >= depthMax {
		st.fail(line, "Call "+name, "functions stand deeper in each other than %d; a module cannot call itself",
			depthMax)
		return nil
	}
	reason, bad := g.check(in)
	if reason != "" {
		st.fail(line, "Call "+name, "%s", reason)
	}
	bad = bad || reason != ""
	node := g.s.fresh(name)
	s := &scope{st: st, name: "module " + node, path: node + "/", module: node + "/", depth: g.s.depth + 1}
	b := &Graph{s: s}
	inner := make([]Value, len(in))
	for i, v := range in {
		inner[i] = Value{s: s, name: st.fresh(s.path + "in." + itoa(i)), typ: v.typ, place: v.place, line: line,
			bad: bad}
	}
	out := b.results(line, m.Body(b, inner))
	f := function(artifact.ModuleDomain, node, s, inner, out)
	st.functions = append(st.functions, f)

	call := withLine(&onnx.NodeProto{Domain: artifact.ModuleDomain, OpType: node, Name: node}, line)
	for _, v := range in {
		call.Input = append(call.Input, v.name)
	}
	res := make([]Value, len(out))
	for i, v := range out {
		res[i] = Value{s: g.s, name: node + ":out." + itoa(i), typ: v.typ, place: v.place, line: line, bad: v.bad}
		call.Output = append(call.Output, res[i].name)
	}
	g.s.nodes = append(g.s.nodes, call)
	return res
}

// Bootstrap records what a node of the place does once, before anything else. It reads no values of other functions.
func (g *Graph) Bootstrap(p Place, record func(b *Graph)) {
	st, line := g.s.st, caller()
	if g.s.around != nil {
		st.fail(line, "Bootstrap", "stands in a body; record it in the main graph or a sub-module")
		return
	}
	if p.name == "" {
		st.fail(line, "Bootstrap", "the place is not declared; use Graph.Place")
		return
	}
	name := g.s.fresh("bootstrap." + p.name)
	s := &scope{st: st, name: "the bootstrap of " + p.name, path: name + "/", module: g.s.module, place: p.name,
		depth: g.s.depth + 1}
	record(&Graph{s: s})
	f := function(artifact.BootstrapDomain, name, s, nil, nil)
	f.MetadataProps = onnx.SetMeta(f.MetadataProps, artifact.KeyPlace, p.name)
	st.functions = append(st.functions, f)
}

func function(domain, name string, s *scope, in, out []Value) *onnx.FunctionProto {
	f := &onnx.FunctionProto{Domain: domain, Name: name, Node: s.nodes}
	for _, v := range in {
		f.Input = append(f.Input, v.name)
	}
	for _, v := range out {
		f.Output = append(f.Output, v.name)
	}
	return f
}

// nodesOf calls see for every node of a list and of the bodies in it.
func nodesOf(nodes []*onnx.NodeProto, see func(*onnx.NodeProto)) {
	for _, n := range nodes {
		see(n)
		for _, a := range n.GetAttribute() {
			nodesOf(a.GetG().GetNode(), see)
		}
	}
}

// Model returns the choreography as an ONNX model, or all errors of its author as Errors.
func (g *Graph) Model() (*onnx.ModelProto, error) {
	st := g.s.st
	for _, a := range st.open {
		if !a.answered {
			st.fail(a.line, "Request "+a.name, "is never answered; record a Reply, or use Send")
			a.answered = true // tell it once
		}
	}
	if len(st.errs) > 0 {
		return nil, append(Errors(nil), st.errs...)
	}
	return st.model()
}

// domains returns the opset imports of nodes, sorted by domain.
func (st *state) domains(lists ...[]*onnx.NodeProto) []*onnx.OperatorSetIdProto {
	found := map[string]int64{"": standardOpset}
	for _, list := range lists {
		nodesOf(list, func(n *onnx.NodeProto) {
			if n.GetDomain() != "" {
				found[n.GetDomain()] = op.Version
			}
		})
	}
	return artifact.Opsets(found)
}
