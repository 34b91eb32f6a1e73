package compile

import (
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
)

// unit is one program while it is compiled.
type unit struct {
	catalogue *op.Catalogue
	source    *onnx.ModelProto
	made      *onnx.ModelProto // the artifact, once it is sealed
	opset     int64            // version of ai.onnx
	name      string
	places    []string // sorted
	slots     []artifact.Slot
	methods   []map[string]bool              // by slot, the names of those that it brings; nil where it brings none
	brought   []op.Decl                      // of all slots
	modules   map[string]*onnx.FunctionProto // sub-modules of the source, by name
	main      *fn
	boots     []*fn // in the order of the model
	parts     []*fn // after the cut: the functions of all places, in their final order
	edges     []*edge
	tensors   []*tensorFn
	pass      string
	loops     map[*node]*looked // what the pass that infers knows of each loop
	tired     *node             // at which it had none left
	left      int               // how many looks at ops it has left
	puts      int               // how many groups of tensor ops were put
	errs      Errors
	report    *Report
}

// fn is a function: a graph that is activated as a whole.
type fn struct {
	name   string
	kind   string // of artifact.Kinds
	place  string // empty only for the main graph before the cut
	label  string
	period int64
	spread bool // of an interval
	edge   *edge
	opener *node
	in     []*val
	out    []*val
	nodes  []*node
	outer  *fn // of a body: the function whose op calls it
}

// val is a value: an input of a function, or an output of a node.
type val struct {
	name  string
	typ   types.Type
	place string // empty: everywhere
	def   *node  // nil for an input
	home  *fn
	put   int  // the last group of tensor ops that it depends on, of those that were put
	now   *val // what takes its place behind that group
}

// node is an op.
type node struct {
	decl   *op.Decl        // nil for a tensor op
	proto  *onnx.NodeProto // its attributes, and nothing else that is read
	name   string
	line   string
	in     []*val // nil where an optional input is not connected
	out    []*val
	bodies []*fn
	home   *fn
	place  string
	floats bool  // runs anywhere and without effect: a copy goes to each function that reads it
	tied   bool  // a Gate that holds a gradient back until its x comes
	y      *val  // of a Gradient: the scalar
	asks   *node // of a Reply: the Request
	edge   *edge // of a Send, Request, Reply or Recv
	slot   int   // index of the component slot, or none
	put    int   // of a tensor op: its group, by the order in which groups are put
}

const none = -1

// edge is one crossing.
type edge struct {
	id       int32
	name     string
	from, to string
	send     *node
	recv     *node
	reply    *edge // of a request
	answer   bool
	trigger  []bool
	sites    []uint32
	fn       *fn // that the edge's envelopes start
}

func (n *node) is(domain, name string) bool {
	return n.decl != nil && n.decl.Domain == domain && n.decl.Name == name
}

func (n *node) wire() bool { return n.decl != nil && n.decl.Domain == op.Wire }

func (n *node) opens() bool { return n.decl != nil && n.decl.Nature == op.Opener }

func (n *node) tensor() bool { return n.decl == nil }

func (n *node) pure() bool { return n.decl == nil || n.decl.Nature == op.Pure }

func (n *node) int(name string) int64   { return n.decl.Int(n.proto, name) }
func (n *node) text(name string) string { return n.decl.Text(n.proto, name) }

// title is how errors call the op.
func (n *node) title() string { return n.proto.GetOpType() + " " + n.name }

// functions calls see for a function and all bodies in it, outer ones first.
func functions(f *fn, see func(*fn)) {
	see(f)
	for _, n := range f.nodes {
		for _, b := range n.bodies {
			functions(b, see)
		}
	}
}

// all calls see for every function of the unit: before the cut the main graph and the bootstraps, then the parts.
func (u *unit) all(see func(*fn)) {
	if u.parts != nil {
		for _, f := range u.parts {
			see(f)
		}
		return
	}
	functions(u.main, see)
	for _, b := range u.boots {
		functions(b, see)
	}
}

// each calls see for every node of the unit.
func (u *unit) each(see func(*fn, *node)) {
	u.all(func(f *fn) {
		for _, n := range f.nodes {
			see(f, n)
		}
	})
}

// slotOf returns the index of the named slot, or none.
func (u *unit) slotOf(name string) int {
	for i := range u.slots {
		if u.slots[i].Name == name {
			return i
		}
	}
	return none
}
