package compile

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

// stepsPerOp bounds how often the pass looks at an op, on average: a program whose loops stand in each other so that
// more is needed is refused. Sound ones need less than ten.
const stepsPerOp = 64

// infer finds the types and shapes of all values. A loop's body is looked at again until what it carries is found to
// stay what it is: each time less is known of it, so this ends. What stands in it is looked at again only where what it
// reads has changed.
func (u *unit) infer() {
	total := 0
	u.loops = map[*node]*looked{}
	u.each(func(_ *fn, n *node) {
		total++
		if n.is(op.Flow, "Loop") {
			u.loops[n] = &looked{reads: decides(n.bodies[0])}
		}
	})
	u.left = stepsPerOp * (total + 64)
	u.inferList(u.main.nodes)
	for _, b := range u.boots {
		u.inferList(b.nodes)
	}
	if u.loops = nil; u.tired != nil {
		u.errs = u.errs[:0]
		u.failAt(u.tired, "the loops around it change what each other carries so often that finding the types takes "+
			"more than %d looks at each of %d ops; "+
			"want fewer loops in each other, or values that keep their shapes", stepsPerOp, total)
		return
	}
	known, tensors, open := 0, 0, 0
	u.each(func(_ *fn, n *node) {
		for _, v := range n.out {
			switch {
			case v.typ.ID == "":
				open++
			case v.typ.IsTensor():
				tensors++
			default:
				known++
			}
		}
	})
	u.report.did("%d tensors, %d other values of known type, %d of any type", tensors, known, open)
}

func (u *unit) inferList(nodes []*node) {
	for _, n := range nodes {
		if u.tired != nil || len(u.errs) >= artifact.ErrorsMax {
			return
		}
		if u.left--; u.left < 0 {
			u.tired = n
			return
		}
		switch {
		case len(n.in) == 0 && len(n.out) == 1 && n.out[0].typ.ID != "" && (n.tensor() || n.is(op.Flow, "Constant")):
			// A constant stays what it is, the same tensor.
		case n.tensor():
			u.inferTensor(n)
		default:
			u.inferOp(n)
		}
	}
}

// asProto returns the node as ONNX writes it.
func (n *node) asProto() *onnx.NodeProto {
	p := &onnx.NodeProto{Domain: n.proto.Domain, OpType: n.proto.OpType, Name: n.name, Attribute: n.proto.Attribute}
	for _, v := range n.in {
		p.Input = append(p.Input, nameOf(v))
	}
	for _, v := range n.out {
		p.Output = append(p.Output, nameOf(v))
	}
	return p
}

func nameOf(v *val) string {
	if v == nil {
		return ""
	}
	return v.name
}

func (u *unit) inferTensor(n *node) {
	in := make([]onnxop.Type, len(n.in))
	for i, v := range n.in {
		if v == nil {
			continue
		}
		if v.typ.ID != "" && !v.typ.IsTensor() {
			u.failAt(n, "input %d (%s) is a %v; tensor ops take tensors only", i, v.name, v.typ)
			return
		}
		if in[i] = v.typ.Tensor; in[i].Absent() {
			u.failAt(n,
				"input %d (%s) is a tensor of unknown element type; say it with Graph.Typed where it comes from", i,
				v.name)
			for _, o := range n.out {
				o.typ = types.Tensor()
			}
			return
		}
	}
	out, err := onnxop.Infer(n.asProto(), in)
	if err != nil {
		u.failAt(n, "%v", err)
		return
	}
	for i := range out {
		n.out[i].typ = types.OfTensor(out[i])
	}
}

// rounds bounds how often a loop's body is looked at: each dimension, each item and the type itself can be forgotten
// once, and after this many rounds all of it is.
const rounds = 8

func (u *unit) inferOp(n *node) {
	c := &op.Call{Node: n.proto, In: make([]types.Type, len(n.in)), Outs: len(n.out)}
	for i, v := range n.in {
		if v != nil {
			c.In[i] = v.typ
		}
	}
	switch {
	case n.is(op.Flow, "Loop"):
		u.inferLoop(n, c)
	case len(n.bodies) > 0:
		for _, b := range n.bodies {
			want := len(c.In)
			if n.is(op.Flow, "If") {
				want = 0
			}
			if len(b.in) != want {
				u.failAt(n, "the body %s has %d inputs; want %d", b.name, len(b.in), want)
				return
			}
			for i, v := range b.in {
				v.typ = c.In[i]
			}
			u.inferList(b.nodes)
			c.Results = append(c.Results, outTypes(b))
		}
	}
	if len(u.errs) > 0 {
		return // what follows from an error is not told again
	}
	if n.y != nil && !n.y.typ.Fits(types.Tensor()) {
		u.failAt(n, "the scalar (%s) is a %v; want a tensor", n.y.name, n.y.typ)
		return
	}
	out, err := n.decl.Infer(c)
	if err != nil {
		u.failAt(n, "%v", err)
		return
	}
	for i := range out {
		n.out[i].typ = out[i]
	}
	if n.asks != nil && len(n.asks.in) > 1 && n.asks.in[1].typ.Fits(out[len(out)-1]) {
		n.out[len(out)-1].typ = n.asks.in[1].typ.Forget()
	}
}

func outTypes(f *fn) []types.Type {
	types := make([]types.Type, len(f.out))
	for i, v := range f.out {
		types[i] = v.typ
	}
	return types
}

// inferLoop finds the types of what a loop carries: what the values before the first run and those after any run have
// in common.
func (u *unit) inferLoop(n *node, c *op.Call) {
	b := n.bodies[0]
	if len(b.in) != len(n.in) || len(b.out) != len(n.in)-1 {
		u.failAt(n, "the body has %d inputs and %d results; want the run's number and %d carried values, and as "+
			"many results",
			len(b.in), len(b.out), len(n.in)-1)
		return
	}
	l := u.loops[n]
	seen := l.types(c.In)
	before, carried := len(u.errs), l.carried
	if carried == nil || !slices.EqualFunc(seen, l.seen, sameType) {
		carried = u.inferBody(b, c.In[1:])
	}
	if l.carried, l.seen = carried, seen; len(u.errs) > before {
		l.carried = nil // so that the errors are found again
	}
	c.Results = [][]types.Type{carried}
	copy(c.In[1:], carried)
}

// looked is what was found of a loop when it was looked at last.
type looked struct {
	reads   []*val       // what decides it, of the functions around the body
	seen    []types.Type // the types of the loop's inputs and of reads
	carried []types.Type // what it carries; nil where nothing is known yet
}

// decides are the values around a body that its types follow from.
func decides(b *fn) []*val {
	reads := captured(b)
	functions(b, func(f *fn) {
		for _, n := range f.nodes {
			if n.asks != nil {
				reads = append(reads, n.asks.in...)
			}
		}
	})
	return reads
}

// types are the types that decide what a loop carries.
func (l *looked) types(in []types.Type) []types.Type {
	types := make([]types.Type, 0, len(in)+len(l.reads))
	for _, t := range in {
		types = append(types, t.Forget()) // a body knows no value of what is carried
	}
	for _, v := range l.reads {
		types = append(types, v.typ)
	}
	return types
}

// sameType says whether two types know the same, the values of tensors included: shapes are inferred from them.
func sameType(a, b types.Type) bool {
	return a.ID == b.ID && a.Sized == b.Sized && a.Tensor.Equal(b.Tensor) && sameValue(a.Tensor.Value,
		b.Tensor.Value) &&
		slices.EqualFunc(a.Items, b.Items, sameType)
}

// sameValue compares what can be the shape of something; of larger tensors only the same one is the same.
func sameValue(a, b *tensor.Tensor) bool {
	return a == b || a != nil && b != nil && a.Len() <= 4*tensor.MaxRank && a.Equal(b)
}

// inferBody finds what a loop carries, given what it begins with.
func (u *unit) inferBody(b *fn, first []types.Type) []types.Type {
	carried := make([]types.Type, len(b.out))
	for i := range carried {
		carried[i] = first[i].Forget()
	}
	b.in[0].typ = types.Int()
	for round := 0; ; round++ {
		for i, t := range carried {
			b.in[1+i].typ = t
		}
		// Errors of a round in which too much was taken for known are no errors: only the last round's count.
		before := len(u.errs)
		u.inferList(b.nodes)
		stable := true
		for i, v := range b.out {
			j := carried[i].Join(v.typ.Forget())
			if len(u.errs) > before {
				j = forgetShape(j)
			}
			if round >= rounds {
				j = forgetShape(j)
			}
			if round >= 2*rounds {
				j = types.Any()
			}
			if !j.Equal(carried[i]) {
				carried[i], stable = j, false
			}
		}
		if stable || u.tired != nil {
			return carried
		}
		u.errs = u.errs[:before]
	}
}

// forgetShape keeps the element types of tensors and no shapes.
func forgetShape(t types.Type) types.Type {
	if t.IsTensor() && t.Tensor.DType != 0 {
		t.Tensor = onnxop.Type{DType: t.Tensor.DType, Unranked: true}
	}
	if len(t.Items) > 0 {
		items := make([]types.Type, len(t.Items))
		for i := range items {
			items[i] = forgetShape(t.Items[i])
		}
		t.Items = items
	}
	return t
}
