package onnx

// AttrInt returns an INT attribute.
func AttrInt(name string, v int64) *AttributeProto {
	return &AttributeProto{Name: name, Type: AttributeProto_INT, I: &v}
}

// AttrFloat returns a FLOAT attribute.
func AttrFloat(name string, v float32) *AttributeProto {
	return &AttributeProto{Name: name, Type: AttributeProto_FLOAT, F: &v}
}

// AttrString returns a STRING attribute; v should be UTF-8.
func AttrString(name, v string) *AttributeProto {
	// A nil slice would mean that the field is absent.
	return &AttributeProto{Name: name, Type: AttributeProto_STRING, S: append([]byte{}, v...)}
}

// AttrInts returns an INTS attribute that keeps v.
func AttrInts(name string, v ...int64) *AttributeProto {
	return &AttributeProto{Name: name, Type: AttributeProto_INTS, Ints: v}
}

// AttrFloats returns a FLOATS attribute that keeps v.
func AttrFloats(name string, v ...float32) *AttributeProto {
	return &AttributeProto{Name: name, Type: AttributeProto_FLOATS, Floats: v}
}

// AttrStrings returns a STRINGS attribute; each entry should be UTF-8.
func AttrStrings(name string, v ...string) *AttributeProto {
	s := make([][]byte, len(v))
	for i := range v {
		s[i] = []byte(v[i])
	}
	return &AttributeProto{Name: name, Type: AttributeProto_STRINGS, Strings: s}
}

// AttrTensor returns a TENSOR attribute that keeps v.
func AttrTensor(name string, v *TensorProto) *AttributeProto {
	return &AttributeProto{Name: name, Type: AttributeProto_TENSOR, T: v}
}

// AttrGraph returns a GRAPH attribute that keeps v.
func AttrGraph(name string, v *GraphProto) *AttributeProto {
	return &AttributeProto{Name: name, Type: AttributeProto_GRAPH, G: v}
}

// AttrRef returns an attribute of type t inside a function that takes its
// value from the function's attribute ref.
func AttrRef(name string, t AttributeProto_AttributeType, ref string) *AttributeProto {
	return &AttributeProto{Name: name, Type: t, RefAttrName: ref}
}

// FindAttr returns the node's first attribute of that name, or nil.
func FindAttr(n *NodeProto, name string) *AttributeProto {
	for _, a := range n.GetAttribute() {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// SetAttr gives the node attribute a in place of all of its name, at the place
// of the first of them or else at the end.
func SetAttr(n *NodeProto, a *AttributeProto) {
	kept, done := n.Attribute[:0], false
	for _, old := range n.Attribute {
		if old.GetName() != a.GetName() {
			kept = append(kept, old)
		} else if !done {
			kept, done = append(kept, a), true
		}
	}
	if !done {
		kept = append(kept, a)
	}
	n.Attribute = kept
}
