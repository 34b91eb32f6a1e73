package onnx

// typed returns the node's attribute of that name if it has type t and holds a
// value of its own, not a reference to a function's attribute.
func typed(n *NodeProto, name string, t AttributeProto_AttributeType) *AttributeProto {
	a := FindAttr(n, name)
	if a == nil || a.GetType() != t || a.GetRefAttrName() != "" {
		return nil
	}
	return a
}

// GetInt returns an INT attribute of the node, and whether it is there with
// that type.
func GetInt(n *NodeProto, name string) (int64, bool) {
	a := typed(n, name, AttributeProto_INT)
	return a.GetI(), a != nil
}

// GetFloat returns a FLOAT attribute of the node, and whether it is there with
// that type.
func GetFloat(n *NodeProto, name string) (float32, bool) {
	a := typed(n, name, AttributeProto_FLOAT)
	return a.GetF(), a != nil
}

// GetString returns a STRING attribute of the node, and whether it is there
// with that type.
func GetString(n *NodeProto, name string) (string, bool) {
	a := typed(n, name, AttributeProto_STRING)
	return string(a.GetS()), a != nil
}

// GetInts returns an INTS attribute of the node, shared with it, and whether
// it is there with that type.
func GetInts(n *NodeProto, name string) ([]int64, bool) {
	a := typed(n, name, AttributeProto_INTS)
	return a.GetInts(), a != nil
}

// GetFloats returns a FLOATS attribute of the node, shared with it, and
// whether it is there with that type.
func GetFloats(n *NodeProto, name string) ([]float32, bool) {
	a := typed(n, name, AttributeProto_FLOATS)
	return a.GetFloats(), a != nil
}

// GetStrings returns a copy of a STRINGS attribute of the node, and whether it
// is there with that type.
func GetStrings(n *NodeProto, name string) ([]string, bool) {
	a := typed(n, name, AttributeProto_STRINGS)
	if a == nil {
		return nil, false
	}
	v := make([]string, len(a.GetStrings()))
	for i, s := range a.GetStrings() {
		v[i] = string(s)
	}
	return v, true
}

// GetTensor returns a TENSOR attribute of the node, shared with it, and
// whether it is there with that type and not empty.
func GetTensor(n *NodeProto, name string) (*TensorProto, bool) {
	t := typed(n, name, AttributeProto_TENSOR).GetT()
	return t, t != nil
}

// GetGraph returns a GRAPH attribute of the node, shared with it, and whether
// it is there with that type and not empty.
func GetGraph(n *NodeProto, name string) (*GraphProto, bool) {
	g := typed(n, name, AttributeProto_GRAPH).GetG()
	return g, g != nil
}
