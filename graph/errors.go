package graph

import "github.com/rhizome-ml/rhizome/internal/artifact"

// The errors of an author.
type (
	// Error is something that an author did wrong.
	Error = artifact.Error
	// Errors are all that an author did wrong, in the order of recording.
	Errors = artifact.Errors
)

func (st *state) fail(line, op, format string, args ...any) {
	st.errs.Add(Error{Line: line, Op: op}, format, args...)
}
