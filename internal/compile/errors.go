package compile

import "github.com/rhizome-ml/rhizome/internal/artifact"

// The errors of a compilation.
type (
	// Error says why a choreography cannot be compiled.
	Error = artifact.Error
	// Errors are all that one pass found.
	Errors = artifact.Errors
)

// fail keeps an error of the pass that is running.
func (u *unit) fail(op, line, format string, args ...any) {
	u.errs.Add(Error{Pass: u.pass, Op: op, Line: line}, format, args...)
}

func (u *unit) failAt(n *node, format string, args ...any) {
	u.fail(n.title(), n.line, format, args...)
}
