package journal

// Sync makes all records durable that were appended before the call. It may be called from any goroutine; appending goes on meanwhile.
// A failed sync stops the journal (it is never tried again: a second fsync can succeed without the pages that the first
// one lost).
func (j *Journal) Sync() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	file, target, synced, failed := j.active, j.next, j.synced, j.failed
	j.mu.Unlock()
	if failed != nil {
		return failed
	}
	if synced == target {
		return nil
	}
	if err := file.Datasync(); err != nil {
		return j.fail("sync", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil { // a write failed meanwhile: what is durable is for the next Open to say
		return j.failed
	}
	j.synced = target
	return nil
}
