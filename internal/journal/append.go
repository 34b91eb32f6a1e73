package journal

const (
	bufferBytes     = 1 << 20 // when more than this is gathered, Append writes it without waiting for a Sync
	bufferKeepBytes = 2 << 20 // a larger buffer, grown for a large record, is not kept
)

// Append adds the payloads as records, one after the other, and returns the number of the first. They are gathered in
// memory, copied, and are written and durable after a Sync; what was not, the end of the process takes with it. A
// payload above the limit is a *TooLargeError, and nothing of the batch is taken. After any other error the journal has
// failed, and some of the batch may be on the disk.
func (j *Journal) Append(payloads ...[]byte) (uint64, error) {
	for _, p := range payloads {
		if len(p) > j.opt.RecordBytesMax {
			return 0, &TooLargeError{What: "record", Size: int64(len(p)), Max: int64(j.opt.RecordBytesMax)}
		}
	}
	j.appending.Lock()
	defer j.appending.Unlock()
	first, n, gathered, err := j.gather(payloads)
	for err == nil {
		payloads = payloads[n:]
		switch {
		case len(payloads) > 0 && gathered <= bufferBytes:
			err = j.rotate(recordBytes(len(payloads[0])))
		case gathered > bufferBytes:
			err = j.flush()
		}
		if err != nil || len(payloads) == 0 {
			break
		}
		_, n, gathered, err = j.gather(payloads)
	}
	if err != nil {
		return 0, err
	}
	return first, nil
}

// gather takes as many of the payloads as the active segment has room for, unless the buffer is full before. It returns
// the number of the next record, how many it took, and the size of the buffer, or the error that the journal has failed
// with.
func (j *Journal) gather(payloads [][]byte) (next uint64, n, gathered int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return 0, 0, 0, j.failed
	}
	next = j.next
	size := j.segs[len(j.segs)-1].size
	for n < len(payloads) && len(j.buf) <= bufferBytes && j.end+recordBytes(len(payloads[n])) <= size {
		j.buf = appendRecord(j.buf, j.seed, j.next, j.synced, payloads[n])
		j.end += recordBytes(len(payloads[n]))
		j.next++
		n++
	}
	return next, n, len(j.buf), nil
}

// rotate syncs the active segment and makes a new one, in this order: a segment proves that all records before it are
// durable.
func (j *Journal) rotate(record int64) error {
	if err := j.Sync(); err != nil {
		return err
	}
	j.syncing.Lock() // a sync of another goroutine must not meet the closing of the file
	defer j.syncing.Unlock()
	if err := j.state(); err != nil {
		return err
	}
	if err := j.create(j.Next(), record); err != nil {
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
