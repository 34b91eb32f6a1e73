package op

import (
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/value"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// CheckAttrs refuses a node whose attributes are not those that d declares: unknown, twice, of a wrong type, out of
// range, or required and absent.
func (d *Decl) CheckAttrs(n *onnx.NodeProto) error {
	seen := map[string]bool{}
	for _, a := range n.GetAttribute() {
		name := a.GetName()
		decl := d.Attr(name)
		if decl == nil && d.literal() && (name == "type" || name == "data") {
			continue
		}
		if decl == nil {
			return fmt.Errorf("attribute %q is unknown; %s has %s", value.CleanText(name, 80), d.Name, d.attrNames())
		}
		if seen[name] {
			return fmt.Errorf("attribute %q stands twice", name)
		}
		seen[name] = true
		if err := decl.check(a); err != nil {
			return fmt.Errorf("attribute %q %w", name, err)
		}
	}
	for i := range d.Attrs {
		a := &d.Attrs[i]
		if a.Required && !seen[a.Name] && a.Kind != KindLiteral {
			return fmt.Errorf("attribute %q is required: %s", a.Name, a.Doc)
		}
	}
	return nil
}

func (d *Decl) literal() bool {
	return len(d.Attrs) == 1 && d.Attrs[0].Kind == KindLiteral
}

func (a *Attr) check(p *onnx.AttributeProto) error {
	if a.Kind == KindLiteral {
		if p.GetType() != onnx.AttributeProto_TENSOR {
			return fmt.Errorf("is of type %v; want a tensor", p.GetType())
		}
		return nil
	}
	if p.GetRefAttrName() != "" {
		return fmt.Errorf("refers to an attribute of a function; want a value")
	}
	if p.GetType() != a.Kind.proto() {
		return fmt.Errorf("is of type %v; want %v", p.GetType(), a.Kind.proto())
	}
	switch a.Kind {
	case KindInt, KindNs:
		if p.GetI() < a.Least {
			return fmt.Errorf("is %d; want at least %d", p.GetI(), a.Least)
		}
	case KindFlag:
		if p.GetI() != 0 && p.GetI() != 1 {
			return fmt.Errorf("is %d; want 0 or 1", p.GetI())
		}
	case KindText:
		if len(p.GetS()) == 0 || len(p.GetS()) > TextMax {
			return fmt.Errorf("has %d bytes; want 1 to %d", len(p.GetS()), TextMax)
		}
	case KindGraph:
		if p.GetG() == nil {
			return fmt.Errorf("is empty; want a graph")
		}
	}
	return nil
}

// The bounds of names in a program, in bytes.
const (
	TextMax = 1024        // of what an attribute or a table says
	NameMax = 2 * TextMax // of a node or a value
)

func (d *Decl) attrNames() string {
	var names []string
	for _, list := range [][]Attr{d.Attrs, common} {
		for i := range list {
			names = append(names, list[i].Name)
		}
	}
	return strings.Join(names, ", ")
}

// Int returns an integer attribute of the node, or its default, or 0.
func (d *Decl) Int(n *onnx.NodeProto, name string) int64 {
	if v, ok := onnx.GetInt(n, name); ok {
		return v
	}
	if a := d.Attr(name); a != nil {
		v, _ := a.Default.(int64)
		return v
	}
	return 0
}

// Text returns a string attribute of the node, or its default, or "".
func (d *Decl) Text(n *onnx.NodeProto, name string) string {
	if v, ok := onnx.GetString(n, name); ok {
		return v
	}
	if a := d.Attr(name); a != nil {
		v, _ := a.Default.(string)
		return v
	}
	return ""
}
