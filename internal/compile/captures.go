package compile

import (
	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// floats copies what floats into a function and each of its bodies, before the first op that reads it. An op that
// nobody reads is thereby left out.
func (c *cutter) floats(f *fn) {
	copies := map[*node]*node{}
	var nodes []*node
	var copied func(v *val) *val
	copied = func(v *val) *val {
		if v == nil || v.def == nil || !v.def.floats {
			return v
		}
		n := copies[v.def]
		if n == nil {
			n = v.def.clone(f)
			for i := range n.in {
				n.in[i] = copied(n.in[i])
			}
			copies[v.def] = n
			nodes = append(nodes, n)
		}
		for i, o := range v.def.out {
			if o == v {
				return n.out[i]
			}
		}
		return v
	}
	for _, n := range f.nodes {
		for i := range n.in {
			n.in[i] = copied(n.in[i])
		}
		for _, b := range n.bodies {
			c.floats(b)
		}
		nodes = append(nodes, n)
	}
	for i := range f.out {
		f.out[i] = copied(f.out[i])
	}
	f.nodes = nodes
}

// clone copies a node that floats. The copy no longer floats: it is bound to its function.
func (n *node) clone(f *fn) *node {
	d := *n
	d.proto = proto.Clone(n.proto).(*onnx.NodeProto)
	d.in = append([]*val(nil), n.in...)
	d.out = make([]*val, len(n.out))
	d.home, d.place, d.floats = f, f.place, false
	for i, v := range n.out {
		d.out[i] = &val{name: v.name, typ: v.typ, place: f.place, def: &d, home: f}
	}
	return &d
}

// capture passes what the bodies of a function's ops read of it into them: a loop carries the value through unchanged,
// the branches of an If both get it.
func (c *cutter) capture(f *fn) {
	for _, n := range f.nodes {
		var outer []*val
		seen := map[*val]bool{}
		for _, b := range n.bodies {
			for _, v := range captured(b) {
				if !seen[v] {
					seen[v] = true
					outer = append(outer, v)
				}
			}
		}
		for _, b := range n.bodies {
			inner := make(map[*val]*val, len(outer))
			for _, v := range outer {
				inner[v] = &val{name: v.name, typ: v.typ, place: v.place, home: b}
				b.in = append(b.in, inner[v])
			}
			replace(b, inner)
			for _, v := range outer {
				if n.decl.Name == "Loop" {
					b.out = append(b.out, inner[v])
				}
			}
		}
		for _, v := range outer {
			n.in = append(n.in, v)
			if n.decl.Name == "Loop" {
				n.out = append(n.out, &val{name: n.name + ":through:" + v.name, typ: v.typ, place: v.place, def: n,
					home: f})
			}
		}
	}
}

// replace puts other values in the place of some, in a body and those in it.
func replace(b *fn, by map[*val]*val) {
	if len(by) == 0 {
		return
	}
	swap := func(list []*val) {
		for i := range list {
			if now := by[list[i]]; now != nil {
				list[i] = now
			}
		}
	}
	functions(b, func(f *fn) {
		for _, n := range f.nodes {
			swap(n.in)
		}
		swap(f.out)
	})
}
