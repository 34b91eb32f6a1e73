package compile

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// The bounds of a choreography.
const (
	nodesMax     = 1 << 17 // ops, also after sub-modules are expanded
	functionsMax = 1 << 12
	depthMax     = 64 // functions inside each other
)

// validate checks the model as it came, before anything is made of it: every function, also those that nobody calls
// (trap first-function-only).
func (u *unit) validate() {
	m := u.source
	if m.GetGraph() == nil {
		u.fail("model", "", "has no main graph")
		return
	}
	if form, _ := onnx.Meta(m.GetMetadataProps(), artifact.KeyForm); form != artifact.FormChoreography {
		u.fail("model", "", "is of the form %.80q; want %q, as package graph records it", form,
			artifact.FormChoreography)
		return
	}
	u.name = m.GetGraph().GetName()
	u.checkTables()
	for _, o := range m.GetOpsetImport() {
		if o.GetDomain() == "" || o.GetDomain() == "ai.onnx" {
			u.opset = o.GetVersion()
		}
	}
	if u.opset < onnxop.OpsetMin || u.opset > onnxop.OpsetMax {
		u.fail("model", "", "imports version %d of ai.onnx; want %d to %d", u.opset, onnxop.OpsetMin, onnxop.OpsetMax)
	}
	if len(m.GetFunctions()) > functionsMax {
		u.fail("model", "", "has %d functions; want at most %d", len(m.GetFunctions()), functionsMax)
		return
	}
	v := &validator{u: u, nodes: map[string]bool{}, limits: map[string]int64{}}
	v.functions(m.GetFunctions())
	v.graph(m.GetGraph().GetNode(), nil, 0)
	for _, f := range m.GetFunctions() {
		v.function(f)
	}
	u.report.did("%d functions, %d ops checked against the catalogue", 1+len(m.GetFunctions())+v.bodies, len(v.nodes))
	u.report.did("places: %v", u.places)
}

// validator walks all functions of a model.
type validator struct {
	u      *unit
	nodes  map[string]bool  // names of nodes, which are unique in the model (trap empty-name)
	limits map[string]int64 // capacity by op and name: the same wherever it is named
	bodies int
}

// names are the values that a function can read, its own and those around it.
type names struct {
	own    map[string]bool
	around *names
}

func (n *names) has(name string) bool {
	for ; n != nil; n = n.around {
		if n.own[name] {
			return true
		}
	}
	return false
}

func (v *validator) functions(list []*onnx.FunctionProto) {
	seen := map[string]bool{}
	v.u.modules = map[string]*onnx.FunctionProto{}
	for _, f := range list {
		if seen[f.GetName()] || f.GetName() == "" {
			v.u.fail("function "+f.GetName(), "", "has no name of its own")
		}
		seen[f.GetName()] = true
		place, _ := onnx.Meta(f.GetMetadataProps(), artifact.KeyPlace)
		switch f.GetDomain() {
		case artifact.ModuleDomain:
			if v.u.modules[f.GetName()] == nil {
				v.u.modules[f.GetName()] = f
			}
		case artifact.BootstrapDomain:
			if !slices.Contains(v.u.places, place) || len(f.GetInput()) > 0 || len(f.GetOutput()) > 0 {
				v.u.fail("function "+f.GetName(), "", "a bootstrap has a place of %q, no inputs and no outputs",
					v.u.places)
			}
		default:
			v.u.fail("function "+f.GetName(), "", "is of the domain %.80q; want a sub-module or a bootstrap",
				f.GetDomain())
		}
		if len(f.GetAttribute())+len(f.GetAttributeProto()) > 0 {
			v.u.fail("function "+f.GetName(), "", "has attributes; sub-modules take values only")
		}
	}
}

func (v *validator) function(f *onnx.FunctionProto) {
	own := map[string]bool{}
	for _, name := range f.GetInput() {
		v.define(own, nil, name, "function "+f.GetName(), "")
	}
	v.list(f.GetNode(), &names{own: own}, 0)
	for _, name := range f.GetOutput() {
		if !own[name] {
			v.u.fail("function "+f.GetName(), "", "result %q is not made in it", name)
		}
	}
}

// graph checks the main graph or a body.
func (v *validator) graph(list []*onnx.NodeProto, around *names, depth int) {
	v.list(list, &names{own: map[string]bool{}, around: around}, depth)
}

func (v *validator) body(g *onnx.GraphProto, around *names, depth int) {
	v.bodies++
	own := &names{own: map[string]bool{}, around: around}
	for _, in := range g.GetInput() {
		v.define(own.own, around, in.GetName(), "body "+g.GetName(), "")
		if _, err := artifact.TypeOf(in); err != nil {
			v.u.fail("body "+g.GetName(), "", "input %q: %v", in.GetName(), err)
		}
	}
	if len(g.GetInitializer())+len(g.GetSparseInitializer()) > 0 {
		v.u.fail("body "+g.GetName(), "", "has initializers; want constants")
	}
	v.list(g.GetNode(), own, depth)
	for _, out := range g.GetOutput() {
		if !own.has(out.GetName()) {
			v.u.fail("body "+g.GetName(), "", "result %q is not made in it", out.GetName())
		}
	}
}

func (v *validator) define(own map[string]bool, around *names, name, who, line string) {
	if name == "" || own[name] || around.has(name) || len(name) > op.NameMax {
		v.u.fail(who, line, "gives %.80q, which is no new name of at most %d bytes", name, op.NameMax)
	}
	own[name] = true
}

func (v *validator) list(nodes []*onnx.NodeProto, scope *names, depth int) {
	if depth > depthMax {
		v.u.fail("model", "", "bodies stand deeper in each other than %d", depthMax)
		return
	}
	for _, n := range nodes {
		title, line := n.GetOpType()+" "+n.GetName(), lineOf(n)
		if n.GetName() == "" || v.nodes[n.GetName()] || len(n.GetName()) > op.NameMax {
			v.u.fail(title, line, "the name is empty, stands twice or has more than %d bytes", op.NameMax)
		}
		v.nodes[n.GetName()] = true
		if len(v.nodes) > nodesMax {
			v.u.fail("model", "", "has more than %d ops", nodesMax)
			return
		}
		for _, in := range n.GetInput() {
			if in != "" && !scope.has(in) {
				v.u.fail(title, line, "reads %q, which nothing before it in this function or around it makes", in)
			}
		}
		v.node(n, title, line, scope, depth)
		for _, out := range n.GetOutput() {
			v.define(scope.own, scope.around, out, title, line)
		}
	}
}

func (v *validator) node(n *onnx.NodeProto, title, line string, scope *names, depth int) {
	switch d := n.GetDomain(); d {
	case onnxop.Own:
		if n.GetOpType() == onnxop.Uniform {
			return
		}
	case "", "ai.onnx", artifact.ModuleDomain:
		for _, a := range n.GetAttribute() {
			if a.GetG() != nil || len(a.GetGraphs()) > 0 {
				v.u.fail(title, line, "attribute %q is a graph, which no supported op has", a.GetName())
			}
		}
		v.foreign(n, title, line)
		return
	}
	decl := v.u.catalogue.Lookup(n.GetDomain(), n.GetOpType())
	if decl == nil || decl.Internal {
		v.u.fail(title, line, "the catalogue has no such op in %.80q for authors", n.GetDomain())
		return
	}
	if err := decl.CheckAttrs(n); err != nil {
		v.u.fail(title, line, "%v", err)
		return
	}
	if err := decl.CheckCounts(len(n.GetInput()), len(n.GetOutput())); err != nil {
		v.u.fail(title, line, "%v", err)
	}
	for i, in := range n.GetInput() {
		if in == "" {
			v.u.fail(title, line, "input %d is not connected; leave optional inputs out at the end", i)
		}
	}
	if decl.Nature == op.Opener && depth > 0 {
		v.u.fail(title, line, "starts activations and cannot stand in a body")
	}
	v.special(n, decl, title, line)
	for _, a := range n.GetAttribute() {
		if a.GetType() == onnx.AttributeProto_GRAPH {
			v.body(a.GetG(), scope, depth+1)
		}
	}
}

// special checks what the declarations of single ops cannot say.
func (v *validator) special(n *onnx.NodeProto, decl *op.Decl, title, line string) {
	capacity := decl.Int(n, "n")
	switch decl.Name {
	case "Threshold":
		if capacity > int64(len(n.GetInput())) {
			v.u.fail(title, line, "waits for %d of %d values; want at most all", capacity, len(n.GetInput()))
		}
	case "Limit", "QueuePut":
		key := decl.Name + " " + decl.Text(n, "name")
		if first, ok := v.limits[key]; ok && first != capacity {
			v.u.fail(title, line, "%s has n=%d here and n=%d elsewhere; want one n for one name", key, capacity, first)
		}
		v.limits[key] = capacity
	case "Lifecycle":
		if p := decl.Text(n, "phase"); decl.Domain == op.Flow && !slices.Contains(op.Phases(), p) {
			v.u.fail(title, line, "waits for the phase %q, which no host fires; want one of %q", p, op.Phases())
		}
	case "Gradient":
		xs, _ := onnx.GetStrings(n, "xs")
		if len(n.GetInput()) < len(xs) || !slices.Equal(n.GetInput()[:len(xs)], xs) {
			v.u.fail(title, line, "xs names %q and the inputs are %q; want xs first among the inputs", xs, n.GetInput())
		}
	}
	for _, name := range []string{"place", "to"} {
		if p := decl.Text(n, name); p != "" && !slices.Contains(v.u.places, p) {
			v.u.fail(title, line, "%s is %q, which is no place of this program; it has %q", name, p, v.u.places)
		}
	}
	if decl.Place != op.AtSlot {
		return
	}
	i := v.u.slotOf(decl.Text(n, "slot"))
	if i == none {
		v.u.fail(title, line, "slot %q is not declared", decl.Text(n, "slot"))
		return
	}
	if s := &v.u.slots[i]; op.Domain(s.Role, s.Kind) != decl.Domain {
		v.u.fail(title, line, "slot %q holds a %s of kind %q, which has no methods in %q", s.Name, s.Role, s.Kind,
			decl.Domain)
	} else if m := v.u.methods[i]; m != nil && !m[decl.Name] {
		v.u.fail(title, line, "slot %q does not name %q among its methods", s.Name, decl.Name)
	}
}

// foreign checks tensor ops and calls of sub-modules, which the catalogue does not hold.
func (v *validator) foreign(n *onnx.NodeProto, title, line string) {
	if n.GetDomain() == artifact.ModuleDomain {
		f := v.u.modules[n.GetOpType()]
		if f == nil {
			v.u.fail(title, line, "calls a sub-module that the model does not have")
			return
		}
		if len(f.GetInput()) != len(n.GetInput()) || len(f.GetOutput()) != len(n.GetOutput()) {
			v.u.fail(title, line, "has %d inputs and %d outputs; the sub-module has %d and %d",
				len(n.GetInput()), len(n.GetOutput()), len(f.GetInput()), len(f.GetOutput()))
		}
		if slices.Contains(n.GetInput(), "") {
			v.u.fail(title, line, "an input is not connected")
		}
		return
	}
	if !onnxop.Supported("", n.GetOpType(), v.u.opset) {
		v.u.fail(title, line, "is no supported tensor op at version %d of ai.onnx", v.u.opset)
	}
	for _, key := range []string{artifact.KeyPlace, artifact.KeySlot} {
		name, ok := onnx.Meta(n.GetMetadataProps(), key)
		if ok && key == artifact.KeyPlace && !slices.Contains(v.u.places, name) {
			v.u.fail(title, line, "%s is %q, which is no place of this program; it has %q", key, name, v.u.places)
		}
		if ok && key == artifact.KeySlot && v.u.slotOf(name) == none {
			v.u.fail(title, line, "slot %q is not declared", name)
		}
	}
}

func lineOf(n *onnx.NodeProto) string {
	line, _ := onnx.Meta(n.GetMetadataProps(), artifact.KeyLine)
	return line
}
