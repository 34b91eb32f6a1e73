package op

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

type key struct{ domain, name string }

// Catalogue is a set of declarations. It is immutable and safe for concurrent use.
type Catalogue struct {
	byKey map[key]*Decl
	all   []*Decl
}

// standard is the catalogue that this package declares.
var standard = build()

func build() *Catalogue {
	c := &Catalogue{byKey: map[key]*Decl{}}
	for _, family := range []struct {
		domain string
		decls  []Decl
	}{
		{Flow, flowOps}, {Flow, frameOps}, {Flow, hostOps}, {Flow, openerOps}, {Wire, wireOps}, {PeerDomain, peerOps},
		{"", roleOps}, {Training, trainingOps},
	} {
		for _, d := range family.decls {
			if family.domain != "" {
				d.Domain = family.domain
			}
			c.add(d)
		}
	}
	c.sort()
	return c
}

// add fills what a declaration leaves open and files it. Whatever is wrong with one of the standard declarations is
// found by this package's tests.
func (c *Catalogue) add(d Decl) {
	d.Version = Version
	if d.Place == 0 {
		d.Place = AtInputs
	}
	if d.Rule.Name == "" {
		d.Rule = asPorts
	}
	c.byKey[key{d.Domain, d.Name}] = &d
	c.all = append(c.all, &d)
}

func (c *Catalogue) sort() {
	slices.SortFunc(c.all, func(a, b *Decl) int {
		return cmp.Or(strings.Compare(a.Domain, b.Domain), strings.Compare(a.Name, b.Name))
	})
}

// Standard returns the catalogue that every program may use.
func Standard() *Catalogue { return standard }

// Extend returns a catalogue that has, besides those of c, the methods of more components. Each must stand in the
// domain of a role and be new.
func (c *Catalogue) Extend(methods ...Decl) (*Catalogue, error) {
	next := &Catalogue{byKey: map[key]*Decl{}, all: slices.Clone(c.all)}
	for _, d := range c.all {
		next.byKey[key{d.Domain, d.Name}] = d
	}
	for _, d := range methods {
		for _, side := range [][]Port{d.In, d.Out} {
			if err := CheckPorts(side); err != nil {
				return nil, fmt.Errorf("op: %s %s: %w", d.Domain, d.Name, err)
			}
		}
		if !strings.HasPrefix(d.Domain, RoleDomain) || d.Name == "" {
			return nil, fmt.Errorf("op: %s %q: want a name in a domain %s<role>", d.Domain, d.Name, RoleDomain)
		}
		if next.Lookup(d.Domain, d.Name) != nil {
			return nil, fmt.Errorf("op: %s %s is declared already", d.Domain, d.Name)
		}
		if d.Attr(slot.Name) == nil {
			d.Attrs = append(slices.Clone(d.Attrs), slot)
		}
		d.Place, d.Nature = AtSlot, Stateful
		next.add(d)
	}
	next.sort()
	return next, nil
}

// Lookup returns the declaration of an op, or nil.
func (c *Catalogue) Lookup(domain, name string) *Decl { return c.byKey[key{domain, name}] }

// All returns all declarations, sorted by domain and name; the caller must not change the slice.
func (c *Catalogue) All() []*Decl { return c.all }

// Lookup returns the standard declaration of an op, or nil.
func Lookup(domain, name string) *Decl { return standard.Lookup(domain, name) }

// All returns the standard declarations, sorted by domain and name; the caller must not change the slice.
func All() []*Decl { return standard.All() }

// Domain returns the domain of the methods of a component of that role and kind.
func Domain(role, kind string) string {
	if role == "protocol" {
		return RoleDomain + role + "." + kind
	}
	return RoleDomain + role
}

// phases are those of the lifecycle that a host may fire.
var phases = []string{"shutdown", "snapshot"}

// Phases returns the phases of the lifecycle, sorted.
func Phases() []string { return slices.Clone(phases) }

// roles are the roles that a component can play.
var roles = []string{"backend", "model", "aggregator", "codec", "data", "selector", "index", "protocol"}

// Roles returns the roles that a component can play.
func Roles() []string { return slices.Clone(roles) }

// newest are the built-in components of which there is more than one version, each with its newest.
var newest = map[[2]string]int32{{"backend", "cpu"}: 2}

// Newest returns the version of a component that a program means where it names none: the newest that is built in, or
// 1.
func Newest(role, kind string) int32 { return max(newest[[2]string{role, kind}], 1) }

// IsRole says whether a component can play the role.
func IsRole(name string) bool { return slices.Contains(roles, name) }
