package directory

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// LookFile stands in a directory that was restored from a backup to be looked at: nothing starts on it.
const LookFile = "look-only.json"

// LookOnlyError says that a directory is there to be looked at only. Nothing in it was changed.
type LookOnlyError struct{ Dir string }

// Error names the directory and the command that would make it a node.
func (e *LookOnlyError) Error() string {
	return fmt.Sprintf("%s was restored to be looked at only, and nothing starts on it or changes it (%s says so); "+
		"to go on from that backup: rhizome restore FILE --dir NEW --as move", e.Dir, LookFile)
}

// LookOnly returns a *LookOnlyError where a directory is there to be looked at only.
func LookOnly(fsys vfs.FS, dir string) error {
	_, err := fsys.Stat(filepath.Join(dir, LookFile))
	switch {
	case err == nil:
		return &LookOnlyError{dir}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil // whoever uses the directory says what is wrong with it
	}
	return err
}
