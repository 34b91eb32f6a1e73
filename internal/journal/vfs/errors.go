package vfs

import "fmt"

// ReadOnlyError says that a path cannot be written: the file system is read-only, or the user has no permission.
type ReadOnlyError struct {
	Path string
	Err  error
}

// Error names the path and what would help.
func (e *ReadOnlyError) Error() string {
	return fmt.Sprintf("%s cannot be written (%v): make it writable, or choose another directory", e.Path, e.Err)
}

// Unwrap returns the error of the operating system.
func (e *ReadOnlyError) Unwrap() error { return e.Err }

// LockedError says that another process, or another part of this one, holds the lock of a file.
type LockedError struct {
	Path string
}

// Error names the file.
func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is locked: another process is using this directory; stop it first", e.Path)
}

// InjectedError is a failure that a test asked a Mem for.
type InjectedError struct {
	Op      int    // the number of the operation that failed, as Mem.Ops counts
	What    string // the operation, as in the log
	Crashed bool   // the disk is cut off: this operation and all later ones fail
	Err     error  // the cause that was asked for, or nil
}

// Error names the operation.
func (e *InjectedError) Error() string {
	kind := "injected failure"
	if e.Crashed {
		kind = "injected crash"
	}
	if e.Err != nil {
		return fmt.Sprintf("%s at operation %d (%s): %v", kind, e.Op, e.What, e.Err)
	}
	return fmt.Sprintf("%s at operation %d (%s)", kind, e.Op, e.What)
}

// Unwrap returns the cause that was asked for.
func (e *InjectedError) Unwrap() error { return e.Err }

// TooLargeError says that a file is larger than its reader allows.
type TooLargeError struct {
	Path      string
	Size, Max int64
}

// Error names the file, its size and the limit.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s has %d bytes; at most %d are read", e.Path, e.Size, e.Max)
}
