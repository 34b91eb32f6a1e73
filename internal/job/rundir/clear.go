package rundir

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// ClearRun removes what an earlier run left, and nothing else: files of other names stay, and the folders that hold
// them. A mark is made first and removed last, so that a directory that is cleared by half is never taken for a run.
func ClearRun(fsys vfs.FS, dir string) error {
	mark := filepath.Join(dir, ClearFile)
	if err := journal.WriteFileAtomic(fsys, mark, nil); err != nil {
		return err
	}
	files := append(MetricsFiles(), ResultFile, ModelFile, BestFile, AnswersFile, ProcessesFile, ArtifactFile, RunFile)
	for _, name := range files {
		if err := vfs.RemoveIfThere(fsys, filepath.Join(dir, name)); err != nil {
			return err
		}
		if err := vfs.RemoveIfThere(fsys, filepath.Join(dir, name+".tmp")); err != nil {
			return err
		}
	}
	all, err := fsys.Folders(dir)
	if err != nil {
		return err
	}
	for _, name := range all {
		if !job.IsNode(name) {
			continue
		}
		if err := clearNode(fsys, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := fsys.SyncDir(dir); err != nil { // nothing comes back once the mark is gone
		return err
	}
	if err := vfs.RemoveIfThere(fsys, mark); err != nil {
		return err
	}
	return fsys.SyncDir(dir)
}

// clearNode removes the files of a node, and its folder when nothing else is in it.
func clearNode(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if directory.OwnsFile(name) || slices.Contains(processFiles(), strings.TrimSuffix(name, ".tmp")) {
			if err := vfs.RemoveIfThere(fsys, filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	if err := fsys.SyncDir(dir); err != nil {
		return err
	}
	fsys.Remove(dir) // fails while something of others is in it, and then it stays
	return nil
}
