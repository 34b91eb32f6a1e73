package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Read calls fn for each record from number from up to the last one appended, in order. The payload is valid until fn
// returns. An error of fn ends the reading and is returned as it is. A number below the first or above Next is a
// *RangeError; Next itself reads nothing.
func (j *Journal) Read(from uint64, fn func(lsn uint64, payload []byte) error) error {
	segs, end, next, err := j.readable()
	if err != nil {
		return err
	}
	return j.read(segs, end, next, from, fn)
}

// read calls fn for the records from number from up to next in segments of which the last one ends at end.
func (j *Journal) read(segs []segment, end int64, next, from uint64,
	fn func(lsn uint64, payload []byte) error) (err error) {
	if from < segs[0].first || from > next {
		return &RangeError{LSN: from, First: segs[0].first, Next: next}
	}
	var buf []byte
	for i, seg := range segs {
		stop, size := next, end
		if i+1 < len(segs) {
			stop, size = segs[i+1].first, seg.size
		}
		if stop <= from || seg.first >= stop { // the last one may have no header yet
			continue
		}
		if buf, err = j.readSegment(seg, buf, size, from, stop, fn); err != nil {
			return err
		}
	}
	return nil
}

// readable writes what is gathered, and returns the segments, and the end of the last one in bytes and in records as
// far as it is written.
func (j *Journal) readable() (segs []segment, end int64, next uint64, err error) {
	j.syncing.Lock() // no other segment can become the active one
	defer j.syncing.Unlock()
	_, next, err = j.write()
	if err != nil {
		return nil, 0, 0, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.segs), j.end - int64(len(j.buf)), next, nil
}

// errStop ends a walk at the record that was the last one when Read began.
var errStop = errors.New("stop")

// readSegment reads the records from (or its first) to stop of one segment, which has size bytes of them.
func (j *Journal) readSegment(seg segment, buf []byte, size int64, from, stop uint64,
	fn func(uint64, []byte) error) ([]byte, error) {
	path := filepath.Join(j.dir, seg.name)
	f, err := j.fsys.Open(path)
	if err != nil {
		return buf, err
	}
	defer f.Close()
	there, err := f.Size()
	if err != nil {
		return buf, err
	}
	size = min(size, there) // one that is to be repaired may be shorter
	if buf, err = readPrefix(f, buf, size); err != nil {
		return buf, fmt.Errorf("journal: read %s: %w", path, err)
	}
	got, off, err := walk(buf, seg.segmentHeader, func(lsn uint64, payload []byte) error {
		switch {
		case lsn >= stop:
			return errStop
		case lsn < from:
			return nil
		}
		return fn(lsn, payload)
	})
	if err != nil && err != errStop {
		return buf, err
	}
	if got < stop {
		return buf, &CorruptionError{Dir: j.dir, Segment: seg.name, Offset: off, Record: got,
			Reason: "the record was whole when the journal was opened and no longer is"}
	}
	return buf, nil
}
