package job

import (
	"errors"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// origin is what a forked run remembers of where it comes from.
type origin struct {
	Dir   string `json:"dir"`
	Round int    `json:"round"`
	Lives uint64 `json:"lives"` // the least incarnation of its nodes when it was made
}

// Stored returns the job whose run is in a directory, from its run.json. The error is fs.ErrNotExist where none is there.
func Stored(fsys vfs.FS, dir string) (Config, error) {
	c, _, err := stored(fsys, dir)
	return c, err
}

func stored(fsys vfs.FS, dir string) (Config, record, error) {
	var r record
	path := filepath.Join(dir, runFile)
	err := ReadSealed(fsys, path, &r)
	var c Config
	if err == nil {
		c, err = r.base()
	}
	if err == nil {
		c, err = c.With(r.Set)
	}
	if errors.Is(err, ErrDamaged) {
		return c, r, &StateError{dir, "has a damaged " + runFile + "; running the job again repairs it"}
	}
	return c, r, err
}
