package compile

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// expand reads the model into functions of nodes that point at each other, and puts the ops of a sub-module in the
// place of each call. Bodies of If, Loop and Call stay functions of their own.
func (u *unit) expand() {
	x := &expander{u: u, used: map[string]bool{}, requests: map[string]*node{}}
	u.main = &fn{name: "main", kind: "main"}
	x.list(u.source.GetGraph().GetNode(), &scope{home: u.main, vals: map[string]*val{}})
	for _, f := range u.source.GetFunctions() {
		if f.GetDomain() != artifact.BootstrapDomain {
			continue
		}
		place, _ := onnx.Meta(f.GetMetadataProps(), artifact.KeyPlace)
		b := &fn{name: f.GetName(), kind: "bootstrap", place: place}
		x.list(f.GetNode(), &scope{home: b, vals: map[string]*val{}})
		u.boots = append(u.boots, b)
	}
	for _, f := range u.source.GetFunctions() {
		if f.GetDomain() == artifact.ModuleDomain && !x.used[f.GetName()] {
			u.report.did("sub-module %s is not called and left out", f.GetName())
		}
	}
	x.answers()
	u.report.did("%d ops after %d calls of sub-modules were expanded", x.nodes, x.calls)
}

type expander struct {
	u        *unit
	used     map[string]bool  // sub-modules that were called
	requests map[string]*node // by name
	replies  []*node
	path     []string // sub-modules that are being expanded
	nodes    int
	calls    int
}

// scope resolves the names of one function, or of one use of a sub-module in it.
type scope struct {
	home   *fn
	vals   map[string]*val
	around *scope
	prefix string // of the second and later uses of a sub-module, to keep their names apart
}

func (s *scope) find(name string) *val {
	for ; s != nil; s = s.around {
		if v := s.vals[name]; v != nil {
			return v
		}
	}
	return nil
}

func (s *scope) define(name string, def *node) *val {
	v := &val{name: s.prefix + name, def: def, home: s.home}
	s.vals[name] = v
	return v
}

func (x *expander) list(nodes []*onnx.NodeProto, s *scope) {
	for _, p := range nodes {
		if x.nodes++; x.nodes > nodesMax {
			if x.nodes == nodesMax+1 {
				x.u.fail("model", "", "has more than %d ops after its sub-modules are expanded", nodesMax)
			}
			return
		}
		if p.GetDomain() == artifact.ModuleDomain {
			x.call(p, s)
			continue
		}
		x.node(p, s)
	}
}

// call puts the nodes of a sub-module where it is called.
func (x *expander) call(p *onnx.NodeProto, s *scope) {
	title := p.GetOpType() + " " + p.GetName()
	if slices.Contains(x.path, p.GetOpType()) || len(x.path) >= depthMax {
		x.u.fail(title, lineOf(p), "the sub-module calls itself, or they stand deeper in each other than %d", depthMax)
		return
	}
	x.calls++
	f := x.u.modules[p.GetOpType()]
	inner := &scope{home: s.home, vals: map[string]*val{}, prefix: s.prefix}
	if x.used[f.GetName()] {
		inner.prefix = s.prefix + p.GetName() + "/"
	}
	x.used[f.GetName()] = true
	for i, name := range f.GetInput() {
		inner.vals[name] = s.find(p.GetInput()[i])
	}
	x.path = append(x.path, f.GetName())
	x.list(f.GetNode(), inner)
	x.path = x.path[:len(x.path)-1]
	for i, name := range f.GetOutput() {
		s.vals[p.GetOutput()[i]] = inner.vals[name]
	}
	x.u.report.did("sub-module %s expanded at %s", f.GetName(), p.GetName())
}

func (x *expander) node(p *onnx.NodeProto, s *scope) {
	n := &node{name: s.prefix + p.GetName(), line: lineOf(p), home: s.home, slot: none}
	n.decl = x.u.catalogue.Lookup(p.GetDomain(), p.GetOpType())
	n.proto = &onnx.NodeProto{Domain: p.GetDomain(), OpType: p.GetOpType(), Name: n.name,
		MetadataProps: p.GetMetadataProps()}
	if n.tensor() && p.GetDomain() != onnxop.Own {
		n.proto.Domain = ""
	}
	if len(n.name) > op.NameMax {
		x.u.failAt(n, "the name has more than %d bytes after its sub-modules are expanded", op.NameMax)
	}
	for _, name := range p.GetInput() {
		n.in = append(n.in, s.find(name))
	}
	for _, a := range p.GetAttribute() {
		if a.GetType() == onnx.AttributeProto_GRAPH {
			continue
		}
		n.proto.Attribute = append(n.proto.Attribute, proto.Clone(a).(*onnx.AttributeProto))
	}
	x.bodies(n, p, s)
	for _, name := range p.GetOutput() {
		n.out = append(n.out, s.define(name, n))
	}
	switch {
	case n.is(op.Training, "Gradient"):
		if n.y = s.find(n.text("y")); n.y == nil {
			x.u.failAt(n, "the scalar %q does not exist in this function", n.text("y"))
		}
	case n.is(op.Wire, "Request"):
		x.requests[n.name] = n
	case n.is(op.Wire, "Reply"):
		x.replies = append(x.replies, n)
		if s.prefix != "" && x.requests[s.prefix+n.text("request")] != nil {
			onnx.SetAttr(n.proto, onnx.AttrString("request", s.prefix+n.text("request")))
		}
	}
	s.home.nodes = append(s.home.nodes, n)
}

// bodies reads the bodies of a node in the order in which its op declares them.
func (x *expander) bodies(n *node, p *onnx.NodeProto, s *scope) {
	if n.decl == nil {
		return
	}
	for _, a := range n.decl.Attrs {
		g, ok := onnx.GetGraph(p, a.Name)
		if a.Kind != op.KindGraph || !ok {
			continue
		}
		name := n.name + "/body"
		if len(n.decl.Attrs) > 1 {
			name = n.name + "/" + a.Name
		}
		b := &fn{name: name, kind: "body", outer: s.home}
		inner := &scope{home: b, vals: map[string]*val{}, around: s, prefix: s.prefix}
		for _, in := range g.GetInput() {
			v := inner.define(in.GetName(), nil)
			v.typ, _ = artifact.TypeOf(in) // was checked
			b.in = append(b.in, v)
		}
		x.list(g.GetNode(), inner)
		for _, out := range g.GetOutput() {
			b.out = append(b.out, inner.find(out.GetName()))
		}
		n.bodies = append(n.bodies, b)
	}
}

// answers ties each Reply to its Request: one Request, one Reply.
func (x *expander) answers() {
	by := map[*node]*node{}
	for _, r := range x.replies {
		q := x.requests[r.text("request")]
		switch {
		case q == nil:
			x.u.failAt(r, "answers %q, which is no Request", r.text("request"))
		case by[q] != nil:
			x.u.failAt(r, "answers %s, which %s (%s) answers already", q.title(), by[q].title(), by[q].line)
		default:
			by[q], r.asks = r, q
		}
	}
	x.u.each(func(_ *fn, n *node) {
		if n.is(op.Wire, "Request") && by[n] == nil {
			x.u.failAt(n, "is never answered; want a Reply, or Send in place of Request")
		}
	})
}
