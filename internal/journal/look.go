package journal

import "github.com/rhizome-ml/rhizome/internal/journal/vfs"

// Walk calls fn for each whole record from number from on, in order, and changes nothing on the disk: it is for looking
// into a journal that nobody has open. The payload is valid until fn returns; an error of fn ends the walk and is
// returned as it is. Damage and a newer format are the errors of Scan, after fn has seen what lies before; a torn tail
// is in the Report, of which First is that of the first file that was read. Where from is not 0 and the journal begins
// after it, fn is never called and the error is a *RangeError.
func Walk(fsys vfs.FS, dir string, from uint64, fn func(at Position, payload []byte) error) (*Report, error) {
	s := scanner{fsys: fsys, dir: dir, from: from}
	gone := false
	s.visit = func(at Position, payload []byte) error {
		gone = gone || from != 0 && s.rep.First > from
		if gone || at.Record < from {
			return nil
		}
		return fn(at, payload)
	}
	if err := s.scan(); err != nil {
		return &s.rep, err
	}
	if gone {
		return &s.rep, &RangeError{LSN: from, First: s.rep.First, Next: s.rep.Next}
	}
	return &s.rep, nil
}

// First returns the number of the oldest record that the journal in a directory can hold, by the names of its files, or
// 0 where there is no journal.
func First(fsys vfs.FS, dir string) (uint64, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return 0, err
	}
	for _, name := range names { // sorted
		if first, ok := numberIn(name, segmentPrefix, segmentSuffix); ok {
			return first, nil
		}
	}
	return 0, nil
}

// SnapshotVersion is the newest format of a snapshot's file: the one that is written.
const SnapshotVersion = snapshotVersion
