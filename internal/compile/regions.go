package compile

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// asRecv returns what a receive has of the node that sends: nothing but a name to be known by.
func asRecv(n *node) *onnx.NodeProto {
	return &onnx.NodeProto{Domain: n.proto.Domain, OpType: "Recv", Name: n.name + "/recv"}
}

// regions are the connected parts of one function, as sets that are joined.
type regions struct {
	parent map[*node]*node
	self   *node // stands for the ends of a body and for what it reads of the functions around it
}

func (r *regions) root(n *node) *node {
	p, ok := r.parent[n]
	if !ok || p == n {
		r.parent[n] = n
		return n
	}
	root := r.root(p)
	r.parent[n] = root
	return root
}

func (r *regions) join(a, b *node) { r.parent[r.root(a)] = r.root(b) }

// split takes a function apart. What an opener starts is added to c.opened, what is left is returned by place; a body
// keeps what is its own. Bodies inside are taken apart first.
func (c *cutter) split(f *fn) map[string]*fn {
	for _, n := range f.nodes {
		for _, b := range n.bodies {
			c.split(b)
		}
	}
	r := &regions{parent: map[*node]*node{}, self: &node{}}
	for _, n := range f.nodes {
		if !n.floats {
			for _, v := range reads(n) {
				c.connect(r, f, n, v)
			}
		}
	}
	for _, v := range f.out {
		if !floats(v) {
			c.connect(r, f, r.self, v)
		}
	}
	return c.collect(f, r)
}

// connect joins the region of a node with that of a value which it reads.
func (c *cutter) connect(r *regions, f *fn, n *node, v *val) {
	switch {
	case floats(v):
	case v.home == f && v.def != nil:
		r.join(n, v.def)
	default:
		r.join(n, r.self)
	}
}

func floats(v *val) bool { return v.def != nil && v.def.floats }

// reads are all values that a node reads, those that its bodies read of the functions around them included.
func reads(n *node) []*val {
	var out []*val
	for _, v := range n.in {
		if v != nil {
			out = append(out, v)
		}
	}
	if n.y != nil {
		out = append(out, n.y)
	}
	for _, b := range n.bodies {
		out = append(out, captured(b)...)
	}
	return out
}

// captured are the values that a body and those in it read of the functions around it, in the order of reading, each
// once.
func captured(b *fn) []*val {
	inside := map[*fn]bool{}
	functions(b, func(f *fn) { inside[f] = true })
	seen := map[*val]bool{}
	var out []*val
	add := func(v *val) {
		if v != nil && !inside[v.home] && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	functions(b, func(f *fn) {
		for _, n := range f.nodes {
			for _, v := range n.in {
				add(v)
			}
			add(n.y)
		}
		for _, v := range f.out {
			add(v)
		}
	})
	return out
}

// collect gives each region its function.
func (c *cutter) collect(f *fn, r *regions) map[string]*fn {
	openers := map[*node]*node{}
	for _, n := range f.nodes {
		if !n.opens() {
			continue
		}
		root := r.root(n)
		if first := openers[root]; first != nil {
			c.u.failAt(n, "is connected with %s (%s) within %q: one activation cannot have two causes; keep the "+
				"first value in a hold or a component", first.title(), first.line, n.place)
			continue
		}
		openers[root] = n
		if root == r.root(r.self) && f.kind == "body" {
			c.u.failAt(n,
				"starts an activation of its own, which reads values of %s or gives it results; send them along",
				f.title())
		}
	}
	at := map[*node]int{}
	for i, n := range f.nodes {
		at[n] = i
	}
	rest := map[string]*fn{}
	started := map[*node]*fn{}
	for _, n := range f.nodes { // in the order of the openers
		if n.opens() && openers[r.root(n)] == n {
			started[r.root(n)] = c.open(n)
		}
	}
	for _, n := range f.nodes {
		switch {
		case n.floats || n.opens():
		case started[r.root(n)] != nil:
			s := started[r.root(n)]
			s.nodes = append(s.nodes, n)
		case f.place != "" && n.place != f.place:
			c.u.failAt(n, "runs at %q within %s, which runs at %q; nothing that was sent there starts it", n.place,
				f.title(), f.place)
		default:
			if rest[n.place] == nil {
				rest[n.place] = &fn{kind: f.kind, place: n.place, name: f.name}
			}
			rest[n.place].nodes = append(rest[n.place].nodes, n)
		}
	}
	for _, s := range started {
		byOrder(s.nodes, at)
		adopt(s)
	}
	if f.kind == "body" {
		f.nodes = nil
		if own := rest[f.place]; own != nil {
			f.nodes = own.nodes
		}
		return nil
	}
	for _, m := range rest {
		adopt(m)
	}
	return rest
}

// open makes the function that an opener starts.
func (c *cutter) open(n *node) *fn {
	f := &fn{name: n.name, place: n.place, opener: n, in: n.out, edge: n.edge}
	switch n.decl.Name {
	case "Recv":
		f.kind, f.name = "recv", n.edge.name
	case "Interval":
		f.kind, f.period, f.spread = "interval", n.int("period"), n.int("spread") == 1
	case "EventSource":
		f.kind, f.label = "event", n.text("kind")
	case "Lifecycle":
		f.kind, f.label = "lifecycle", n.text("phase")
	case "Invoke":
		f.kind, f.label = "invoke", n.text("name")
	}
	c.opened = append(c.opened, f)
	return f
}
