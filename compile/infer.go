package compile

import (
	"github.com/rhizome-ml/rhizome/onnx"
	"github.com/rhizome-ml/rhizome/op"
	"github.com/rhizome-ml/rhizome/op/onnxop"
)

// infer finds the types and shapes of all values. A loop's body is looked at again until what it carries is found to stay
// what it is: each time less is known of it, so this ends.
func (u *unit) infer() {
	u.inferList(u.main.nodes)
	for _, b := range u.boots {
		u.inferList(b.nodes)
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
		if len(u.errs) >= errorsMax {
			return
		}
		if n.tensor() {
			u.inferTensor(n)
			continue
		}
		u.inferOp(n)
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
			u.failAt(n, "input %d (%s) is a tensor of unknown element type; say it with Graph.Typed where it comes from", i, v.name)
			for _, o := range n.out {
				o.typ = op.Tensor
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
		n.out[i].typ = op.OfTensor(out[i])
	}
}

// rounds bounds how often a loop's body is looked at: each dimension, each item and the type itself can be forgotten once,
// and after this many rounds all of it is.
const rounds = 8

func (u *unit) inferOp(n *node) {
	c := &op.Call{Node: n.proto, In: make([]op.Type, len(n.in)), Outs: len(n.out)}
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
	if n.y != nil && !n.y.typ.Fits(op.Tensor) {
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

func outTypes(f *fn) []op.Type {
	types := make([]op.Type, len(f.out))
	for i, v := range f.out {
		types[i] = v.typ
	}
	return types
}

// inferLoop finds the types of what a loop carries: what the values before the first run and those after any run have in
// common.
func (u *unit) inferLoop(n *node, c *op.Call) {
	b := n.bodies[0]
	if len(b.in) != len(n.in) || len(b.out) != len(n.in)-1 {
		u.failAt(n, "the body has %d inputs and %d results; want the run's number and %d carried values, and as many results",
			len(b.in), len(b.out), len(n.in)-1)
		return
	}
	carried := make([]op.Type, len(b.out))
	for i := range carried {
		carried[i] = c.In[1+i].Forget()
	}
	b.in[0].typ = op.Int
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
				j = op.Any
			}
			if !j.Equal(carried[i]) {
				carried[i], stable = j, false
			}
		}
		if stable {
			break
		}
		u.errs = u.errs[:before]
	}
	c.Results = [][]op.Type{carried}
	for i := range carried {
		c.In[1+i] = carried[i]
	}
}

// forgetShape keeps the element types of tensors and no shapes.
func forgetShape(t op.Type) op.Type {
	if t.IsTensor() && t.Tensor.DType != 0 {
		t.Tensor = onnxop.Type{DType: t.Tensor.DType, Unranked: true}
	}
	if len(t.Items) > 0 {
		items := make([]op.Type, len(t.Items))
		for i := range items {
			items[i] = forgetShape(t.Items[i])
		}
		t.Items = items
	}
	return t
}
