package journal

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// open carries out what the scan found to be needed.
func (j *Journal) open(s *scanner) error {
	from := max(j.opt.From, 1)
	if len(s.segs) > 0 && j.opt.From > 0 && s.rep.First > from {
		return &MissingError{Dir: s.dir, First: s.rep.First, From: from}
	}
	anew := s.rep.Next < from // also when there is none
	s.rep.Restarted = anew && (len(s.segs) > 0 || from > 1)
	if j.opt.BeforeChange != nil && !anew {
		err := j.opt.BeforeChange(func(from uint64, fn func(uint64, []byte) error) error {
			return j.read(s.segs, s.end, s.rep.Next, from, fn)
		})
		if err != nil {
			return err
		}
	}
	if j.opt.BeforeRepair != nil && s.rep.repairs() {
		rep := s.rep
		if err := j.opt.BeforeRepair(&rep); err != nil {
			return err
		}
	}
	if err := removeTemporaries(j.fsys, j.dir, segmentPrefix, segmentSuffix); err != nil {
		return err
	}
	if anew {
		return j.restart(s, from)
	}
	for _, r := range s.fix {
		if err := j.repair(r); err != nil {
			return err
		}
	}
	return j.resume(s)
}

// restart removes all segments, oldest first so that those that are left always follow each other, and begins at from.
func (j *Journal) restart(s *scanner, from uint64) error {
	for _, seg := range s.segs {
		if err := j.removeSegment(seg.name); err != nil {
			return err
		}
	}
	s.rep.First, s.rep.Next, s.rep.Segments = from, from, 1
	return j.create(from, 0)
}

// create makes the segment that begins with record first, large enough for a record of so many bytes, and makes it the
// active one.
func (j *Journal) create(first uint64, record int64) error {
	size := max(int64(j.opt.SegmentBytes), segmentHeaderBytes+record)
	seg, f, err := j.nextSegment(segmentHeader{first: first, size: size, salt: j.opt.Salt})
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.active != nil {
		j.active.Close() // everything in it is synced
	}
	j.segs = append(j.segs, seg)
	j.active, j.seed, j.end = f, saltCRC(seg.salt), segmentHeaderBytes
	j.next, j.synced = first, first
	return nil
}

// zeros is what repairs write from.
var zeros [64 << 10]byte

// repair zeroes what lies behind the last whole record of a file, and gives it back its size.
func (j *Journal) repair(r repair) error {
	if r.header {
		h := segmentHeader{first: r.seg.first, size: int64(j.opt.SegmentBytes), salt: j.opt.Salt}
		_, f, err := createSegment(j.fsys, j.dir, h)
		if err != nil {
			return err
		}
		return f.Close()
	}
	f, err := j.fsys.OpenFile(filepath.Join(j.dir, r.seg.name))
	if err != nil {
		return err
	}
	defer f.Close()
	// The zeros are written, and the file is not cut and filled up again: a process killed between the two would leave
	// a short file, and the next Open would take that for durable records lost.
	size, err := f.Size()
	if err != nil {
		return err
	}
	for off := r.from; off < size; off += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-off)], off); err != nil {
			return err
		}
	}
	if err := f.Preallocate(r.seg.size); err != nil {
		return err
	}
	return f.Sync()
}

// resume opens the last segment for appending and makes durable what is in it: a killed process may have left writes
// and a rename that were never synced, and what is replayed from them will have effects. The records are written once
// more before the sync. For if the sync of an earlier process failed, the kernel shows their pages as clean and whole
// while the disk does not have them, and only a new write makes it write them.
func (j *Journal) resume(s *scanner) error {
	last := &s.segs[len(s.segs)-1]
	f, err := j.fsys.OpenFile(filepath.Join(j.dir, last.name))
	if err != nil {
		return err
	}
	if last.size == 0 { // its header was made anew
		last.size, last.salt = int64(j.opt.SegmentBytes), j.opt.Salt
	}
	j.segs, j.active, j.seed, j.end = s.segs, f, saltCRC(last.salt), s.end
	j.next, j.synced = s.rep.Next, s.rep.Next
	if j.end > segmentHeaderBytes {
		again := s.buf[segmentHeaderBytes:j.end]
		if last.used {
			again = append(slices.Clone(again), zeros[:min(endBytes, last.size-j.end)]...)
		}
		if _, err := f.WriteAt(again, segmentHeaderBytes); err != nil {
			return err
		}
	}
	if err := f.Datasync(); err != nil {
		return err
	}
	return j.fsys.SyncDir(j.dir)
}

// removeTemporaries removes what crashes left of files that were not finished.
func removeTemporaries(fsys vfs.FS, dir, prefix, suffix string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix+tmpSuffix) {
			if err := fsys.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
