package compile

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// walkMax bounds the ops that all Gradients of a program walk back over together.
const walkMax = 1 << 21

// gradients puts tensor ops in the place of each Gradient. The functions are seen from the outside in and each in its
// order, so that whatever a Gradient is taken of is made of tensor ops already, that of another Gradient too.
func (u *unit) gradients() {
	d := &differ{u: u, now: map[*val]*val{}, asked: map[*val]bool{}, order: map[*node]int{}, caller: map[*fn]*node{},
		reads: map[*node][]*val{}, left: walkMax}
	found := 0
	u.each(func(_ *fn, n *node) {
		d.total++
		for _, b := range n.bodies {
			d.caller[b] = n
		}
		if n.is(op.Training, "Gradient") {
			found++
			for _, x := range n.in[:len(n.out)] {
				d.asked[x] = true
			}
		}
	})
	if found == 0 {
		return
	}
	u.all(func(f *fn) {
		var nodes []*node
		for _, n := range f.nodes {
			for i := range n.in {
				n.in[i] = d.current(n.in[i])
			}
			made := []*node{n}
			if n.is(op.Training, "Gradient") {
				n.y = d.current(n.y)
				made = d.differentiate(f, n)
			}
			for _, m := range made {
				d.order[m] = len(d.order)
			}
			nodes = append(nodes, made...)
		}
		f.nodes = nodes
	})
	u.all(func(f *fn) {
		for i := range f.out {
			f.out[i] = d.current(f.out[i])
		}
	})
}

// differ is what is known while the Gradients of a program are replaced.
type differ struct {
	u      *unit
	now    map[*val]*val    // what takes the place of an output of a Gradient
	asked  map[*val]bool    // by which values a Gradient is taken
	order  map[*node]int    // the ops seen so far: whatever an op reads comes before it
	caller map[*fn]*node    // the op that calls a body
	reads  map[*node][]*val // reads of each op, once it was asked for
	left   int              // how many ops may still be walked over
	total  int              // ops of the program
}

// current returns the value that stands in the program for one of the author's.
func (d *differ) current(v *val) *val {
	for d.now[v] != nil {
		v = d.now[v]
	}
	return v
}

// differentiate returns the nodes that compute what a Gradient stands for, and notes in now which values take the place
// of its outputs. Each output is a value of its own: it depends on no other output of the same Gradient, also where
// both are computed from the same.
func (d *differ) differentiate(f *fn, n *node) []*node {
	xs := n.in[:len(n.out)]
	slice, ok := d.slice(n, xs)
	if !ok {
		return nil
	}
	types, vals := map[string]onnxop.Type{}, map[string]*val{}
	clash := ""
	leaf := func(v *val) {
		if v != nil {
			if first := vals[v.name]; first != nil && first != v {
				clash = v.name
			}
			vals[v.name] = v
			types[v.name] = v.typ.Tensor
		}
	}
	var protos []*onnx.NodeProto
	for _, s := range slice {
		protos = append(protos, s.differentiable())
		for _, v := range s.in {
			leaf(d.current(v))
		}
		for _, v := range s.out {
			leaf(v)
		}
	}
	leaf(n.y)
	var names []string
	for _, v := range xs {
		leaf(v)
		names = append(names, v.name)
	}
	if clash != "" {
		d.u.failAt(n, "two values on the way from %s are called %s; want a name of its own for each", n.y.name, clash)
		return nil
	}
	extra, grads, err := gradient.Build(protos, types, n.y.name, names, n.name+"/")
	if err != nil {
		d.u.failAt(n, "%v", err)
		return nil
	}
	if d.total += len(extra); d.total > nodesMax {
		d.u.failAt(n, "the program has more than %d ops with those that its gradients need", nodesMax)
		return nil
	}
	added := d.u.adopted(f, n, extra, vals)
	for i, name := range grads {
		g, x := vals[name], n.out[i]
		switch {
		case floats(g) && !n.floats:
			gate := d.u.tied(f, n, g, xs[i])
			added = append(added, gate)
			g = gate.out[0]
		case d.asked[x]:
			own := &onnx.NodeProto{OpType: "Identity", Name: fmt.Sprintf("%s/own/%d", n.name, i),
				Input: []string{g.name}}
			own.Output = []string{own.Name}
			added = append(added, d.u.adopted(f, n, []*onnx.NodeProto{own}, vals)...)
			g = vals[own.Name]
		}
		d.now[x] = g
	}
	d.u.report.did("%s: %d ops for the gradients by %d values", n.name, len(added), len(xs))
	return added
}

// tied returns an op that gives a constant gradient when its x comes. What an author computes of a gradient belongs to
// the activation that x is in, also where the gradient turns out to depend on nothing.
func (u *unit) tied(f *fn, n *node, g, x *val) *node {
	t := &node{decl: u.catalogue.Lookup(op.Flow, "Gate"), name: g.name + "/tied", line: n.line, in: []*val{g, x},
		home: f, place: n.place, slot: none, tied: true}
	t.proto = &onnx.NodeProto{Domain: t.decl.Domain, OpType: t.decl.Name, Name: t.name}
	t.out = []*val{{name: t.name, typ: g.typ.Forget(), place: n.place, def: t, home: f}}
	return t
}

// adopted makes nodes of the program of the nodes that a gradient needs.
func (u *unit) adopted(f *fn, n *node, extra []*onnx.NodeProto, vals map[string]*val) []*node {
	slot, bound := backendOf(n.y)
	var out []*node
	for _, p := range extra {
		a := &node{name: p.GetName(), line: n.line, home: f, slot: none}
		a.proto = &onnx.NodeProto{Domain: p.GetDomain(), OpType: p.GetOpType(), Name: p.GetName(),
			Attribute: p.GetAttribute()}
		if bound {
			a.proto.MetadataProps = onnx.SetMeta(nil, artifact.KeySlot, slot)
		}
		for _, name := range p.GetInput() {
			a.in = append(a.in, vals[name])
		}
		for _, name := range p.GetOutput() {
			v := &val{name: name, def: a, home: f}
			if name != "" {
				vals[name] = v
			}
			a.out = append(a.out, v)
		}
		u.inferTensor(a)
		u.placeOp(f, a)
		out = append(out, a)
	}
	return out
}

// backendOf returns the backend that the author chose for the op that gives a value, where it is a tensor op.
func backendOf(v *val) (slot string, ok bool) {
	for v.def != nil && !v.def.tensor() && v.def.passes() {
		v = v.def.in[0]
	}
	if v.def == nil || !v.def.tensor() {
		return "", false
	}
	return onnx.Meta(v.def.proto.GetMetadataProps(), artifact.KeySlot)
}
