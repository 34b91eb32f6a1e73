package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

const (
	segmentMagic       = "rhzjrnl\n"
	segmentVersionNew  = 1               // of a segment that was zeros
	segmentVersionUsed = 2               // of a segment in the file of an older one
	segmentHeaderBytes = vfs.SectorBytes // a sector of its own: no later write can tear it
	segmentPrefix      = "journal-"
	segmentSuffix      = ".seg"
	tmpSuffix          = ".tmp"
)

// segmentHeader is the first sector of a segment file.
type segmentHeader struct {
	first uint64 // LSN of the first record
	size  int64  // of the file
	salt  uint64
	used  bool // the file held an older segment: what lies behind the records is not zeros
}

// segment is a file of the journal.
type segment struct {
	segmentHeader
	name string
}

func segmentName(first uint64) string {
	return fmt.Sprintf("%s%016x%s", segmentPrefix, first, segmentSuffix)
}

// OwnsSegmentFile says whether a file of that name in a directory is a segment of its journal.
func OwnsSegmentFile(name string) bool {
	_, ok := numberIn(name, segmentPrefix, segmentSuffix)
	return ok
}

// numberIn returns the number in a name of the form prefix, 16 lower hex digits, suffix.
func numberIn(name, prefix, suffix string) (uint64, bool) {
	digits, found := strings.CutPrefix(name, prefix)
	digits, found2 := strings.CutSuffix(digits, suffix)
	if !found || !found2 || len(digits) != 16 || digits != strings.ToLower(digits) {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil
}

func (h segmentHeader) encode() []byte {
	b := make([]byte, segmentHeaderBytes)
	copy(b, segmentMagic)
	le.PutUint32(b[8:], segmentVersionNew)
	if h.used {
		le.PutUint32(b[8:], segmentVersionUsed)
	}
	le.PutUint64(b[16:], h.first)
	le.PutUint64(b[24:], uint64(h.size))
	le.PutUint64(b[32:], h.salt)
	le.PutUint32(b[segmentHeaderBytes-4:], crc32.Checksum(b[:segmentHeaderBytes-4], castagnoli))
	return b
}

// decodeSegmentHeader reads a header; b has at least its size. A newer version is a *VersionError without a file, all
// other errors say what is wrong with it.
func decodeSegmentHeader(b []byte) (segmentHeader, error) {
	b = b[:segmentHeaderBytes]
	if string(b[:8]) != segmentMagic {
		return segmentHeader{}, errors.New("this is not a segment: the magic bytes are missing")
	}
	if crc32.Checksum(b[:segmentHeaderBytes-4], castagnoli) != le.Uint32(b[segmentHeaderBytes-4:]) {
		return segmentHeader{}, errors.New("the checksum of the header does not match")
	}
	v := le.Uint32(b[8:])
	switch {
	case v > segmentVersionUsed:
		return segmentHeader{}, &VersionError{Got: v, Want: segmentVersionUsed}
	case v < segmentVersionNew:
		return segmentHeader{}, fmt.Errorf("there is no format version %d", v)
	}
	h := segmentHeader{first: le.Uint64(b[16:]), salt: le.Uint64(b[32:]), used: v == segmentVersionUsed}
	size := le.Uint64(b[24:])
	if size < segmentHeaderBytes || size > segmentBytesLimit {
		return h, fmt.Errorf("the header gives a size of %d bytes; it must be between %d and %d", size,
			segmentHeaderBytes, segmentBytesLimit)
	}
	if h.first == 0 || h.first >= lsnLimit {
		return h, fmt.Errorf("the header gives the first record as %d", h.first)
	}
	h.size = int64(size)
	return h, nil
}

// createSegment makes a new segment file, durably and in one step, in place of one of the same name, and opens it.
func createSegment(fsys vfs.FS, dir string, h segmentHeader) (segment, vfs.File, error) {
	s := segment{segmentHeader: h, name: segmentName(h.first)}
	path := filepath.Join(dir, s.name)
	err := writeAtomic(fsys, path, func(f vfs.File) error {
		if err := f.Preallocate(h.size); err != nil {
			return err
		}
		_, err := f.WriteAt(h.encode(), 0)
		return err
	})
	if err != nil {
		return s, nil, err
	}
	f, err := fsys.OpenFile(path)
	return s, f, err
}
