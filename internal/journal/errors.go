package journal

import (
	"errors"
	"fmt"
)

// ErrClosed is returned by every use of a Journal or Committer after Close.
var ErrClosed = errors.New("journal: already closed")

// CorruptionError says that what was durable is damaged, and where. Nothing was changed on the disk.
type CorruptionError struct {
	Dir     string
	Segment string // name of the file, of a segment or a snapshot
	Offset  int64  // in the file
	Record  uint64 // number of the first record that cannot be read; of a snapshot: its LSN
	Reason  string
}

// Error names the file, the offset, the record and the reason.
func (e *CorruptionError) Error() string {
	return fmt.Sprintf("journal: %s in %s is damaged at byte %d (record %d): %s", e.Segment, e.Dir, e.Offset, e.Record,
		e.Reason)
}

// VersionError says that a file has a format that this program does not know. Nothing was changed on the disk.
type VersionError struct {
	File      string
	Got, Want uint32 // Want is the newest format that can be read
}

// Error names the file and both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("journal: %s has format version %d; this program reads version %d: use a newer one", e.File,
		e.Got, e.Want)
}

// FailedError says that the journal stopped at a failed write or sync. What is durable is known after opening it again.
type FailedError struct {
	Op  string // what failed: write, sync, or rotate
	Err error
}

// Error names the operation and its error.
func (e *FailedError) Error() string {
	return fmt.Sprintf("journal: stopped by a failed %s: %v; reopen to go on from what is durable", e.Op, e.Err)
}

// Unwrap returns the error of the disk.
func (e *FailedError) Unwrap() error { return e.Err }

// TooLargeError says that a payload is larger than its limit. Nothing was written or allocated for it.
type TooLargeError struct {
	What      string
	Size, Max int64
}

// Error names the payload, its size and the limit.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("journal: %s of %d bytes is above the limit of %d", e.What, e.Size, e.Max)
}

// RangeError says that a record was asked for that the journal does not hold.
type RangeError struct {
	LSN         uint64
	First, Next uint64 // the records First to Next-1 are there
}

// Error names the record and what there is.
func (e *RangeError) Error() string {
	if e.Next <= e.First {
		return fmt.Sprintf("journal: record %d is not there; the journal holds none", e.LSN)
	}
	return fmt.Sprintf("journal: record %d is not there; the journal keeps records %d to %d", e.LSN, e.First, e.Next-1)
}

// MissingError says that the journal begins after the record from which it is to be replayed: files are gone without
// which the others are of no use. Those that are there are not damaged, and nothing was changed.
type MissingError struct {
	Dir   string
	What  string // that is gone; empty means segments
	First uint64 // the first record of the journal that is there
	From  uint64 // the one from which it is to be replayed
	Err   error  // of a file that is there and damaged, or nil
}

// Error says what is gone, what is there, and what would help.
func (e *MissingError) Error() string {
	if e.What == "" {
		return fmt.Sprintf(
			"journal: %s has lost segments of its journal: it begins with record %d, and its snapshot is to be gone "+
				"on from with record %d; "+
				"bring the files %s….seg between them back from a copy, or restore a backup: rhizome restore FILE "+
				"--dir NEW", e.Dir, e.First, e.From, segmentPrefix)
	}
	lost := "has lost " + e.What
	if e.Err != nil {
		lost = fmt.Sprintf("has none of %s that is whole (%v)", e.What, e.Err)
	}
	return fmt.Sprintf(
		"journal: %s %s: what is left of its journal is sound and begins with record %d, and what was before that "+
			"is nowhere else; "+
			"bring the files %s….snap and .held back from a copy, or restore a backup: rhizome restore FILE --dir NEW",
		e.Dir, lost, e.First, snapshotPrefix)
}

// Unwrap returns the damage of the file that is there, or that of the whole: who looks for damage finds this too.
func (e *MissingError) Unwrap() error {
	if e.Err != nil {
		return e.Err
	}
	return &CorruptionError{Dir: e.Dir, Segment: segmentName(e.First), Record: e.From,
		Reason: fmt.Sprintf("the journal begins with record %d, and replay is to begin before it", e.First)}
}
