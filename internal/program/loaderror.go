package program

import "fmt"

// LoadError says why an artifact is refused.
type LoadError struct {
	Where  string // the function and op, or the table
	Reason string // what is wrong and what would be right
	Err    error  // the cause, where it has a type of its own
}

// Unwrap returns the cause.
func (e *LoadError) Unwrap() error { return e.Err }

// Error names the place and the reason.
func (e *LoadError) Error() string { return "program: " + e.Where + ": " + e.Reason }

func bad(where, format string, args ...any) error {
	return &LoadError{Where: where, Reason: fmt.Sprintf(format, args...)}
}
