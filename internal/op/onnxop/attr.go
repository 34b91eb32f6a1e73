package onnxop

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// Kind is the type of an attribute, numbered as in ONNX.
type Kind = onnx.AttributeProto_AttributeType

// Attr is one attribute that an operator may have.
type Attr struct {
	Name     string
	Kind     Kind
	Default  any // int64, float32 or string; nil where absence has a meaning of its own
	Required bool
}

func intAttr(name string, def int64) Attr {
	return Attr{Name: name, Kind: onnx.AttributeProto_INT, Default: def}
}

func floatAttr(name string, def float32) Attr {
	return Attr{Name: name, Kind: onnx.AttributeProto_FLOAT, Default: def}
}

func stringAttr(name, def string) Attr {
	return Attr{Name: name, Kind: onnx.AttributeProto_STRING, Default: def}
}

func optional(name string, kind Kind) Attr { return Attr{Name: name, Kind: kind} }

func required(name string, kind Kind) Attr { return Attr{Name: name, Kind: kind, Required: true} }

// attr returns the operator's attribute of that name, or nil.
func (op *Op) attr(name string) *Attr {
	for i := range op.Attrs {
		if op.Attrs[i].Name == name {
			return &op.Attrs[i]
		}
	}
	return nil
}

// checkAttrs refuses attributes that the operator does not have, that have another type, that stand twice or that refer
// to a function's attribute, and asks for those that it must have.
func (c *call) checkAttrs() error {
	seen := map[string]bool{}
	for _, a := range c.node.GetAttribute() {
		d := c.op.attr(a.GetName())
		switch {
		case d == nil:
			return c.fail("attribute %q is unknown", a.GetName())
		case seen[a.GetName()]:
			return c.fail("attribute %q stands twice", a.GetName())
		case a.GetRefAttrName() != "":
			return c.fail("attribute %q refers to %q of a function; want it replaced by its value", a.GetName(),
				a.GetRefAttrName())
		case a.GetType() != d.Kind:
			return c.fail("attribute %q is of type %v; want %v", a.GetName(), a.GetType(), d.Kind)
		}
		seen[a.GetName()] = true
	}
	for _, d := range c.op.Attrs {
		if d.Required && !seen[d.Name] {
			return c.fail("attribute %q is required", d.Name)
		}
	}
	return nil
}

// Int returns an integer attribute of the node, or the operator's default, or 0.
func Int(n *onnx.NodeProto, name string) int64 {
	if v, ok := onnx.GetInt(n, name); ok {
		return v
	}
	v, _ := defaultOf(n, name).(int64)
	return v
}

// Float returns a float attribute of the node, or the operator's default, or 0.
func Float(n *onnx.NodeProto, name string) float32 {
	if v, ok := onnx.GetFloat(n, name); ok {
		return v
	}
	v, _ := defaultOf(n, name).(float32)
	return v
}

// String returns a string attribute of the node, or the operator's default, or "".
func String(n *onnx.NodeProto, name string) string {
	if v, ok := onnx.GetString(n, name); ok {
		return v
	}
	v, _ := defaultOf(n, name).(string)
	return v
}

func defaultOf(n *onnx.NodeProto, name string) any {
	if op := Lookup(n.GetDomain(), n.GetOpType()); op != nil {
		if a := op.attr(name); a != nil {
			return a.Default
		}
	}
	return nil
}

func (c *call) int(name string) int64     { return Int(c.node, name) }
func (c *call) string(name string) string { return String(c.node, name) }
