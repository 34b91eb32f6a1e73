package journal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/planted"
	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// ErrNoSnapshot says that a directory holds no snapshot at all, not even a damaged one.
var ErrNoSnapshot = errors.New("journal: there is no snapshot")

// List returns the snapshots in a directory by their names, newest first, unchecked. A missing directory has none.
func List(fsys vfs.FS, dir string) ([]SnapshotRef, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var refs []SnapshotRef
	for _, name := range slices.Backward(names) { // sorted, and the numbers have a fixed width
		if lsn, ok := numberIn(name, snapshotPrefix, snapshotSuffix); ok {
			refs = append(refs, SnapshotRef{Name: name, LSN: lsn})
		}
	}
	return refs, nil
}

// LoadNewest loads the newest snapshot that is good, and returns the errors of the newer ones, which are damaged, as skipped. If all
// are damaged, err is that of the newest; if there is none, ErrNoSnapshot. Only a *CorruptionError is skipped: a newer
// format, a limit or a failing disk is an answer, and an older snapshot in its place would be a wrong one.
func LoadNewest(fsys vfs.FS, dir string, lim Limits) (payload []byte, ref SnapshotRef, skipped []error, err error) {
	refs, err := List(fsys, dir)
	if err != nil {
		return nil, SnapshotRef{}, nil, err
	}
	for _, ref := range refs {
		payload, _, err := Load(fsys, dir, ref.Name, lim)
		var damaged *CorruptionError
		switch {
		case err == nil:
			return payload, ref, skipped, nil
		case !errors.As(err, &damaged):
			return nil, SnapshotRef{}, skipped, err
		}
		skipped = append(skipped, err)
	}
	if len(skipped) > 0 {
		return nil, SnapshotRef{}, skipped, skipped[0]
	}
	return nil, SnapshotRef{}, nil, ErrNoSnapshot
}

// Prune removes what is older than the newest keep good snapshots (at least 1), and temporary files that a crash has left. Each that
// stays is read and checked; a damaged one does not count, and stays as long as it is newer than the oldest good one. It returns
// the good ones, newest first: the journal may be released up to the number of the last. If there are fewer than keep, it removes no snapshot.
func Prune(fsys vfs.FS, dir string, keep int, lim Limits) (kept []SnapshotRef, err error) {
	keep = max(keep, 1)
	// A killed process may have left a name that is not durable yet; what is removed below may be all that there is behind it.
	if err := fsys.SyncDir(dir); err != nil {
		return nil, err
	}
	refs, err := List(fsys, dir)
	if err != nil {
		return nil, err
	}
	for len(refs) > 0 && len(kept) < keep {
		_, err := Verify(fsys, dir, refs[0].Name, lim)
		if planted.On(planted.KeepDamaged) {
			err = nil
		}
		var damaged *CorruptionError
		switch {
		case err == nil:
			kept = append(kept, refs[0])
		case !errors.As(err, &damaged):
			return nil, err
		}
		refs = refs[1:]
	}
	for _, ref := range refs { // none, if there were fewer than keep
		if err := fsys.Remove(filepath.Join(dir, ref.Name)); err != nil {
			return nil, err
		}
	}
	if err := removeTemporaries(fsys, dir, snapshotPrefix, snapshotSuffix); err != nil {
		return nil, err
	}
	return kept, fsys.SyncDir(dir)
}
