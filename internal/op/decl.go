package op

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/value"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/types"
)

// The domains of the catalogue. Methods of components stand in the domain of their role, RoleDomain + role, and those
// of protocols, which each have methods of their own, in the domain of their kind, RoleDomain + "protocol." + kind.
const (
	Flow       = "rhizome.flow"
	Wire       = "rhizome.wire"
	PeerDomain = "rhizome.peer"
	RoleDomain = "rhizome.role."
	Training   = "ai.onnx.preview.training"
)

// Version is the version of the project's own domains in an opset import.
const Version = 1

// Nature says what an op may touch.
type Nature uint8

// The natures of ops.
const (
	// its outputs depend on its inputs and attributes alone: it may be cloned, and dropped when nobody reads it
	Pure     Nature = iota + 1
	Stateful        // it reads or changes what lives on the node, or has an effect
	Opener          // it starts an activation each time that something happens
)

// String names the nature as the documentation does.
func (n Nature) String() string {
	return [...]string{"?", "pure", "stateful", "opener"}[n]
}

// PlaceRule says where an op runs and where its outputs live.
type PlaceRule uint8

// The place rules.
const (
	AtInputs PlaceRule = iota + 1 // where its inputs live, which is one place
	AtPlace                       // at the place of its attribute "place"
	AtSlot                        // where its inputs live; its component lives there too
	Crosses                       // where its inputs live; all outputs but the first live at another place
)

// String names the rule as the documentation does.
func (p PlaceRule) String() string {
	return [...]string{"?", "at its inputs", "at its place", "at its component", "crosses"}[p]
}

// Port is one formal input or output of an op. Ports are known by these names, never by the name of a value.
type Port struct {
	Name     string
	Type     types.Type
	Or       types.Type // a second type that is taken; Any when there is none
	Optional bool       // may be left unconnected; only after all required ports, and never beside a variadic one
	Variadic bool       // any number of values; at most one port of a side
	AnyOf    bool       // the op does not wait for all of this port
	Least    int        // of a variadic port: how many values at least
}

// AttrKind is the type of an attribute.
type AttrKind uint8

// The types of attributes.
const (
	KindInt     AttrKind = iota + 1
	KindNs               // a time span in nanoseconds
	KindFlag             // 0 or 1
	KindText             // a string that is not empty
	KindTexts            // strings
	KindTensor           // a tensor
	KindGraph            // a body
	KindLiteral          // any value: as "value" when it is a tensor, else as "type" and "data"
)

// String names the kind as the documentation does.
func (k AttrKind) String() string {
	return [...]string{"?", "int", "ns", "flag", "text", "texts", "tensor", "body", "value"}[k]
}

// proto is the ONNX type that carries the kind.
func (k AttrKind) proto() onnx.AttributeProto_AttributeType {
	switch k {
	case KindText:
		return onnx.AttributeProto_STRING
	case KindTexts:
		return onnx.AttributeProto_STRINGS
	case KindTensor:
		return onnx.AttributeProto_TENSOR
	case KindGraph:
		return onnx.AttributeProto_GRAPH
	}
	return onnx.AttributeProto_INT
}

// Attr is one attribute of an op.
type Attr struct {
	Name     string
	Kind     AttrKind
	Required bool
	Default  any   // int64 or string where it is not required and absence means this value; else nil
	Least    int64 // of KindInt and KindNs: the least value
	Scoped   bool  // names something of the node: a sub-module's is apart from another's
	Doc      string
}

// Decl declares one op.
type Decl struct {
	Domain, Name string
	Version      int64
	Doc          string // one sentence
	In, Out      []Port
	Attrs        []Attr // besides the common ones
	Rule         Rule   // how output types follow from input types
	Place        PlaceRule
	Nature       Nature
	Deferred     bool // may answer later; else at once
	Internal     bool // written by the compiler, refused in an author's model
}

// common are the attributes that every op of the catalogue may have.
var common = []Attr{
	{Name: "place", Kind: KindText, Doc: "where the op runs; needed where no input says it"},
	{Name: "types", Kind: KindTexts, Doc: "what is known of the outputs beyond the type rule, one type each"},
	{Name: "attempts", Kind: KindInt, Default: int64(1), Least: 1,
		Doc: "how often the op is tried in all when it fails"},
	{Name: "backoff", Kind: KindNs, Default: int64(0), Doc: "time before the second attempt; it doubles with each"},
}

// Attr returns the declaration of an attribute, a common one or the op's own, or nil.
func (d *Decl) Attr(name string) *Attr {
	for _, list := range [][]Attr{d.Attrs, common} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// InPort returns the port of input i of n, or nil where there is none.
func (d *Decl) InPort(i, n int) *Port { return port(d.In, i, n) }

// OutPort returns the port of output i of n, or nil where there is none.
func (d *Decl) OutPort(i, n int) *Port { return port(d.Out, i, n) }

// OutPortStart returns the index of the first output of the variadic port, or 0 where there is none.
func (d *Decl) OutPortStart() int { return max(variadic(d.Out), 0) }

// port finds the port of value i of n: those before the variadic port count from the start, those behind it from the
// end.
func port(ports []Port, i, n int) *Port { return portOf(ports, variadic(ports), i, n) }

// Spread returns the port of each of n values, nil where there is none.
func Spread(ports []Port, n int) []*Port {
	out, v := make([]*Port, n), variadic(ports)
	for i := range out {
		out[i] = portOf(ports, v, i, n)
	}
	return out
}

// portOf is port with the index of the variadic port.
func portOf(ports []Port, v, i, n int) *Port {
	behind := len(ports) - v - 1
	switch {
	case i < 0 || i >= n:
		return nil
	case v < 0 || i < v:
		if i < len(ports) {
			return &ports[i]
		}
		return nil
	case i >= n-behind:
		return &ports[len(ports)-(n-i)]
	}
	return &ports[v]
}

// CheckPorts refuses ports that a node cannot be matched with: without a name, more than one that is variadic, and
// optional ones before a required one or beside a variadic one.
func CheckPorts(ports []Port) error {
	if len(ports) > PortsMax {
		return fmt.Errorf("has %d ports on one side; want at most %d", len(ports), PortsMax)
	}
	variadic, optional := false, false
	for i := range ports {
		p := &ports[i]
		switch {
		case p.Name == "" || len(p.Name) > TextMax:
			return fmt.Errorf("port %d has a name of %d bytes; want 1 to %d", i, len(p.Name), TextMax)
		case p.Least < 0 || p.Least > PortsMax || p.Least > 0 && !p.Variadic:
			return fmt.Errorf("port %q wants at least %d values; want 0 to %d, and of a variadic port only",
				value.CleanText(p.Name, 80), p.Least, PortsMax)
		case p.Variadic && (variadic || optional || p.Optional):
			return fmt.Errorf("port %q is variadic beside another one or an optional one", value.CleanText(p.Name, 80))
		case p.Optional && variadic || optional && !p.Optional:
			return fmt.Errorf("port %q: optional ports stand last, and not beside a variadic one",
				value.CleanText(p.Name, 80))
		}
		variadic, optional = variadic || p.Variadic, optional || p.Optional
	}
	return nil
}

func variadic(ports []Port) int {
	for i := range ports {
		if ports[i].Variadic {
			return i
		}
	}
	return -1
}

// CheckCounts refuses a wrong number of inputs or outputs.
func (d *Decl) CheckCounts(in, out int) error {
	if err := checkCount(d.In, in, "input"); err != nil {
		return err
	}
	return checkCount(d.Out, out, "output")
}

// PortsMax bounds the inputs and the outputs of one op.
const PortsMax = 4096

func checkCount(ports []Port, n int, what string) error {
	least, most := 0, len(ports)
	for i := range ports {
		switch {
		case ports[i].Variadic:
			least += ports[i].Least
			most = PortsMax
		case !ports[i].Optional:
			least++
		}
	}
	if n >= least && n <= most {
		return nil
	}
	want := fmt.Sprint(least)
	if most == PortsMax {
		want = fmt.Sprintf("at least %d", least)
	} else if most > least {
		want = fmt.Sprintf("%d to %d", least, most)
	}
	return fmt.Errorf("has %d %ss; want %s (%s)", n, what, want, portNames(ports))
}

func portNames(ports []Port) string {
	s := ""
	for i := range ports {
		if i > 0 {
			s += ", "
		}
		s += ports[i].Name
		if ports[i].Variadic {
			s += "…"
		}
	}
	if s == "" {
		return "none"
	}
	return s
}
