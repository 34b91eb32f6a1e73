package lower

import "fmt"

// Error says that a node cannot be written as primitive ones.
type Error struct {
	Node   string // the node's name, or its first output where it has none
	Op     string
	Domain string // empty is the standard one
	Reason string // what is wrong and what would be right
}

// Error names the node, its operator and the reason.
func (e *Error) Error() string {
	domain := e.Domain
	if domain != "" {
		domain += "."
	}
	return fmt.Sprintf("lower: node %q (%s%s): %s", e.Node, domain, e.Op, e.Reason)
}
