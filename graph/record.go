package graph

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
)

func itoa(i int) string { return strconv.Itoa(i) }

// use is one op that is about to be recorded.
type use struct {
	decl    *op.Decl
	line    string
	name    string // of the node, unique; chosen by record when empty
	in      []Value
	attrs   []*onnx.AttributeProto
	outs    int
	results [][]types.Type // of its bodies
	slot    *Slot
	to      string // where the outputs of a crossing live
}

// title is how errors call the op.
func (u *use) title(g *Graph) string {
	if u.name != "" {
		return u.decl.Name + " " + u.name
	}
	if g.name != "" {
		return u.decl.Name + " " + g.s.path + g.name
	}
	return u.decl.Name
}

// refused returns the outputs of an op that was not recorded.
func (u *use) refused(g *Graph) []Value {
	out := make([]Value, u.outs)
	for i := range out {
		out[i] = Value{s: g.s, line: u.line, bad: true}
	}
	return out
}

// record checks one op against its declaration and adds it to the function.
func (g *Graph) record(u use) []Value {
	fail := func(format string, args ...any) []Value {
		g.s.st.fail(u.line, u.title(g), format, args...)
		return u.refused(g)
	}
	if u.line == "" {
		u.line = caller()
	}
	u.outs = max(u.outs, 0)
	if u.decl.Internal {
		return fail("is written by the compiler; it cannot be recorded")
	}
	if reason, bad := g.check(u.in); reason != "" {
		return fail("%s", reason)
	} else if bad {
		return u.refused(g)
	}
	node := &onnx.NodeProto{Domain: u.decl.Domain, OpType: u.decl.Name, Attribute: u.attrs}
	g.policy(node)
	if err := u.decl.CheckAttrs(node); err != nil {
		return fail("%v", err)
	}
	out, err := u.decl.Infer(&op.Call{Node: node, In: typesOf(u.in), Outs: u.outs, Results: u.results})
	if err != nil {
		return fail("%v", err)
	}
	site := op.Site{Said: u.decl.Text(node, "place"), In: placesOf(u.in), Default: g.s.place, Nature: u.decl.Nature}
	if u.slot != nil {
		site.Slot = u.slot.places()
	}
	place, err := site.Place()
	if err != nil {
		return fail("%v", err)
	}
	return g.add(&u, node, out, place)
}

// policy gives a node the attributes of the view.
func (g *Graph) policy(n *onnx.NodeProto) {
	if g.place != "" && onnx.FindAttr(n, "place") == nil {
		n.Attribute = append(n.Attribute, onnx.AttrString("place", g.place))
	}
	if g.attempts > 1 {
		n.Attribute = append(n.Attribute, onnx.AttrInt("attempts", int64(g.attempts)),
			onnx.AttrInt("backoff", int64(g.backoff)))
	}
}

// add names a node and its outputs and appends it.
func (g *Graph) add(u *use, node *onnx.NodeProto, of []types.Type, place string) []Value {
	if u.name == "" {
		u.name = g.s.fresh(g.baseName(u.decl.Name))
	}
	node.Name = u.name
	withLine(node, u.line)
	for _, v := range u.in {
		node.Input = append(node.Input, v.name)
	}
	out := make([]Value, u.outs)
	for i := range out {
		out[i] = Value{s: g.s, typ: of[i], place: place, line: u.line, node: node, port: i, name: u.name}
		if u.outs > 1 {
			p := u.decl.OutPort(i, u.outs)
			out[i].name += ":" + p.Name
			if p.Variadic {
				out[i].name += "." + itoa(i-u.decl.OutPortStart())
			}
		}
		if u.decl.Place == op.Crosses && i > 0 {
			out[i].place = u.to
		}
		node.Output = append(node.Output, out[i].name)
	}
	g.s.nodes = append(g.s.nodes, node)
	return out
}

// baseName is what a node is called: the view's name, or the op's.
func (g *Graph) baseName(opName string) string {
	if g.name != "" {
		return g.name
	}
	return strings.ToLower(opName[:1]) + opName[1:]
}

// check refuses values of other functions. The second result is true when a value comes from an op that was refused.
func (g *Graph) check(in []Value) (string, bool) {
	for i, v := range in {
		if v.bad {
			return "", true
		}
		if v.s == nil {
			return fmt.Sprintf("input %d is not set", i), false
		}
		if v.s.st != g.s.st {
			return fmt.Sprintf("input %d (%s of %s) belongs to another choreography", i, v.name, v.line), false
		}
		if !g.s.sees(v.s) {
			return fmt.Sprintf(
				"input %d (%s of %s) belongs to %s and cannot be read in %s; pass it as an input or a result",
				i, v.name, v.line, v.s.name, g.s.name), false
		}
	}
	return "", false
}

// sees says whether the values of another function can be read in s.
func (s *scope) sees(other *scope) bool {
	for ; s != nil; s = s.around {
		if s == other {
			return true
		}
	}
	return false
}

func typesOf(in []Value) []types.Type {
	out := make([]types.Type, len(in))
	for i := range in {
		out[i] = in[i].typ
	}
	return out
}

func placesOf(in []Value) []string {
	out := make([]string, len(in))
	for i := range in {
		out[i] = in[i].place
	}
	return out
}

// Typed says what the author knows of a value beyond what can be inferred, such as the shapes of a model's parameters.
// The runtime does not convert: a value that is of another type fails where it is used.
func (g *Graph) Typed(v Value, t types.Type) Value {
	if reason, bad := g.check([]Value{v}); reason != "" || bad {
		if reason != "" {
			g.s.st.fail(caller(), "Typed", "%s", reason)
		}
		return Value{s: g.s, bad: true}
	}
	if !t.Fits(v.typ) || !v.typ.Fits(t) {
		g.s.st.fail(caller(), "Typed", "%s is a %v; it cannot be a %v", v.name, v.typ, t)
		return Value{s: g.s, bad: true}
	}
	if v.node == nil || v.node.GetDomain() == "" || v.node.GetDomain() == op.Training {
		return g.Op(op.Flow, "PassThrough", Attrs{"types": []string{t.String()}}, 1, v)[0]
	}
	texts, ok := onnx.GetStrings(v.node, "types")
	if !ok {
		texts = make([]string, len(v.node.GetOutput()))
		for i := range texts {
			texts[i] = types.Any().String()
		}
	}
	texts[v.port] = t.String()
	onnx.SetAttr(v.node, onnx.AttrStrings("types", texts...))
	v.typ = t
	return v
}

// infos are the typed names of values at the ends of a function.
func infos(values []Value) []*onnx.ValueInfoProto {
	out := make([]*onnx.ValueInfoProto, len(values))
	for i, v := range values {
		out[i] = artifact.ValueInfo(v.name, v.typ)
	}
	return out
}
