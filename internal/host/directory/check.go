package directory

import (
	"errors"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Check reads the files of a node's directory as Open does, but for the replay, and changes nothing: what it returns is
// what Open would return. It is for those who open several nodes, and would begin a life of one before they know that
// another is damaged.
func Check(fsys vfs.FS, dir string) error {
	refs, err := journal.List(fsys, dir)
	if err != nil {
		return err
	}
	from, none := uint64(1), true
	var skipped []error
	for _, ref := range refs {
		_, err := journal.Verify(fsys, dir, ref.Name, journal.Limits{})
		if AllDamaged(err) {
			skipped = append(skipped, err)
			continue
		}
		if err != nil {
			return err
		}
		from, none = ref.LSN, false
		break
	}
	rep, err := journal.Scan(fsys, dir)
	if err != nil {
		return err
	}
	if rep.First > from {
		return LostSnapshots(&journal.MissingError{Dir: dir, First: rep.First, From: from}, none, skipped)
	}
	return nil
}

// LostSnapshots says of a journal that begins too late that it is the snapshots that are gone, where there is none to
// replay it on: skipped are those that are there and damaged.
func LostSnapshots(err error, none bool, skipped []error) error {
	var missing *journal.MissingError
	if !none || !errors.As(err, &missing) {
		return err
	}
	e := *missing
	e.What = "its snapshots"
	if len(skipped) > 0 {
		e.Err = skipped[0]
	}
	return &e
}

// NoneWhole says whether an error of loading means that a directory has no snapshot that is whole.
func NoneWhole(err error, skipped []error) bool {
	return errors.Is(err, journal.ErrNoSnapshot) || err != nil && len(skipped) > 0 && AllDamaged(err)
}

// AllDamaged says whether an error of loading means that every snapshot is damaged: then the journal may still be whole
// from its first record.
func AllDamaged(err error) bool {
	var c *journal.CorruptionError
	return errors.As(err, &c)
}
