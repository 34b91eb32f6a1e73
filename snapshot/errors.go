package snapshot

import "fmt"

// TypeError says that a Go type cannot be a snapshot message.
type TypeError struct {
	Field  string // type and field, such as "snapshot.NodeSnapshot.Config"
	Reason string // what is wrong, and what would be right
}

// Error names the field and what is wrong with it.
func (e *TypeError) Error() string { return fmt.Sprintf("snapshot: %s: %s", e.Field, e.Reason) }

// EncodeError says that the content of a message cannot be encoded.
type EncodeError struct {
	Path   string // the field, from the root message, such as "NodeSnapshot.Components[2].Slot"
	Reason string // what is wrong, and what would be right
}

// Error names the field and what is wrong with its content.
func (e *EncodeError) Error() string { return fmt.Sprintf("snapshot: encode %s: %s", e.Path, e.Reason) }

// FormatError says that bytes are not the canonical encoding of a message, or exceed a limit.
type FormatError struct {
	Path   string // the field, from the root message
	Offset int    // where in the input, in bytes
	Reason string // what is wrong, and what would be right
}

// Error names the field, the offset and what is wrong there.
func (e *FormatError) Error() string {
	return fmt.Sprintf("snapshot: decode %s at byte %d: %s", e.Path, e.Offset, e.Reason)
}

// UnknownFieldError says that a message holds a field that this version does not have: a newer version wrote it.
type UnknownFieldError struct {
	Path   string // the message that holds the field, from the root message
	Number int    // of the field
	Offset int    // where in the input, in bytes
}

// Error names the message and the number of the field.
func (e *UnknownFieldError) Error() string {
	return fmt.Sprintf(
		"snapshot: decode %s at byte %d: field %d is not known to spec version %d; a newer version wrote it",
		e.Path, e.Offset, e.Number, CurrentSnapshotSpecVersion)
}

// within puts a part of the path before the path of an error from below.
func within(err error, part string) error {
	switch e := err.(type) {
	case *FormatError:
		e.Path = join(part, e.Path)
	case *UnknownFieldError:
		e.Path = join(part, e.Path)
	case *EncodeError:
		e.Path = join(part, e.Path)
	}
	return err
}

func join(part, path string) string {
	if path == "" || path[0] == '[' {
		return part + path
	}
	return part + "." + path
}
