package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/strictyaml"
	"github.com/rhizome-ml/rhizome/value"
)

// ConfigError says that one setting of a job is not possible.
type ConfigError struct {
	Key   string // as in a job file; flags have the same names
	Value string
	Want  string
}

// Error names the setting and what would be right.
func (e *ConfigError) Error() string { return fmt.Sprintf("%s is %s; want %s", e.Key, e.Value, e.Want) }

// StateError says that a directory cannot be used for the run that was asked for. Nothing in it was changed.
type StateError struct {
	Dir    string
	Reason string // what is there, what is wrong, and what would help
}

// Error names the directory and the reason.
func (e *StateError) Error() string { return e.Dir + " " + e.Reason }

// NodeError says which node of a run could not go on.
type NodeError struct {
	Node string
	Err  error
}

// Error names the node.
func (e *NodeError) Error() string { return e.Node + ": " + e.Err.Error() }

// Unwrap returns what happened to it.
func (e *NodeError) Unwrap() error { return e.Err }

// FailureError says that a part of the program failed, and the run cannot come to its end without it.
type FailureError struct{ Failure *value.Failure }

// Error says what failed.
func (e *FailureError) Error() string {
	return "the program failed and cannot go on: " + e.Failure.Error()
}

// harmless are the failures that restarts bring about: what they refuse was done before, or belongs to a round that is
// over.
var harmless = []string{value.CodeDuplicate, value.CodeLate, value.CodeStranger, value.CodeSend, value.CodeCancelled,
	value.CodeDeadline,
	aggregator.CodeDiverged} // what a client could not answer, the server hears of and decides about

// Harmless says whether the value of an engine's FailureEvent is no more than what restarts bring about. With a failure
// of another kind, a round that waits for its whole cohort would wait for ever.
func Harmless(v value.Value) (*value.Failure, bool) {
	f := value.Failed(v)
	return f, f == nil || slices.Contains(harmless, f.Code)
}

// ErrInterrupted says that a run was asked to stop and did so cleanly: the same run goes on later.
var ErrInterrupted = errors.New("job: interrupted")

// UnknownError says that there is neither a built-in job nor a job file of a name.
type UnknownError struct {
	Job   string
	Known []string // built in
}

// Error lists the jobs that exist.
func (e *UnknownError) Error() string {
	near := ""
	if like := strictyaml.Closest(e.Job, e.Known); like != "" {
		near = "; did you mean " + like + "?"
	}
	return fmt.Sprintf("unknown job %q: want a job file such as mine.yaml, or one that is built in: %s%s",
		strictyaml.Shorten(e.Job, strictyaml.KeyMax), strings.Join(e.Known, ", "), near)
}
