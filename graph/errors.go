package graph

import (
	"fmt"
	"strings"
)

// Error is something that an author did wrong.
type Error struct {
	Line   string // folder/file.go:line of the source that recorded the op
	Op     string // the op and its name
	Reason string // what is wrong and what would be right
}

// Error names the line, the op and the reason.
func (e *Error) Error() string { return e.Line + ": " + e.Op + ": " + e.Reason }

// Errors are all that an author did wrong, in the order of recording.
type Errors []*Error

// Error lists one error per line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single errors to errors.As.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i := range e {
		list[i] = e[i]
	}
	return list
}

// errorsMax bounds how many errors are kept.
const errorsMax = 100

func (st *state) fail(line, op, format string, args ...any) {
	if len(st.errs) < errorsMax {
		st.errs = append(st.errs, &Error{Line: line, Op: op, Reason: fmt.Sprintf(format, args...)})
	}
}
