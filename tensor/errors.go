package tensor

import "fmt"

// ShapeError says that a shape is not one, or does not fit the data.
type ShapeError struct {
	Shape  []int  // the shape at fault; a copy
	Reason string // what is wrong and what would be right
}

// Error names the shape and the reason.
func (e *ShapeError) Error() string {
	return fmt.Sprintf("tensor: shape %v: %s", e.Shape, e.Reason)
}

// FormatError says that bytes or a message are not a TensorProto of a
// supported kind.
type FormatError struct {
	Offset int    // of the field at fault; -1 where it is not known
	Field  string // the field's name in the schema, "" for the message itself
	Reason string // what is wrong and what would be right
}

// Error names the field, the position and the reason.
func (e *FormatError) Error() string {
	where := "TensorProto"
	if e.Field != "" {
		where += "." + e.Field
	}
	if e.Offset < 0 {
		return fmt.Sprintf("tensor: %s: %s", where, e.Reason)
	}
	return fmt.Sprintf("tensor: %s at byte %d: %s", where, e.Offset, e.Reason)
}

// LimitError says that a tensor exceeds a bound of [Limits].
type LimitError struct {
	What string // the field of Limits
	Got  int    // the figure at which it was refused, or the first above the bound
	Max  int    // the bound
}

// Error names the bound, its value and the figure.
func (e *LimitError) Error() string {
	return fmt.Sprintf("tensor: %s %d exceeds the limit of %d", e.What, e.Got, e.Max)
}
