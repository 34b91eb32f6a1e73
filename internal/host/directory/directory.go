package directory

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// The names of the files in a node's directory, beside those of its journal and snapshots.
const (
	lockFile      = "lock"
	unvouchedFile = "unvouched" // there while a restart in a new epoch is not durable
)

// OwnsFile says whether a node makes files of that name in its directory, so that clearing one removes nothing of
// others.
func OwnsFile(name string) bool {
	name = strings.TrimSuffix(name, ".tmp")
	switch name {
	case lockFile, unvouchedFile, incarnationFile:
		return true
	}
	return strings.HasPrefix(name, "journal-") && strings.HasSuffix(name, ".seg") ||
		journal.OwnsSnapshotFile(name) || journal.OwnsBlobFile(name)
}

// Lock takes a node's directory, or, where another has it for longer than a while, returns a *vfs.LockedError.
func Lock(fsys vfs.FS, dir string) (io.Closer, error) {
	return vfs.LockSoon(fsys, filepath.Join(dir, lockFile))
}

// InUse returns a *vfs.LockedError when a node runs in a directory, and changes nothing there.
func InUse(fsys vfs.FS, dir string) error {
	path := filepath.Join(dir, lockFile)
	if _, err := fsys.Stat(path); err != nil {
		return nil // nobody has ever run there
	}
	lock, err := fsys.Lock(path)
	var locked *vfs.LockedError
	switch {
	case errors.As(err, &locked):
		return err
	case err != nil:
		return nil // what cannot be locked cannot be written either
	}
	return lock.Close()
}

// RestartUnconfirmed says whether the mark is there that what a directory holds may not be all that its node has said.
func RestartUnconfirmed(fsys vfs.FS, dir string) (bool, error) {
	_, err := fsys.Stat(filepath.Join(dir, unvouchedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Unvouch sets that mark, durably, with the reason as its text.
func Unvouch(fsys vfs.FS, dir, why string) error {
	return journal.WriteFileAtomic(fsys, filepath.Join(dir, unvouchedFile), []byte(why+"\n"))
}

// ConfirmRestart removes that mark: the restart in a new epoch is durable now.
func ConfirmRestart(fsys vfs.FS, dir string) error {
	if there, err := RestartUnconfirmed(fsys, dir); err != nil || !there {
		return err
	}
	if err := fsys.Remove(filepath.Join(dir, unvouchedFile)); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}
