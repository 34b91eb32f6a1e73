package importer

import (
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// Reason is one thing that stands in the way.
type Reason struct {
	Node   int    `json:"node"`           // the index of the node in the file's graph; -1 where it is about no node
	Op     string `json:"op,omitempty"`   // its operator, with the domain where that is not the standard one
	Name   string `json:"name,omitempty"` // of the node or the tensor
	Reason string `json:"reason"`         // what is wrong, and what would be right
}

// String names the place and the reason.
func (r Reason) String() string {
	switch {
	case r.Node >= 0 && r.Name != "":
		return fmt.Sprintf("node %d (%s %s): %s", r.Node, r.Op, quote(r.Name), r.Reason)
	case r.Node >= 0:
		return fmt.Sprintf("node %d (%s): %s", r.Node, r.Op, r.Reason)
	case r.Name != "":
		return fmt.Sprintf("%s: %s", quote(r.Name), r.Reason)
	}
	return r.Reason
}

// RefusedError says that a model cannot be trained, or cannot be run, with every reason.
type RefusedError struct {
	What    string // "trained" or "run"
	Reasons []Reason
}

// Error gives all reasons, one after the other.
func (e *RefusedError) Error() string {
	parts := make([]string, len(e.Reasons))
	for i, r := range e.Reasons {
		parts[i] = r.String()
	}
	return fmt.Sprintf("model: it cannot be %s: %s", e.What, strings.Join(parts, "; "))
}

// reasonsMax bounds the reasons that are kept, so that a hostile file does not make an endless text.
const reasonsMax = 256

// refusals collects reasons.
type refusals struct{ list []Reason }

func (r *refusals) add(node int, op, name, format string, args ...any) {
	if len(r.list) < reasonsMax {
		r.list = append(r.list, Reason{Node: node, Op: op, Name: short(name), Reason: fmt.Sprintf(format, args...)})
	}
}

// of adds a reason about a node.
func (r *refusals) of(i int, n *onnx.NodeProto, format string, args ...any) {
	r.add(i, opName(n), nodeName(n), format, args...)
}

// err returns the reasons as an error, or nil where there are none.
func (r *refusals) err(what string) error {
	if len(r.list) == 0 {
		return nil
	}
	return &RefusedError{What: what, Reasons: r.list}
}

// opName is a node's operator, with its domain where that is not the standard one.
func opName(n *onnx.NodeProto) string {
	if d := domain(n.GetDomain()); d != "" {
		return short(d + "." + n.GetOpType())
	}
	return short(n.GetOpType())
}

// nodeName is the node's name, or its first output where it has none.
func nodeName(n *onnx.NodeProto) string {
	if n.GetName() == "" && len(n.GetOutput()) > 0 {
		return n.GetOutput()[0]
	}
	return n.GetName()
}

// domain is the name of a domain with the standard one's two names as one.
func domain(d string) string {
	if d == "ai.onnx" {
		return ""
	}
	return d
}

// short cuts a text of a stranger to what a line can hold.
func short(s string) string {
	if len(s) > 120 {
		return s[:120] + "…"
	}
	return s
}

// quote makes a name from a file fit for an error: quoted and short.
func quote(s string) string { return fmt.Sprintf("%q", short(s)) }
