package graph

import (
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
)

// state is what all functions of one choreography share.
type state struct {
	catalogue *op.Catalogue
	name      string
	main      *scope
	places    []string
	slots     []*Slot
	functions []*onnx.FunctionProto
	taken     map[string]bool // names of nodes and functions
	open      []*Arrival      // requests, to find those without an answer
	errs      Errors
}

// scope is one function that is being recorded.
type scope struct {
	st     *state
	around *scope // whose values may be read too; nil for the main graph, a sub-module and a bootstrap
	name   string // how errors call it
	path   string // prefix of the names in it
	module string // prefix of the names of slots, queues and the like
	place  string // where ops run that no input places; empty in the main graph and sub-modules
	nodes  []*onnx.NodeProto
	depth  int
}

// Graph records ops into one function of a choreography. Views of it, made by At, Named, Retry and On, record into the
// same function with another default.
type Graph struct {
	s        *scope
	name     string
	place    string
	attempts int
	backoff  time.Duration
	backend  *Slot // of tensor ops; nil: the one of the place
}

// New returns the main graph of a new choreography of that name, which may use the language's ops and the methods that
// its components bring.
func New(name string) *Graph {
	st := &state{catalogue: op.Standard(), name: name, taken: map[string]bool{}}
	st.main = &scope{st: st, name: "the main graph"}
	if !goodName(name) {
		st.fail(caller(), "New", "%q is no name; want letters, digits, '.', '_' and '-'", name)
	}
	return &Graph{s: st.main}
}

// Place is a role in the network that a node plays, such as "server".
type Place struct{ name string }

// Name returns the place's name.
func (p Place) Name() string { return p.name }

// Place declares a place, or returns it when it is declared already.
func (g *Graph) Place(name string) Place {
	st := g.s.st
	for _, p := range st.places {
		if p == name {
			return Place{name}
		}
	}
	if !goodName(name) {
		st.fail(caller(), "Place", "%q is no name of a place; want letters, digits, '.', '_' and '-'", name)
		return Place{}
	}
	st.places = append(st.places, name)
	return Place{name}
}

// At returns a view of g whose ops run at the place; an op whose inputs live elsewhere is refused.
func (g *Graph) At(p Place) *Graph {
	v := *g
	v.place = p.name
	if p.name == "" {
		g.s.st.fail(caller(), "At", "the place is not declared; use Graph.Place")
	}
	return &v
}

// Named returns a view of g whose next ops have that name; a number is added where it is taken.
func (g *Graph) Named(name string) *Graph {
	v := *g
	v.name = name
	if !goodName(name) {
		g.s.st.fail(caller(), "Named", "%q is no name; want letters, digits, '.', '_' and '-'", name)
		v.name = ""
	}
	return &v
}

// Retry returns a view of g whose ops are tried up to attempts times in all when they fail, backoff apart, which
// doubles. Tensor ops are not retried: they fail for their inputs only.
func (g *Graph) Retry(attempts int, backoff time.Duration) *Graph {
	v := *g
	v.attempts, v.backoff = attempts, backoff
	if attempts < 1 || backoff < 0 {
		g.s.st.fail(caller(), "Retry", "%d attempts, %v apart; want at least one, and no negative time", attempts,
			backoff)
		v.attempts, v.backoff = 0, 0
	}
	return &v
}

// On returns a view of g whose tensor ops run on that backend. It is needed where a place has more than one.
func (g *Graph) On(backend *Slot) *Graph {
	v := *g
	switch {
	case backend == nil || backend.st != g.s.st:
		g.s.st.fail(caller(), "On", "the slot is not declared in this choreography; use Graph.Component")
	case backend.bad:
	case backend.rec.Role != "backend":
		g.s.st.fail(caller(), "On", "slot %q holds a %s; tensor ops run on a backend", backend.rec.Name,
			backend.rec.Role)
	default:
		v.backend = backend
	}
	return &v
}

// nameMax bounds a name that an author gives, in bytes: those of functions inside each other are put together.
const nameMax = 64

// goodName says whether s can be a name.
func goodName(s string) bool {
	return s != "" && len(s) <= nameMax &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// fresh returns a name for a node or function that no other has.
func (s *scope) fresh(base string) string {
	return s.st.fresh(s.path + base)
}

func (st *state) fresh(name string) string {
	full := name
	for i := 2; st.taken[full]; i++ {
		full = name + "." + itoa(i)
	}
	st.taken[full] = true
	return full
}

// Value is one value of a choreography: what an op gives, or an input of a function.
type Value struct {
	s     *scope
	name  string
	typ   types.Type
	place string // empty: everywhere
	line  string
	node  *onnx.NodeProto // that gives it; nil for an input of a function
	port  int
	bad   bool // the op was refused; the error is known
}

// Type returns what is known of the value so far.
func (v Value) Type() types.Type { return v.typ }

// Place returns where the value lives; the name is empty for a constant, which lives everywhere.
func (v Value) Place() Place { return Place{v.place} }

// Name returns the value's name in the model.
func (v Value) Name() string { return v.name }

// line adds the author's line to the metadata of a node.
func withLine(n *onnx.NodeProto, line string) *onnx.NodeProto {
	n.MetadataProps = onnx.SetMeta(n.MetadataProps, artifact.KeyLine, line)
	return n
}
