package program

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// held returns the ports of n values against which they are held: nil in the place of one that takes every value, and
// nil where all do.
func held(ports []op.Port, n int) []*op.Port {
	all, some := op.Spread(ports, n), false
	for i, p := range all {
		if p == nil || p.Type.ID == "" || p.Type.ID == value.TypeTrigger || p.Or.ID == value.TypeTrigger {
			all[i] = nil
		} else {
			some = true
		}
	}
	if !some {
		return nil
	}
	return all
}

// WrongInput says which of an op's inputs does not fit its port, and how; "" where all fit.
func (o *Op) WrongInput(in []value.Value) string {
	for i, p := range o.Takes {
		if p != nil && o.In[i] != None && !fits(p, in[i]) {
			return wrong("input", i, p, in[i])
		}
	}
	return ""
}

// WrongOutput says the same of its outputs. A failure stands for any value, and nil for a trigger.
func (o *Op) WrongOutput(out []value.Value) string {
	for i, p := range o.Gives {
		if p == nil {
			continue
		}
		v := out[i]
		if v == nil {
			v = value.Trigger{}
		}
		if value.Failed(v) == nil && !fits(p, v) {
			return wrong("output", i, p, v)
		}
	}
	return ""
}

func fits(p *op.Port, v value.Value) bool {
	return Holds(&p.Type, v) || p.Or.ID != "" && Holds(&p.Or, v)
}

// kindBytes bounds what a failure says of a type.
const kindBytes = 120

func wrong(side string, i int, p *op.Port, v value.Value) string {
	want := p.Type.String()
	if p.Or.ID != "" {
		want += " or " + p.Or.String()
	}
	return fmt.Sprintf("%s %d (%s) is %s; want %s", side, i, value.CleanText(p.Name, 80), Said(v),
		value.CleanText(want, kindBytes))
}

// Said says of what type a value is, for an error.
func Said(v value.Value) string {
	switch v := v.(type) {
	case *value.Loan:
		return fmt.Sprintf("a loan of %d bytes in another form", v.Large())
	case *value.List:
		return fmt.Sprintf("a List with %d items", v.Len())
	}
	return "of type " + value.CleanText(types.OfValue(v).Forget().String(), kindBytes)
}

// Holds says whether a value is of a type: whether types.OfValue(v).Fits(t), without memory for that. A loan is of the
// types that what it lends is of.
func Holds(t *types.Type, v value.Value) bool {
	if t.ID == "" || t.ID == value.TypeTrigger {
		return true
	}
	switch v := v.(type) {
	case *value.Loan:
		return lends(t, &v.Form)
	case value.Tensor:
		return t.ID == value.TypeTensor && holdsTensor(&t.Tensor, v.DType(), v.Shape())
	case *value.List:
		if t.ID != value.TypeList || t.Sized && v.Len() != len(t.Items) {
			return false
		}
		for i := range v.Len() {
			if it := item(t, i); it == nil {
				return true
			} else if !Holds(it, v.At(i)) {
				return false
			}
		}
		return true
	}
	return v.Type() == t.ID
}

// lends is Holds for what a loan, or a part of it, stands for.
func lends(t *types.Type, f *value.Form) bool {
	switch {
	case t.ID == "" || t.ID == value.TypeTrigger:
		return true
	case f.Small != nil:
		return Holds(t, f.Small)
	case f.List != nil:
		if t.ID != value.TypeList || t.Sized && len(f.List) != len(t.Items) {
			return false
		}
		for i := range f.List {
			if it := item(t, i); it == nil {
				return true
			} else if !lends(it, &f.List[i]) {
				return false
			}
		}
		return true
	case f.Raw:
		return t.ID == value.TypeBytes
	}
	return t.ID == value.TypeTensor && holdsTensor(&t.Tensor, f.DType, f.Shape)
}

// item returns the type of item i of a list, or nil where nothing is known of it and of those behind it.
func item(t *types.Type, i int) *types.Type {
	switch {
	case t.Sized:
		return &t.Items[i]
	case len(t.Items) == 1:
		return &t.Items[0]
	}
	return nil
}

func holdsTensor(t *onnxop.Type, d tensor.DType, shape []int) bool {
	switch {
	case t.DType == 0:
		return true
	case t.DType != d:
		return false
	case t.Unranked:
		return true
	case len(t.Shape) != len(shape):
		return false
	}
	for i, n := range t.Shape {
		if n >= 0 && n != shape[i] {
			return false
		}
	}
	return true
}
