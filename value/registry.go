package value

import (
	"fmt"
	"slices"
	"strings"
)

// Codec encodes and decodes one registered type of value. Its encoding must be canonical: equal values, equal bytes.
type Codec struct {
	Append func(dst []byte, v Value) ([]byte, error)
	Decode func(b []byte, lim Limits) (Value, error)
}

// Registry knows the types of value that a node can encode and decode: the built-in ones and those that were
// registered. It is filled before it is used and read-only afterwards; reading is safe for concurrent use. A node has
// one of its own: a component kind that brings a type registers it in Kind.New, in Env.Values (package component).
type Registry struct {
	codecs map[TypeID]Codec
}

// NewRegistry returns a registry of the built-in types.
func NewRegistry() *Registry { return &Registry{codecs: map[TypeID]Codec{}} }

// Register adds a type. The id must be a dotted name, a slash and a version number ("acme.Sketch/2"), and new.
func (r *Registry) Register(id TypeID, c Codec) error {
	name, version, ok := strings.Cut(string(id), "/")
	if !ok || name == "" || version == "" || NameFault(string(id)) != "" || strings.Trim(version, "0123456789") != "" {
		return fmt.Errorf("value: type id %q: want a name, a slash and a version number, such as \"acme.Sketch/2\"", id)
	}
	if r.Known(id) {
		return fmt.Errorf("value: type id %q is registered already", id)
	}
	if c.Append == nil || c.Decode == nil {
		return fmt.Errorf("value: type id %q: a codec needs both Append and Decode", id)
	}
	r.codecs[id] = c
	return nil
}

// Known says whether values of the type can be encoded and decoded.
func (r *Registry) Known(id TypeID) bool {
	_, ok := r.codecs[id]
	return ok || slices.Contains(builtin, id)
}

// builtin are the ids of the built-in types.
var builtin = []TypeID{TypeTrigger, TypeBool, TypeInt, TypeFloat, TypeString, TypeBytes, TypePeer, TypeTensor, TypeList,
	TypeFailure, TypeLoan}

// Equal says whether two values have the same type and the same encoding.
func (r *Registry) Equal(a, b Value) bool {
	if a == nil || b == nil || a.Type() != b.Type() {
		return a == nil && b == nil
	}
	x, err1 := r.Append(nil, a)
	y, err2 := r.Append(nil, b)
	return err1 == nil && err2 == nil && slices.Equal(x, y)
}
