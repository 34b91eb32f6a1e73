package journal

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Release removes the segments of which all records are below before, the active one excepted; some of their files wait
// under other names to be used again. It does not ask why: the caller gives the number of the oldest snapshot that
// Prune kept.
func (j *Journal) Release(before uint64) error {
	j.appending.Lock()
	defer j.appending.Unlock()
	for {
		j.mu.Lock()
		segs, failed := j.segs, j.failed
		j.mu.Unlock()
		if failed != nil {
			return failed
		}
		if len(segs) < 2 || segs[1].first > before {
			return nil
		}
		if err := j.keep(segs[0]); err != nil {
			return err
		}
		j.mu.Lock()
		j.segs = j.segs[1:]
		j.mu.Unlock()
	}
}

// removeSegment removes a file and makes that durable before anything else is removed: were two removals to reach the
// disk in the other order, a crash between them would leave a gap.
func (j *Journal) removeSegment(name string) error {
	err := j.fsys.Remove(filepath.Join(j.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // gone already: its removal may not be durable yet
		return err
	}
	return j.fsys.SyncDir(j.dir)
}
