package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// The files of released segments are used again: a block that was written before is synced without a change of
// metadata, and needs no zeros first. What such a file holds from before is never taken for anything: the checksums of
// the new segment have another salt, and its records are followed by endBytes zeros, where the head of the next record
// will be.
const (
	sparesMax = 16 // files that wait; what is released beyond them is removed
	endBytes  = 16 // a head with no number: nothing that was ever written looks like it
)

// spare is a file that is ready to become a segment, under a name that Open takes away.
type spare struct {
	name string
	used bool // it held a segment; else it is zeros
}

// saltOf returns the salt of a segment in a used file: another one than that of any segment that the file held before.
func saltOf(salt, first uint64) uint64 { return salt ^ first }

// keep makes the file of a released segment a spare one, or removes it. Either is durable when it returns: were two of
// them to reach the disk in the other order, a crash between them would leave a gap.
func (j *Journal) keep(seg segment) error {
	j.mu.Lock()
	full := len(j.spares) >= sparesMax || seg.size != int64(j.opt.SegmentBytes)
	j.mu.Unlock()
	if full {
		return j.removeSegment(seg.name)
	}
	s := spare{name: seg.name + tmpSuffix, used: true}
	err := j.fsys.Rename(filepath.Join(j.dir, seg.name), filepath.Join(j.dir, s.name))
	if errors.Is(err, fs.ErrNotExist) { // gone already: its removal may not be durable yet
		return j.fsys.SyncDir(j.dir)
	}
	if err != nil {
		return err
	}
	if err := j.fsys.SyncDir(j.dir); err != nil {
		return err
	}
	j.addSpare(s)
	return nil
}

func (j *Journal) addSpare(s spare) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.spares = append(j.spares, s)
}

// takeSpare takes a spare file out, if there is one.
func (j *Journal) takeSpare() (s spare, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.spares) == 0 {
		return spare{}, false
	}
	s, j.spares = j.spares[0], j.spares[1:]
	return s, true
}

// dropSpares removes the spare files; what stays of them, the next Open takes away.
func (j *Journal) dropSpares() {
	for s, ok := j.takeSpare(); ok; s, ok = j.takeSpare() {
		j.fsys.Remove(filepath.Join(j.dir, s.name))
	}
}

// short says whether a file for the next segment should be made. The caller holds mu.
func (j *Journal) short() bool {
	return j.failed == nil && len(j.spares) == 0 && j.end > j.segs[len(j.segs)-1].size/2
}

// Prepare makes the file of the next segment if the active one is half full and no file waits, so that whoever appends
// does not have to. It may be called from any goroutine, by one at a time; a Committer calls it. It says nothing of a
// failure: the file is made again when it is needed, and then a disk that is full is an error.
func (j *Journal) Prepare() {
	j.mu.Lock()
	due := j.short()
	// Each has a name of its own: a rotation may have taken the one before and not given it its name yet.
	j.prepared++
	s := spare{name: fmt.Sprintf("%snext-%d%s%s", segmentPrefix, j.prepared, segmentSuffix, tmpSuffix)}
	j.mu.Unlock()
	if !due {
		return
	}
	if err := makeZeros(j.fsys, filepath.Join(j.dir, s.name), int64(j.opt.SegmentBytes)); err == nil {
		j.addSpare(s)
	}
}

// makeZeros makes a file of zeros, durably but for its name.
func makeZeros(fsys vfs.FS, path string, size int64) error {
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	if err = f.Preallocate(size); err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// nextSegment makes the segment of a header in a spare file, if one waits that fits, and else in a new one.
func (j *Journal) nextSegment(h segmentHeader) (segment, vfs.File, error) {
	if h.size != int64(j.opt.SegmentBytes) {
		return createSegment(j.fsys, j.dir, h)
	}
	s, ok := j.takeSpare()
	if !ok {
		return createSegment(j.fsys, j.dir, h)
	}
	if s.used {
		h.used, h.salt = true, saltOf(h.salt, h.first)
	}
	return reuseSegment(j.fsys, j.dir, s.name, h)
}

// reuseSegment makes a segment in a file that is there under another name, durably and in one step, and opens it.
func reuseSegment(fsys vfs.FS, dir, name string, h segmentHeader) (segment, vfs.File, error) {
	s := segment{segmentHeader: h, name: segmentName(h.first)}
	from, path := filepath.Join(dir, name), filepath.Join(dir, s.name)
	f, err := fsys.OpenFile(from)
	if err != nil {
		return s, nil, err
	}
	if _, err = f.WriteAt(append(h.encode(), zeros[:endBytes]...), 0); err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = fsys.Rename(from, path)
	}
	if err == nil {
		err = fsys.SyncDir(dir)
	}
	if err != nil {
		return s, nil, err
	}
	f, err = fsys.OpenFile(path)
	return s, f, err
}
