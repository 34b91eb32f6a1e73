package backend

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// UnsupportedError says that an operator, its version, or an element type for it is not one that this backend runs. It
// comes from compiling, or from the first run where the types of inputs were open until then.
type UnsupportedError = onnxop.UnsupportedError

// RuleError says that a node breaks a rule of its operator.
type RuleError = onnxop.RuleError

// GraphError says that a graph is not well formed.
type GraphError struct {
	Graph  string // its name
	Reason string // what is wrong, where, and what would be right
}

// Error names the graph and the reason.
func (e *GraphError) Error() string { return fmt.Sprintf("backend: graph %q: %s", e.Graph, e.Reason) }

// InputError says that a run was given an input that the plan cannot take.
type InputError struct {
	Index  int
	Name   string
	Reason string // what was given and what would be right
}

// Error names the input and the reason.
func (e *InputError) Error() string {
	return fmt.Sprintf("backend: input %d (%q): %s", e.Index, e.Name, e.Reason)
}

// SpentError says that a run was given an output to overwrite that it cannot take.
type SpentError struct {
	Index  int // of the output
	Reason string
}

// Error names the output and the reason.
func (e *SpentError) Error() string {
	return fmt.Sprintf("backend: output %d that was given up: %s", e.Index, e.Reason)
}

// RunError says that a node met values that it cannot work on, such as an index outside of its tensor.
type RunError struct {
	Node string // the node's name, or its first output where it has none
	Op   string
	Err  error // *kernel.IndexError, *kernel.LabelError or ErrDivision
}

// Error names the node, its operator and the cause.
func (e *RunError) Error() string {
	return fmt.Sprintf("backend: node %q (%s): %v", e.Node, e.Op, e.Err)
}

// Unwrap returns the cause.
func (e *RunError) Unwrap() error { return e.Err }

// LimitError says that a graph needs more than it may have.
type LimitError struct {
	What string // "bytes of a run" or "elements of an input that decides a shape"
	Got  int
	Max  int
}

// Error names the limit and both figures.
func (e *LimitError) Error() string {
	return fmt.Sprintf("backend: %d %s; want at most %d", e.Got, e.What, e.Max)
}
