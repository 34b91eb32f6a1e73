package journal

// bufKeepBytes is the largest batch buffer that is kept for the next batch.
const bufKeepBytes = 1 << 20

// Append writes the payloads as one batch of records and returns the number of the first; the others follow it. They are durable after a
// Sync. A payload above the limit is a *TooLargeError, and nothing of the batch is written. After any other error the journal has
// failed, and some of the batch may be on the disk.
func (j *Journal) Append(payloads ...[]byte) (uint64, error) {
	for _, p := range payloads {
		if len(p) > j.opt.RecordBytesMax {
			return 0, &TooLargeError{What: "record", Size: int64(len(p)), Max: int64(j.opt.RecordBytesMax)}
		}
	}
	j.appending.Lock()
	defer j.appending.Unlock()
	first := j.Next()
	for len(payloads) > 0 {
		n, err := j.appendSome(payloads)
		if err != nil {
			return 0, err
		}
		payloads = payloads[n:]
	}
	if cap(j.buf) > bufKeepBytes {
		j.buf = nil
	}
	return first, j.state()
}

// appendSome writes as many of the payloads as the active segment has room for, with one write, and returns how many. Where there is no
// room for the first, it makes a new segment for it.
func (j *Journal) appendSome(payloads [][]byte) (n int, err error) {
	j.mu.Lock()
	file, end, next, synced, failed := j.active, j.end, j.next, j.synced, j.failed
	seg := j.segs[len(j.segs)-1]
	j.mu.Unlock()
	if failed != nil {
		return 0, failed
	}
	if end+recordBytes(len(payloads[0])) > seg.size {
		return 0, j.rotate(recordBytes(len(payloads[0])))
	}
	buf := j.buf[:0]
	for n < len(payloads) && end+int64(len(buf))+recordBytes(len(payloads[n])) <= seg.size {
		buf = appendRecord(buf, seg.salt, next+uint64(n), synced, payloads[n])
		n++
	}
	j.buf = buf
	if _, err := file.WriteAt(buf, end); err != nil {
		return 0, j.fail("write", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.end += int64(len(buf))
	j.next += uint64(n)
	return n, nil
}

// rotate syncs the active segment and makes a new one, in this order: a segment proves that all records before it are durable.
func (j *Journal) rotate(record int64) error {
	if err := j.Sync(); err != nil {
		return err
	}
	j.syncing.Lock() // a sync of another goroutine must not meet the closing of the file
	defer j.syncing.Unlock()
	if err := j.state(); err != nil {
		return err
	}
	if err := j.create(j.next, record); err != nil {
		return j.fail("rotate", err)
	}
	return nil
}

// state returns the error that the journal has failed with, if any.
func (j *Journal) state() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed
}

// fail stops the journal for good. The first failure stands.
func (j *Journal) fail(op string, err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == nil {
		j.failed = &FailedError{Op: op, Err: err}
	}
	return j.failed
}
