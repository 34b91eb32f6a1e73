package journal

import "github.com/rhizome-ml/rhizome/internal/journal/vfs"

// Sync makes all records durable that were appended before the call, with one write and one fdatasync. It may be called
// from any goroutine; appending goes on meanwhile. A failed write or sync stops the journal. It is never tried again: a
// second fsync can succeed without the pages that the first one lost.
func (j *Journal) Sync() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	file, target, err := j.write()
	if err != nil {
		return err
	}
	if target == j.Synced() {
		return nil
	}
	if err := file.Datasync(); err != nil {
		return j.fail("sync", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.synced = target
	return nil
}

// flush writes what is gathered, without a sync.
func (j *Journal) flush() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	_, _, err := j.write()
	return err
}

// write writes what is gathered to the active file, and returns that and the number up to which all is written. While
// it does, a second buffer gathers. The caller holds syncing.
func (j *Journal) write() (file vfs.File, target uint64, err error) {
	j.mu.Lock()
	batch, at, failed := j.buf, j.end-int64(len(j.buf)), j.failed
	file, target = j.active, j.next
	seg, end := &j.segs[len(j.segs)-1], j.end
	mark := 0 // zeros behind the records
	if seg.used {
		mark = int(min(endBytes, seg.size-end))
	}
	j.buf, j.other = j.other[:0], nil
	j.mu.Unlock()
	if failed != nil {
		return nil, 0, failed
	}
	if len(batch) > 0 {
		batch = append(batch, zeros[:mark]...)
		if _, err := file.WriteAt(batch, at); err != nil {
			return nil, 0, j.fail("write", err)
		}
	}
	if cap(batch) <= bufferKeepBytes {
		j.mu.Lock()
		j.other = batch
		j.mu.Unlock()
	}
	return file, target, nil
}
