package compile

import (
	"slices"

	"github.com/rhizome-ml/rhizome/artifact"
	"github.com/rhizome-ml/rhizome/compile/gradient"
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/op"
	"github.com/rhizome-ml/rhizome/op/onnxop"
)

// gradients puts tensor ops in the place of each Gradient.
func (u *unit) gradients() {
	now := map[*val]*val{}
	u.all(func(f *fn) {
		var nodes []*node
		for _, n := range f.nodes {
			if !n.is(op.Training, "Gradient") {
				nodes = append(nodes, n)
				continue
			}
			nodes = append(nodes, u.differentiate(f, n, nodes, now)...)
		}
		f.nodes = nodes
	})
	if len(now) == 0 {
		return
	}
	current := func(v *val) *val {
		for now[v] != nil {
			v = now[v]
		}
		return v
	}
	u.each(func(f *fn, n *node) {
		for i := range n.in {
			n.in[i] = current(n.in[i])
		}
	})
	u.all(func(f *fn) {
		for i := range f.out {
			f.out[i] = current(f.out[i])
		}
	})
}

// differentiate returns the nodes that compute what a Gradient stands for, and notes in now which values take the place of
// its outputs. The nodes before it in its function are given; their inputs may name outputs of earlier Gradients.
func (u *unit) differentiate(f *fn, n *node, before []*node, now map[*val]*val) []*node {
	for _, b := range before {
		for i, v := range b.in {
			for now[v] != nil {
				v = now[v]
			}
			b.in[i] = v
		}
	}
	slice, stops := slicing(f, n.y, before)
	for _, s := range stops {
		if reaches(s, n.in) {
			u.failAt(n, "the way from %s to a value passes %s (%s), which has no gradient; want tensor ops only", n.y.name, s.title(), s.line)
			return nil
		}
	}
	types, vals := map[string]onnxop.Type{}, map[string]*val{}
	leaf := func(v *val) {
		if v != nil {
			vals[v.name] = v
			types[v.name] = v.typ.Tensor
		}
	}
	var protos []*onnx.NodeProto
	for _, s := range slice {
		protos = append(protos, s.asProto())
		for _, v := range s.in {
			leaf(v)
		}
		for _, v := range s.out {
			leaf(v)
		}
	}
	leaf(n.y)
	var xs []string
	for _, v := range n.in[:len(n.out)] {
		leaf(v)
		xs = append(xs, v.name)
	}
	extra, grads, err := gradient.Build(protos, types, n.y.name, xs, n.name+"/")
	if err != nil {
		u.failAt(n, "%v", err)
		return nil
	}
	added := u.adopted(f, n, extra, vals)
	for i, name := range grads {
		g := vals[name]
		if floats(g) && !n.floats {
			gate := u.tied(f, n, g, n.in[i])
			added = append(added, gate)
			g = gate.out[0]
		}
		now[n.out[i]] = g
	}
	u.report.did("%s: %d ops for the gradients by %d values", n.name, len(added), len(xs))
	return added
}

// tied returns an op that gives a constant gradient when its x comes. What an author computes of a gradient belongs to the
// activation that x is in, also where the gradient turns out to depend on nothing.
func (u *unit) tied(f *fn, n *node, g, x *val) *node {
	t := &node{decl: u.catalogue.Lookup(op.Flow, "Gate"), name: g.name + "/tied", line: n.line, in: []*val{g, x}, home: f, place: n.place, slot: none}
	t.proto = &onnx.NodeProto{Domain: t.decl.Domain, OpType: t.decl.Name, Name: t.name}
	t.out = []*val{{name: t.name, typ: g.typ.Forget(), place: n.place, def: t, home: f}}
	return t
}

// adopted makes nodes of the program of the nodes that a gradient needs.
func (u *unit) adopted(f *fn, n *node, extra []*onnx.NodeProto, vals map[string]*val) []*node {
	var out []*node
	for _, p := range extra {
		a := &node{name: p.GetName(), line: n.line, home: f, slot: none}
		a.proto = &onnx.NodeProto{Domain: p.GetDomain(), OpType: p.GetOpType(), Name: p.GetName(), Attribute: p.GetAttribute()}
		if n.y.def != nil && n.y.def.tensor() {
			if slot, ok := onnx.Meta(n.y.def.proto.GetMetadataProps(), artifact.KeySlot); ok {
				a.proto.MetadataProps = onnx.SetMeta(nil, artifact.KeySlot, slot)
			}
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

// slicing returns the tensor nodes of a function that a value depends on, in order, and the other nodes at which the way
// back stops.
func slicing(f *fn, y *val, before []*node) (slice, stops []*node) {
	need := map[*node]bool{}
	if y.def != nil && y.home == f {
		need[y.def] = true
	}
	for _, n := range slices.Backward(before) {
		if !need[n] {
			continue
		}
		if !n.tensor() {
			stops = append(stops, n)
			continue
		}
		slice = append(slice, n)
		for _, v := range n.in {
			if v != nil && v.def != nil && v.home == f {
				need[v.def] = true
			}
		}
	}
	slices.Reverse(slice)
	return slice, stops
}

// reaches says whether a node depends on one of the values.
func reaches(n *node, xs []*val) bool {
	seen := map[*node]bool{}
	stack := []*node{n}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, v := range reads(n) {
			if slices.Contains(xs, v) {
				return true
			}
			if v.def != nil && !seen[v.def] {
				seen[v.def] = true
				stack = append(stack, v.def)
			}
		}
	}
	return false
}
