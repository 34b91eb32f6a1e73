package rundir

import (
	"errors"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Origin is what a forked run remembers of where it comes from.
type Origin struct {
	Dir   string `json:"dir"`
	Round int    `json:"round"`
	Lives uint64 `json:"lives"` // the least incarnation of its nodes when it was made
}

// Stored returns the job whose run is in a directory, from its run.json. The error is fs.ErrNotExist where none is
// there.
func Stored(fsys vfs.FS, dir string) (job.Served, error) {
	c, _, err := Load(fsys, dir)
	return c, err
}

// Load is Stored, and returns what else run.json says.
func Load(fsys vfs.FS, dir string) (job.Served, Record, error) {
	var r Record
	path := filepath.Join(dir, RunFile)
	err := journal.ReadSealed(fsys, path, &r)
	var c job.Served
	if err == nil {
		c, err = r.Base()
	}
	if err == nil {
		c, err = job.With(c, r.Set)
	}
	if errors.Is(err, journal.ErrDamaged) {
		return c, r,
			&job.StateError{Dir: dir, Reason: "has a damaged " + RunFile + "; running the job again repairs it"}
	}
	return c, r, err
}
