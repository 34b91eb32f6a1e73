package compile

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// bypass lets the readers of each PassThrough read its input, and leaves it out. What the PassThrough declared of its
// value is kept. One stays where a body would otherwise give one value twice, and a body keeps an op in any case: the
// engine counts ops to bound a Poll.
func (u *unit) bypass(f *fn) int {
	from := map[*val]*val{}
	for _, n := range f.nodes {
		if n.is(op.Flow, "PassThrough") {
			from[n.out[0]] = n.in[0]
		}
	}
	origin := func(v *val) *val {
		for from[v] != nil {
			if from[v].typ.ID == "" || v.typ.Fits(from[v].typ) {
				from[v].typ = v.typ
			}
			v = from[v]
		}
		return v
	}
	for _, n := range f.nodes {
		for i, v := range n.in {
			n.in[i] = origin(v)
		}
	}
	kept := map[*val]bool{}
	for i, v := range f.out {
		if o := origin(v); !slices.Contains(f.out, o) {
			f.out[i] = o
		} else {
			kept[v] = true
		}
	}
	before := len(f.nodes)
	f.nodes = slices.DeleteFunc(f.nodes, func(n *node) bool {
		return n.is(op.Flow, "PassThrough") && !kept[n.out[0]]
	})
	return before - len(f.nodes)
}

// busy gives a body without ops one.
func (u *unit) busy(f *fn) {
	if f.kind != "body" || len(f.nodes) > 0 {
		return
	}
	n := &node{name: f.name + "/idle", home: f, place: f.place, slot: none}
	if len(f.in) > 0 {
		n.decl, n.in = u.catalogue.Lookup(op.Flow, "PassThrough"), f.in[:1]
	} else {
		n.decl = u.catalogue.Lookup(op.Flow, "Constant")
	}
	n.proto = &onnx.NodeProto{Domain: n.decl.Domain, OpType: n.decl.Name, Name: n.name}
	if len(f.in) == 0 {
		n.proto.Attribute, _ = op.LiteralAttrs(value.Trigger{}) // a built-in type: cannot fail
	}
	n.out = []*val{{name: n.name, typ: types.Trigger(), place: f.place, def: n, home: f}}
	f.nodes = []*node{n}
}
