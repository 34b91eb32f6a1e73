package graph

import (
	"fmt"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Attrs are the attributes of an op by name. The values are int, int64, float32, float64, bool, string, time.Duration,
// []string, []int, []int64, []float32 and *tensor.Tensor, as the declaration asks for.
type Attrs map[string]any

// protos returns the attributes in the order of their names.
func (a Attrs) protos() ([]*onnx.AttributeProto, error) {
	names := make([]string, 0, len(a))
	for name := range a {
		names = append(names, name)
	}
	slices.Sort(names)
	out := make([]*onnx.AttributeProto, len(names))
	for i, name := range names {
		p, err := proto(name, a[name])
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

func proto(name string, v any) (*onnx.AttributeProto, error) {
	switch v := v.(type) {
	case int:
		return onnx.AttrInt(name, int64(v)), nil
	case int64:
		return onnx.AttrInt(name, v), nil
	case time.Duration:
		return onnx.AttrInt(name, int64(v)), nil
	case bool:
		if v {
			return onnx.AttrInt(name, 1), nil
		}
		return onnx.AttrInt(name, 0), nil
	case float32:
		return onnx.AttrFloat(name, v), nil
	case float64:
		return onnx.AttrFloat(name, float32(v)), nil
	case string:
		return onnx.AttrString(name, v), nil
	case []string:
		return onnx.AttrStrings(name, v...), nil
	case []int64:
		return onnx.AttrInts(name, v...), nil
	case []int:
		ints := make([]int64, len(v))
		for i := range v {
			ints[i] = int64(v[i])
		}
		return onnx.AttrInts(name, ints...), nil
	case []float32:
		return onnx.AttrFloats(name, v...), nil
	case *tensor.Tensor:
		if v != nil {
			return onnx.AttrTensor(name, v.Proto("")), nil
		}
	}
	return nil, fmt.Errorf("attribute %q is a %T; want a number, a text, a time span, a list of these, or a tensor",
		name, v)
}

// Op records any op by its domain and name, with that many outputs: of rhizome.flow and rhizome.peer, which the package
// comment lists. Bodies, crossings, openers and the methods of components
// have verbs of their own.
func (g *Graph) Op(domain, name string, attrs Attrs, outs int, in ...Value) []Value {
	u := use{decl: g.s.st.catalogue.Lookup(domain, name), line: caller(), in: in, outs: outs}
	if u.decl == nil {
		u.decl = &op.Decl{Name: name}
		g.s.st.fail(u.line, name, "the catalogue has no such op in %q", domain)
		return u.refused(g)
	}
	if u.decl.Place == op.AtSlot || u.decl.Place == op.Crosses || u.decl.Attr("body") != nil ||
		u.decl.Attr("then_branch") != nil || domain == op.Training {
		g.s.st.fail(u.line, name, "has a verb of its own: Invoke, Send, Request, Reply, If, Loop, Frame or Gradient")
		return u.refused(g)
	}
	if u.decl.Nature == op.Opener && g.s.place != "" {
		g.s.st.fail(u.line, name,
			"starts activations and cannot stand in a body or a bootstrap; record it in the main graph or a sub-module")
		return u.refused(g)
	}
	var err error
	if u.attrs, err = g.scoped(u.decl, attrs).protos(); err != nil {
		g.s.st.fail(u.line, u.title(g), "%v", err)
		return u.refused(g)
	}
	return g.record(u)
}

// scoped puts the name of the sub-module before the names of queues and the like, so that two uses of it stay apart.
func (g *Graph) scoped(d *op.Decl, attrs Attrs) Attrs {
	if g.s.module == "" {
		return attrs
	}
	out := Attrs{}
	for name, v := range attrs {
		if a := d.Attr(name); a != nil && a.Scoped {
			if s, ok := v.(string); ok && s != "" {
				v = g.s.module + s
			}
		}
		out[name] = v
	}
	return out
}
