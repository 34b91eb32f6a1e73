package artifact

import (
	"fmt"
	"strings"
)

// Error is something that is wrong with a choreography: the author's graph refuses it where it is recorded, or the
// compiler.
type Error struct {
	Line   string // folder/file.go:line of the author's source, where it is known
	Op     string // the op and its name, or the slot or function
	Reason string // what is wrong and what would be right
	Pass   string // of the compiler that found it; empty where the author's line was recorded
}

// Error names the line, the op, the reason and the pass.
func (e *Error) Error() string {
	text := e.Op + ": " + e.Reason
	if e.Line != "" {
		text = e.Line + ": " + text
	}
	if e.Pass != "" {
		text += " (" + e.Pass + ")"
	}
	return text
}

// Errors are all that is wrong with a choreography, as far as it was looked at, in the order in which it was found.
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

// ErrorsMax bounds how many errors are kept.
const ErrorsMax = 100

// Add keeps an error, unless there are a hundred already.
func (e *Errors) Add(one Error, format string, args ...any) {
	if len(*e) < ErrorsMax {
		one.Reason = fmt.Sprintf(format, args...)
		*e = append(*e, &one)
	}
}
