package journal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// scanner reads the files of a journal in order, and changes nothing.
type scanner struct {
	fsys  vfs.FS
	dir   string
	segs  []segment
	rep   Report
	fix   []repair // what Open has to do, in order
	end   int64    // where the next record goes in the last segment
	ended bool     // no record begins there
	buf   []byte   // the content of the last file that was read

	from  uint64                       // segments that hold only records below it are left out
	visit func(Position, []byte) error // sees each whole record, or nil
}

// repair is one thing to do to a file before the journal can go on.
type repair struct {
	seg    segment
	from   int64 // zeros from here to the end
	header bool  // it has none: make the file anew
}

// Scan reads a whole journal and reports on it without changing anything; Restarted is never set. A missing directory
// is an error, an empty one an empty journal, with First and Next 0.
func Scan(fsys vfs.FS, dir string) (*Report, error) {
	s := scanner{fsys: fsys, dir: dir}
	if err := s.scan(); err != nil {
		return nil, err
	}
	return &s.rep, nil
}

func (s *scanner) scan() error {
	names, err := s.fsys.List(s.dir)
	if err != nil {
		return err
	}
	var mine []string // sorted, thus in the order of their numbers
	for _, name := range names {
		if _, ok := numberIn(name, segmentPrefix, segmentSuffix); ok {
			mine = append(mine, name)
		}
	}
	for i, name := range mine {
		if i+1 < len(mine) {
			if next, _ := numberIn(mine[i+1], segmentPrefix, segmentSuffix); next <= s.from {
				continue
			}
		}
		if err := s.segment(name, i == len(mine)-1); err != nil {
			return err
		}
	}
	s.rep.Segments = len(mine)
	return nil
}

// corrupt makes the error for a place in a file.
func (s *scanner) corrupt(name string, off int64, record uint64, format string, args ...any) error {
	return &CorruptionError{Dir: s.dir, Segment: name, Offset: off, Record: record,
		Reason: fmt.Sprintf(format, args...)}
}

// segment reads one file and takes it into the row.
func (s *scanner) segment(name string, last bool) error {
	first, _ := numberIn(name, segmentPrefix, segmentSuffix)
	if first == 0 || first >= lsnLimit {
		return s.corrupt(name, 0, s.rep.Next, "the name gives the first record as %d", first)
	}
	if err := s.load(name); err != nil {
		return err
	}
	if len(s.segs) == 0 {
		s.rep.First, s.rep.Next = first, first
	} else if s.rep.Next != first {
		return s.gap(s.segs[len(s.segs)-1], first)
	}
	if len(s.buf) < segmentHeaderBytes {
		return s.headless(name, first, last)
	}
	h, err := decodeSegmentHeader(s.buf)
	var version *VersionError
	switch {
	case errors.As(err, &version):
		return &VersionError{File: filepath.Join(s.dir, name), Got: version.Got, Want: version.Want}
	case err != nil:
		return s.corrupt(name, 0, first, "%v", err)
	case h.first != first:
		return s.corrupt(name, 0, first, "the header gives the first record as %d", h.first)
	case int64(len(s.buf)) > h.size:
		return s.corrupt(name, h.size, first, "the file has %d bytes, its header gives %d", len(s.buf), h.size)
	}
	seg := segment{segmentHeader: h, name: name}
	s.segs = append(s.segs, seg)
	at := Position{Segment: name, Offset: segmentHeaderBytes}
	next, end, err := walk(s.buf, h, func(lsn uint64, payload []byte) error {
		if s.visit == nil {
			return nil
		}
		at.Record = lsn
		err := s.visit(at, payload)
		at.Offset += recordBytes(len(payload))
		return err
	})
	if err != nil {
		return err
	}
	s.rep.Next, s.end = next, end
	s.ended = int64(len(s.buf)) == h.size && bytes.Equal(s.buf[end:min(end+endBytes, int64(len(s.buf)))],
		zeros[:min(endBytes, int64(len(s.buf))-end)])
	return s.judge(seg, last)
}

// gap says what is wrong where a segment does not begin with the record that comes next. Where no record begins behind
// the last whole one, that may be the right end of the segment before, and files between the two are gone.
func (s *scanner) gap(before segment, first uint64) error {
	if first < s.rep.Next || !s.ended {
		return s.corrupt(before.name, s.end, s.rep.Next, "the next segment begins with record %d", first)
	}
	return s.corrupt(before.name, s.end, s.rep.Next,
		"records %d to %d are in no file, and the next segment begins with record %d: segments between the two are "+
			"gone, or the end of this one is; "+
			"bring them back from a copy", s.rep.Next, first-1, first)
}

// load reads a file into the buffer.
func (s *scanner) load(name string) error {
	f, err := s.fsys.Open(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size > segmentBytesLimit {
		return s.corrupt(name, segmentBytesLimit, s.rep.Next, "the file has %d bytes; no segment has more than %d",
			size, segmentBytesLimit)
	}
	s.buf, err = readPrefix(f, s.buf, size)
	if err != nil {
		return fmt.Errorf("journal: read %s: %w", filepath.Join(s.dir, name), err)
	}
	return nil
}

// readPrefix reads the first n bytes of a file into buf, or into a larger one.
func readPrefix(f vfs.File, buf []byte, n int64) ([]byte, error) {
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	return buf, vfs.ReadFull(f, buf, 0)
}

// headless takes a file too short for a header, which only the last may be.
func (s *scanner) headless(name string, first uint64, last bool) error {
	if !last {
		if len(s.buf) == 0 {
			return s.corrupt(name, 0, first, "the file is empty, and a later segment is there")
		}
		return s.corrupt(name, int64(len(s.buf)), first,
			"the file ends within its header, and a later segment is there")
	}
	seg := segment{segmentHeader: segmentHeader{first: first}, name: name}
	s.segs = append(s.segs, seg)
	s.fix = append(s.fix, repair{seg: seg, header: true})
	s.rep.Short = true
	s.rep.TornBytes = int64(len(s.buf))
	s.rep.TornAt = Position{Segment: name, Record: first}
	s.end = segmentHeaderBytes
	return nil
}

// judge decides about what lies behind the last whole record of a segment.
func (s *scanner) judge(seg segment, last bool) error {
	short := int64(len(s.buf)) < seg.size
	if seg.used {
		return s.judgeUsed(seg, last, short)
	}
	torn := int64(len(bytes.TrimRight(s.buf[s.end:], "\x00")))
	if torn > 0 && !last {
		return s.corrupt(seg.name, s.end, s.rep.Next,
			"the record does not match its checksums, and a later segment is there")
	}
	if torn > 0 {
		dropped, _, reason := tail(s.buf[s.end:], seg.salt, s.rep.Next)
		if reason != "" {
			return s.corrupt(seg.name, s.end, s.rep.Next, "%s", reason)
		}
		s.rep.TornBytes, s.rep.Dropped = torn, dropped
	}
	s.cut(seg, torn, short)
	return nil
}

// judgeUsed does so for a segment in a used file, where anything may lie behind the records. If they end well, a head
// of zeros follows, and no head of this segment. That a segment is followed by the next one is what shows it whole if
// it is not the last.
func (s *scanner) judgeUsed(seg segment, last, short bool) error {
	torn := int64(0)
	if last {
		behind := s.buf[s.end:]
		dropped, reach, reason := tail(behind, seg.salt, s.rep.Next)
		if reason != "" {
			return s.corrupt(seg.name, s.end, s.rep.Next, "%s", reason)
		}
		if mark := behind[:min(endBytes, len(behind))]; !bytes.Equal(mark, zeros[:len(mark)]) {
			torn = min(recordHeaderBytes, int64(len(behind)))
		}
		torn = max(torn, int64(reach))
		s.rep.TornBytes, s.rep.Dropped = torn, dropped
	}
	s.cut(seg, torn, short)
	return nil
}

// cut notes what has to be repaired of a segment whose records end at s.end.
func (s *scanner) cut(seg segment, torn int64, short bool) {
	if torn > 0 || short {
		s.rep.TornAt = Position{Segment: seg.name, Offset: s.end, Record: s.rep.Next}
		s.rep.Short = s.rep.Short || short
		s.fix = append(s.fix, repair{seg: seg, from: s.end})
	}
}
