package onnxop

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/tensor"
)

// UnsupportedError says that an operator, or an operator at a version or on a type, is not one that the project runs.
type UnsupportedError struct {
	Op      string       // the operator's name
	Domain  string       // its domain; empty is the standard one
	Version int64        // the version of the operator set; 0 when it was not asked about
	DType   tensor.DType // the element type at fault; 0 when it is not about a type
}

// Error says which operator is meant and what about it is not supported.
func (e *UnsupportedError) Error() string {
	domain := e.Domain
	if domain == "" {
		domain = "ai.onnx"
	}
	switch {
	case e.DType != 0:
		return fmt.Sprintf("onnxop: %s.%s is not supported on element type %v", domain, e.Op, e.DType)
	case e.Version != 0:
		return fmt.Sprintf("onnxop: %s.%s is not supported at version %d of its operator set", domain, e.Op, e.Version)
	}
	return fmt.Sprintf("onnxop: %s.%s is not a supported operator", domain, e.Op)
}

// RuleError says that a node breaks a rule of its operator: a wrong count of inputs, an unknown attribute, shapes that
// do not fit.
type RuleError struct {
	Node   string // the node's name, or its first output where it has none
	Op     string
	Reason string // what is wrong and what would be right
}

// Error names the node, its operator and the reason.
func (e *RuleError) Error() string {
	return fmt.Sprintf("onnxop: node %q (%s): %s", e.Node, e.Op, e.Reason)
}
