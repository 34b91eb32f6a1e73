package artifact

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
)

// Method is a method of a component as the program invokes it.
type Method struct {
	Name     string `json:"name"`
	In       []Port `json:"in"`
	Out      []Port `json:"out"`
	Deferred bool   `json:"deferred,omitempty"` // its outputs may come later
}

// Port is one input or output of a method; see op.Port.
type Port struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // as types.Type writes it
	Or       string `json:"or,omitempty"`
	Optional bool   `json:"optional,omitempty"`
	Variadic bool   `json:"variadic,omitempty"`
	AnyOf    bool   `json:"any,omitempty"`
	Least    int    `json:"least,omitempty"`
}

// MethodOf returns the method that a declaration declares.
func MethodOf(d *op.Decl) Method {
	return Method{Name: d.Name, In: portsOf(d.In), Out: portsOf(d.Out), Deferred: d.Deferred}
}

func portsOf(list []op.Port) []Port {
	out := make([]Port, len(list))
	for i, p := range list {
		out[i] = Port{Name: p.Name, Type: p.Type.String(), Optional: p.Optional, Variadic: p.Variadic, AnyOf: p.AnyOf,
			Least: p.Least}
		if p.Or.ID != "" {
			out[i].Or = p.Or.String()
		}
	}
	return out
}

// Decl returns the declaration of a method in the domain of its component. The record may come from anywhere; what is
// no sound declaration is refused.
func (m *Method) Decl(domain string) (op.Decl, error) {
	d := op.Decl{Domain: domain, Name: m.Name, Deferred: m.Deferred}
	if m.Name == "" || len(m.Name) > op.TextMax {
		return d, fmt.Errorf("a method has a name of %d bytes; want 1 to %d", len(m.Name), op.TextMax)
	}
	for _, side := range []struct {
		from []Port
		to   *[]op.Port
	}{{m.In, &d.In}, {m.Out, &d.Out}} {
		ports, err := declared(side.from)
		if err == nil {
			err = op.CheckPorts(ports)
		}
		if err != nil {
			return d, fmt.Errorf("method %q: %w", m.Name, err)
		}
		*side.to = ports
	}
	return d, nil
}

func declared(list []Port) ([]op.Port, error) {
	out := make([]op.Port, len(list))
	for i, p := range list {
		out[i] = op.Port{Name: p.Name, Optional: p.Optional, Variadic: p.Variadic, AnyOf: p.AnyOf, Least: p.Least}
		var err error
		if out[i].Type, err = types.Parse(p.Type); err == nil && p.Or != "" {
			out[i].Or, err = types.Parse(p.Or)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
