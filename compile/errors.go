package compile

import (
	"fmt"
	"strings"
)

// Error says why a choreography cannot be compiled.
type Error struct {
	Pass   string // that found it
	Op     string // the op and its name, or the slot or function
	Line   string // file:line of the author's source, where it is known
	Reason string // what is wrong and what would be right
}

// Error names the line, the op, the reason and the pass.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s (%s)", e.Op, e.Reason, e.Pass)
	if e.Line != "" {
		text = e.Line + ": " + text
	}
	return text
}

// Errors are all that one pass found.
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

// errorsMax bounds how many errors of one pass are kept.
const errorsMax = 100

// fail keeps an error of the pass that is running.
func (u *unit) fail(op, line, format string, args ...any) {
	if len(u.errs) < errorsMax {
		u.errs = append(u.errs, &Error{Pass: u.pass, Op: op, Line: line, Reason: fmt.Sprintf(format, args...)})
	}
}

func (u *unit) failAt(n *node, format string, args ...any) {
	u.fail(n.title(), n.line, format, args...)
}
