package graph

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// Component describes a component slot: what is bound to a name at one or more places.
type Component struct {
	Name    string  // unique; a sub-module's slots are called after it
	Role    string  // such as "model"; the package comment has all, and the built-in kinds of each
	Kind    string  // registered name of the implementation, such as "fedavg"
	Version int32   // registered version; 0 means the newest that is built in, or 1
	At      []Place // where it lives
	Config  any     // JSON as []byte, or what becomes JSON; part of the program's digest; nil is the empty object
	Deps    []*Slot // slots that it uses; they live wherever it lives

	// Methods are what Invoke may call on it, as the package that brings the component declares them. Slots of one role
	// and kind may all name them, if they name the same. The artifact has those that are invoked.
	Methods []Method
}

// Method declares a method of a component. Its outputs come with the call, or later where it is Deferred.
type Method struct {
	Name     string
	Doc      string // one sentence
	In, Out  []Port
	Deferred bool
}

// Port is one input or output of a method: what it is called, and of which type.
type Port = op.Port

// decl returns the method as a catalogue has it.
func (m Method) decl(domain string) op.Decl {
	return op.Decl{Domain: domain, Name: m.Name, Doc: m.Doc, In: m.In, Out: m.Out, Deferred: m.Deferred}
}

// Slot is a component slot of a choreography.
type Slot struct {
	rec artifact.Slot
	st  *state
	bad bool // the slot was refused; the error is known
}

// Name returns the slot's name in the program.
func (s *Slot) Name() string { return s.rec.Name }

func (s *Slot) places() []string {
	if s.rec.Places == nil {
		return []string{}
	}
	return s.rec.Places
}

// Component declares a slot. Two slots may have the same role and kind: they are known by name.
func (g *Graph) Component(c Component) *Slot {
	st, line := g.s.st, caller()
	s := &Slot{st: st, rec: artifact.Slot{
		Name: g.s.module + c.Name, Role: c.Role, Kind: c.Kind, Version: versionOf(c), Deps: []string{},
	}}
	refuse := func(format string, args ...any) *Slot {
		st.fail(line, "Component "+s.rec.Name, format, args...)
		s.bad = true
		return s
	}
	if !goodName(c.Name) || !goodName(c.Kind) {
		return refuse("name %q or kind %q is no name; want letters, digits, '.', '_' and '-'", c.Name, c.Kind)
	}
	if !op.IsRole(c.Role) {
		return refuse("role %q does not exist; want one of %q", c.Role, op.Roles())
	}
	for _, p := range c.At {
		if p.name == "" || slices.Contains(s.rec.Places, p.name) {
			return refuse("place %q is not declared or stands twice", p.name)
		}
		s.rec.Places = append(s.rec.Places, p.name)
	}
	slices.Sort(s.rec.Places)
	if len(s.rec.Places) == 0 {
		return refuse("lives nowhere; say At")
	}
	for _, other := range st.slots {
		if other.rec.Name == s.rec.Name {
			return refuse("a slot has that name already; slots are known by name")
		}
	}
	for _, d := range c.Deps {
		if d == nil || d.st != st {
			return refuse("a dependency is no slot of this choreography")
		}
		for _, p := range s.rec.Places {
			if !d.bad && !slices.Contains(d.rec.Places, p) {
				return refuse("lives at %q and uses %q, which lives at %q only", p, d.rec.Name, d.rec.Places)
			}
		}
		s.rec.Deps = append(s.rec.Deps, d.rec.Name)
	}
	config, err := encodeConfig(c.Config)
	if err != nil {
		return refuse("config: %v", err)
	}
	s.rec.Config = config
	if err := st.declare(op.Domain(c.Role, c.Kind), c.Methods); err != nil {
		return refuse("methods: %v", err)
	}
	st.slots = append(st.slots, s)
	return s
}

// versionOf returns the version that an author means.
func versionOf(c Component) int32 {
	if c.Version > 0 {
		return c.Version
	}
	return op.Newest(c.Role, c.Kind)
}

// declare adds methods to what the choreography may use.
func (st *state) declare(domain string, methods []Method) error {
	var more []op.Decl
	for _, m := range methods {
		d := m.decl(domain)
		switch have := st.catalogue.Lookup(domain, m.Name); {
		case have == nil:
			more = append(more, d)
		case !reflect.DeepEqual(have.In, d.In) || !reflect.DeepEqual(have.Out, d.Out) || have.Deferred != d.Deferred:
			return fmt.Errorf("%s is declared already for %s, and otherwise", m.Name, domain)
		}
	}
	if len(more) == 0 {
		return nil
	}
	next, err := st.catalogue.Extend(more...)
	if err == nil {
		st.catalogue = next
	}
	return err
}

func encodeConfig(v any) (json.RawMessage, error) {
	switch v := v.(type) {
	case nil:
		return json.RawMessage("{}"), nil
	case []byte:
		b, err := artifact.Canonical(v)
		return json.RawMessage(b), err
	}
	b, err := artifact.Encode(v)
	return json.RawMessage(b), err
}

// unknownOuts is how many outputs a method has that nobody declared: enough for the author's code to go on.
const unknownOuts = 16

// Invoke calls a method of a component and returns its outputs, as many as Component.Methods declares for the method.
func (g *Graph) Invoke(s *Slot, method string, in ...Value) []Value {
	u := use{line: caller(), in: in, slot: s}
	if s == nil || s.st != g.s.st {
		u.decl, u.outs = &op.Decl{Name: method}, unknownOuts
		g.s.st.fail(u.line, method, "the slot is not declared in this choreography; use Graph.Component")
		return u.refused(g)
	}
	domain := op.Domain(s.rec.Role, s.rec.Kind)
	u.decl = g.s.st.catalogue.Lookup(domain, method)
	if u.decl == nil {
		u.decl, u.outs = &op.Decl{Name: method}, unknownOuts
		g.s.st.fail(u.line, s.rec.Name+"."+method, "the catalogue has no such method in %q", domain)
		return u.refused(g)
	}
	u.outs = len(u.decl.Out)
	if s.bad {
		return u.refused(g)
	}
	s.uses(u.decl)
	u.attrs, _ = Attrs{"slot": s.rec.Name}.protos() // of types that are always sound
	if g.name == "" {
		named := *g
		named.name = baseOf(s.rec.Name) + "." + method
		return named.record(u)
	}
	return g.record(u)
}

// uses notes that a method is invoked.
func (s *Slot) uses(d *op.Decl) {
	at, there := slices.BinarySearchFunc(s.rec.Methods, d.Name,
		func(m artifact.Method, name string) int { return cmp.Compare(m.Name, name) })
	if !there {
		s.rec.Methods = slices.Insert(s.rec.Methods, at, artifact.MethodOf(d))
	}
}

// baseOf returns the last part of a slot's name.
func baseOf(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return name[i+1:]
		}
	}
	return name
}
