package gradient

import "fmt"

// UnsupportedError says that an operator between x and y has no rule, so that no gradient passes it.
type UnsupportedError struct {
	Node   string // the node's name, or its first output where it has none
	Op     string
	Domain string // empty is the standard one
}

// Error names the node and its operator.
func (e *UnsupportedError) Error() string {
	domain := e.Domain
	if domain == "" {
		domain = "ai.onnx"
	}
	return fmt.Sprintf("gradient: node %q: operator %s.%s has no gradient", e.Node, domain, e.Op)
}

// Error says that a graph cannot be differentiated as asked.
type Error struct {
	Where  string // the value or node
	Reason string // what is wrong and what would be right
}

// Error names the place and the reason.
func (e *Error) Error() string { return fmt.Sprintf("gradient: %q: %s", e.Where, e.Reason) }
