package importer

import (
	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// functionKey names a function of a model.
type functionKey struct{ domain, name, overload string }

func functionsOf(m *onnx.ModelProto) map[functionKey]*onnx.FunctionProto {
	out := map[functionKey]*onnx.FunctionProto{}
	for _, f := range m.GetFunctions() {
		out[functionKey{domain(f.GetDomain()), f.GetName(), f.GetOverload()}] = f
	}
	return out
}

// inliner puts the bodies of functions in the place of their calls.
type inliner struct {
	d         *draft
	bad       *refusals
	functions map[functionKey]*onnx.FunctionProto
	stack     []functionKey
	calls     int
}

// add takes a node of the file, whose names are those of the graph already.
func (in *inliner) add(n *onnx.NodeProto, from int, version int64, depth int) {
	key := functionKey{domain(n.GetDomain()), n.GetOpType(), n.GetOverload()}
	f := in.functions[key]
	if f == nil {
		if len(in.d.nodes) >= nodesMax {
			if len(in.d.nodes) == nodesMax {
				in.bad.of(from, n, "the graph has more than %d nodes once its functions are written out", nodesMax)
				in.d.nodes = append(in.d.nodes, node{}) // said once
				in.d.nodes = in.d.nodes[:nodesMax]
			}
			return
		}
		in.d.nodes = append(in.d.nodes, node{NodeProto: bareNode(n), from: from, version: version})
		return
	}
	for _, k := range in.stack {
		if k == key {
			in.bad.of(from, n, "the function calls itself; want functions that do not")
			return
		}
	}
	if in.calls++; depth >= depthMax || in.calls > nodesMax || len(in.d.nodes) >= nodesMax {
		in.bad.of(from, n, "functions call functions more than %d deep, or more than %d times", depthMax, nodesMax)
		return
	}
	in.stack = append(in.stack, key)
	in.call(n, f, from, depth)
	in.stack = in.stack[:len(in.stack)-1]
}

// call writes out one call.
func (in *inliner) call(n *onnx.NodeProto, f *onnx.FunctionProto, from, depth int) {
	version := in.d.versions[""]
	for _, o := range f.GetOpsetImport() {
		if domain(o.GetDomain()) == "" {
			version = o.GetVersion()
		}
	}
	if len(n.GetInput()) > len(f.GetInput()) || len(n.GetOutput()) > len(f.GetOutput()) {
		in.bad.of(from, n, "the call has more inputs or outputs than the function")
		return
	}
	names := map[string]string{"": ""}
	for i, name := range f.GetInput() {
		names[name] = ""
		if i < len(n.GetInput()) {
			names[name] = n.GetInput()[i]
		}
	}
	outer := map[string]string{} // what the call's outputs are called
	for i, name := range f.GetOutput() {
		if i < len(n.GetOutput()) && n.GetOutput()[i] != "" {
			outer[name] = n.GetOutput()[i]
		}
	}
	// An output that is an input needs a node that gives it its name.
	for _, name := range f.GetOutput() {
		if inner, ok := names[name]; ok && outer[name] != "" {
			in.d.nodes = append(in.d.nodes, node{from: from, version: version,
				NodeProto: onnx.Node("", "Identity", n.GetName(), []string{inner}, []string{outer[name]})})
		}
	}
	attrs := map[string]*onnx.AttributeProto{}
	for _, a := range f.GetAttributeProto() {
		attrs[a.GetName()] = a
	}
	for _, a := range n.GetAttribute() {
		attrs[a.GetName()] = a
	}
	for _, b := range f.GetNode() {
		c := bareNode(b)
		if !in.rename(c, names, outer, attrs, from, n) {
			return
		}
		in.add(c, from, version, depth+1)
	}
}

// rename gives a node of a function's body the names and the attributes of the call.
func (in *inliner) rename(c *onnx.NodeProto, names, outer map[string]string, attrs map[string]*onnx.AttributeProto,
	from int, call *onnx.NodeProto) bool {
	for i, name := range c.Input {
		to, ok := names[name]
		if !ok {
			in.bad.of(from, call, "the function reads %s, which nothing in it makes before", quote(name))
			return false
		}
		c.Input[i] = to
	}
	for i, name := range c.Output {
		switch {
		case name == "":
			continue
		case outer[name] != "" && names[name] == "":
			names[name] = outer[name]
		default:
			names[name] = in.d.name(name)
		}
		c.Output[i] = names[name]
	}
	if c.Name != "" {
		c.Name = short(call.GetName() + "/" + c.Name)
	}
	kept := c.Attribute[:0]
	for _, a := range c.Attribute {
		if ref := a.GetRefAttrName(); ref != "" {
			given := attrs[ref]
			if given == nil {
				continue // the call leaves it to the operator's default
			}
			name := a.GetName()
			a = proto.CloneOf(given)
			a.Name, a.DocString = name, ""
		}
		if a.GetG() != nil || len(a.GetGraphs()) > 0 {
			in.bad.of(from, call, "the function holds a sub-graph (%s), which is not read inside functions",
				c.GetOpType())
			return false
		}
		kept = append(kept, a)
	}
	c.Attribute = kept
	return true
}
