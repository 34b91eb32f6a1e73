package compile

import (
	"cmp"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// passes says whether an op gives its first input on as it is, so that a gradient passes it as it passes an Identity: a
// tie of an earlier gradient, or what an author says of a tensor's type.
func (n *node) passes() bool {
	return (n.tied || n.is(op.Flow, "PassThrough")) && n.in[0].typ.IsTensor() && !n.in[0].typ.Tensor.Absent()
}

// differentiable writes an op of a slice as the gradient takes it.
func (n *node) differentiable() *onnx.NodeProto {
	if n.tensor() {
		return n.asProto()
	}
	return &onnx.NodeProto{OpType: "Identity", Name: n.name, Input: []string{n.in[0].name},
		Output: []string{n.out[0].name}}
}

// slice returns the tensor ops that the scalar of a Gradient depends on, in order: those of its function and of the
// functions around it. It fails at the Gradient, and returns false, where the scalar depends on one of the xs by
// anything else as well: by an op that is no tensor op, or by what a body is given from outside. The part of the
// gradient that comes that way would be missing without a word.
func (d *differ) slice(n *node, xs []*val) (slice []*node, ok bool) {
	seen := map[*val]bool{}
	inside := map[*node]bool{}
	stack := []*val{n.y}
	var ends []*val // where the way back ends, behind the value itself
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if v == nil || seen[v] {
			continue
		}
		seen[v] = true
		switch {
		case v.def == nil || !v.def.tensor() && !v.def.passes():
			ends = append(ends, v)
		case !inside[v.def]:
			inside[v.def] = true
			if d.left--; d.left < 0 {
				d.u.failAt(n, "the gradients of the program walk over more than %d ops together", walkMax)
				return nil, false
			}
			slice = append(slice, v.def)
			for i, in := range v.def.in {
				if i == 0 || v.def.tensor() {
					stack = append(stack, d.current(in))
				}
			}
		}
	}
	// In the order in which they were found, the latest one first: the author's way from y.
	slices.SortFunc(ends, func(a, b *val) int { return cmp.Compare(d.order[b.def], d.order[a.def]) })
	w := &walk{d: d, xs: map[*val]bool{}, seen: map[step]bool{}}
	for _, x := range xs {
		w.xs[x] = true
	}
	for _, v := range ends {
		if !w.behind(v, nil) {
			continue
		}
		switch {
		case d.left < 0:
			d.u.failAt(n, "the gradients of the program walk over more than %d ops together", walkMax)
		case v.def == nil:
			d.u.failAt(n, "the way from %s to a value leaves the body %s by its input %s, which depends on that "+
				"value; take the gradient by what the body is given, or outside of it",
				n.y.name, v.home.name, v.name)
		default:
			d.u.failAt(n, "the way from %s to a value passes %s (%s), which has no gradient; want tensor ops only",
				n.y.name, v.def.title(), v.def.line)
		}
		return nil, false
	}
	slices.SortFunc(slice, func(a, b *node) int { return cmp.Compare(d.order[a], d.order[b]) })
	return slice, true
}

// walk looks for values that something depends on in any way.
type walk struct {
	d    *differ
	xs   map[*val]bool
	seen map[step]bool
}

// step is a value that was walked to, and the outermost body that was left on the way. The values of that body are
// those of another run of it, for a loop carries them from one run to the next: they are not the values that were asked
// for.
type step struct {
	v    *val
	left *fn
}

// behind says whether a value depends on one of the xs, itself apart.
func (w *walk) behind(v *val, left *fn) bool {
	for _, s := range w.sources(v, left) {
		if w.reaches(s) {
			return true
		}
	}
	return false
}

func (w *walk) reaches(s step) bool {
	stack := []step{s}
	for len(stack) > 0 {
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if w.seen[s] {
			continue
		}
		w.seen[s] = true
		if w.d.left--; w.d.left < 0 || w.xs[s.v] && !s.v.home.within(s.left) {
			return true
		}
		stack = append(stack, w.sources(s.v, s.left)...)
	}
	return false
}

// sources are the values that a value depends on at first hand.
func (w *walk) sources(v *val, left *fn) (out []step) {
	add := func(v *val, left *fn) {
		if v != nil {
			out = append(out, step{w.d.current(v), left})
		}
	}
	if v.def != nil {
		list, ok := w.d.reads[v.def]
		if !ok {
			list = reads(v.def)
			w.d.reads[v.def] = list
		}
		for _, r := range list {
			add(r, left)
		}
		return out
	}
	m := w.d.caller[v.home]
	i := slices.Index(v.home.in, v)
	if m == nil || i < 0 {
		return nil
	}
	if i < len(m.in) {
		add(m.in[i], v.home)
	}
	if m.is(op.Flow, "Loop") && i > 0 && i-1 < len(v.home.out) {
		add(v.home.out[i-1], v.home)
	}
	return out
}

// within says whether a function is another or stands in it; nothing is within none.
func (f *fn) within(outer *fn) bool {
	for ; f != nil && outer != nil; f = f.outer {
		if f == outer {
			return true
		}
	}
	return false
}
