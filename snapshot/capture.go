package snapshot

import (
	"bytes"
	"reflect"
)

// Capture returns a pointer to a copy of the struct that v points to, of the same type, that no later change of it
// reaches: lists and nested structs are copied, values are shared, since they are immutable, and Words are frozen. So
// it takes the time to copy references and what is small. Derived fields of the copy are not to be used. Errors are
// *TypeError.
func Capture(v any) (any, error) {
	p, rv, err := target(v)
	if err != nil {
		return nil, err
	}
	copied := reflect.New(rv.Type())
	copied.Elem().Set(rv)
	if !p.flat {
		detach(p, copied.Elem())
	}
	return copied.Interface(), nil
}

// detach makes a shallow copy of a struct share nothing that can change with what it was copied from.
func detach(p *plan, v reflect.Value) {
	for i := range p.fields {
		f := &p.fields[i]
		if f.flat {
			continue
		}
		x := v.Field(f.index)
		if !f.repeated {
			detachItem(f, x)
			continue
		}
		if x.Len() == 0 {
			continue
		}
		s := reflect.MakeSlice(f.typ, x.Len(), x.Len())
		reflect.Copy(s, x)
		if f.kind == kindBytes || (f.kind == kindStruct && !f.elem.flat) {
			for i := range s.Len() {
				detachItem(f, s.Index(i))
			}
		}
		x.Set(s)
	}
}

func detachItem(f *field, x reflect.Value) {
	switch f.kind {
	case kindBytes:
		x.SetBytes(bytes.Clone(x.Bytes()))
	case kindWords:
		x.Interface().(Words).freeze()
	case kindStruct:
		detach(f.elem, x)
	case kindPtr:
		if !x.IsNil() {
			c := reflect.New(f.elem.typ)
			c.Elem().Set(x.Elem())
			detach(f.elem, c.Elem())
			x.Set(c)
		}
	}
}

// flatten finds the types of a family of which a shallow copy is enough: they hold no lists, pointers or Words.
func flatten(plans []*plan) {
	for _, p := range plans {
		p.flat = true
	}
	// A struct that holds one that is not flat is not flat either; pointers end the question, so it settles.
	for changed := true; changed; {
		changed = false
		for _, p := range plans {
			for i := range p.fields {
				f := &p.fields[i]
				f.flat = !f.repeated && f.kind != kindBytes && f.kind != kindPtr && f.kind != kindWords &&
					(f.kind != kindStruct || f.elem.flat)
				if p.flat && !f.flat {
					p.flat, changed = false, true
				}
			}
		}
	}
}
