package journal

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// index is what a snapshot file says of its chunks, checked. It is immutable.
type index struct {
	info   SnapshotInfo
	leaves []entry // of format 1: none
	pages  []entry
}

// each calls fn for all chunks and pages.
func (x *index) each(fn func(*entry)) {
	for i := range x.leaves {
		fn(&x.leaves[i])
	}
	for i := range x.pages {
		fn(&x.pages[i])
	}
}

// files returns which files hold the snapshot, its own included.
func (x *index) files() map[uint64]bool {
	in := map[uint64]bool{x.info.LSN: true}
	x.each(func(e *entry) { in[e.file] = true })
	return in
}

// source reads one snapshot: its file, and those that hold its other chunks. It is used by one goroutine.
type source struct {
	fsys  vfs.FS
	dir   string
	ref   SnapshotRef
	files map[uint64]vfs.File
	names map[uint64]string
	frame []byte // a stored chunk
	dec   *frameDecoder
}

func openSource(fsys vfs.FS, dir, name string) (*source, error) {
	lsn, ok := numberIn(name, snapshotPrefix, snapshotSuffix)
	if !ok {
		return nil, fmt.Errorf("journal: %s is not the name of a snapshot", name)
	}
	f, err := fsys.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	return &source{
		fsys: fsys, dir: dir, ref: SnapshotRef{name, lsn}, files: map[uint64]vfs.File{lsn: f},
		names: map[uint64]string{lsn: name},
	}, nil
}

func (s *source) close() {
	for _, f := range s.files {
		f.Close()
	}
	s.dec.close()
}

// corrupt makes the error for a place in one of the files.
func (s *source) corrupt(file uint64, off int64, format string, args ...any) error {
	e := &CorruptionError{Dir: s.dir, Segment: s.names[file], Offset: off, Record: s.ref.LSN,
		Reason: fmt.Sprintf(format, args...)}
	if file != s.ref.LSN {
		e.Reason += fmt.Sprintf(" (%s needs it)", s.ref.Name)
	}
	return e
}

// open returns the file that holds chunks, under either of its names.
func (s *source) open(file uint64) (vfs.File, error) {
	if f, ok := s.files[file]; ok {
		return f, nil
	}
	for _, name := range []string{snapshotName(file), heldName(file)} {
		f, err := s.fsys.Open(filepath.Join(s.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.files[file], s.names[file] = f, name
		return f, nil
	}
	s.names[file] = snapshotName(file)
	return nil, s.corrupt(file, 0, "the file is missing")
}

// read fills b with what is at a place.
func (s *source) read(file uint64, off int64, b []byte, what string) error {
	f, err := s.open(file)
	if err != nil {
		return err
	}
	err = vfs.ReadFull(f, b, off)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return s.corrupt(file, off, "the file ends within its %s", what)
	}
	if err != nil {
		return fmt.Errorf("journal: read %s: %w", filepath.Join(s.dir, s.names[file]), err)
	}
	return nil
}

// header reads the header and returns the version.
func (s *source) header() (b [snapshotHeaderBytes]byte, version uint32, err error) {
	if err := s.read(s.ref.LSN, 0, b[:], "header"); err != nil {
		return b, 0, err
	}
	version, err = headerVersion(b[:])
	var newer *VersionError
	switch {
	case errors.As(err, &newer):
		return b, 0, &VersionError{File: filepath.Join(s.dir, s.ref.Name), Got: newer.Got, Want: newer.Want}
	case err != nil:
		return b, 0, s.corrupt(s.ref.LSN, 0, "%v", err)
	case le.Uint64(b[32:]) != s.ref.LSN:
		return b, 0, s.corrupt(s.ref.LSN, 0, "the header gives record %d", le.Uint64(b[32:]))
	}
	return b, version, nil
}

// index reads the index of a file of format 2 and checks all of it. Nothing is allocated that the sizes of files and
// the limits do not allow.
func (s *source) index(head []byte, lim Limits) (*index, error) {
	lsn := s.ref.LSN
	size, err := s.files[lsn].Size()
	if err != nil {
		return nil, err
	}
	for i, b := range head[12:60] {
		if b != 0 && (i < 20 || i >= 36) {
			return nil, s.corrupt(lsn, int64(12+i), "the byte must be zero")
		}
	}
	end := size - snapshotTrailer2Bytes
	if end < snapshotHeaderBytes {
		return nil, s.corrupt(lsn, size, "the file ends within its trailer")
	}
	var b [snapshotTrailer2Bytes]byte
	if err := s.read(lsn, end, b[:], "trailer"); err != nil {
		return nil, err
	}
	t, err := decodeTrailer(b[:])
	switch {
	case err != nil:
		return nil, s.corrupt(lsn, end, "%v", err)
	case t.lsn != lsn:
		return nil, s.corrupt(lsn, end, "the trailer gives record %d", t.lsn)
	case t.payload > uint64(lim.PayloadBytesMax):
		return nil, &TooLargeError{What: "snapshot payload in " + s.ref.Name, Size: int64(min(t.payload, 1<<63-1)),
			Max: lim.PayloadBytesMax}
	case t.at < snapshotHeaderBytes || t.at > uint64(end) || uint64(end)-t.at != uint64(t.pages)*entryBytes:
		return nil, s.corrupt(lsn, end, "%d pages are claimed from byte %d to %d", t.pages, t.at, end)
	case t.chunks > t.payload || t.chunks > uint64(t.pages)*pageEntriesMax:
		return nil, s.corrupt(lsn, end, "%d chunks are claimed on %d pages", t.chunks, t.pages)
	}
	x := &index{info: SnapshotInfo{SnapshotRef: s.ref, Version: snapshotVersion, FileBytes: size,
		PayloadBytes: int64(t.payload),
		Chunks:       int(t.chunks), Wall: int64(le.Uint64(head[40:])), Root: t.root}}
	if err := s.pages(x, &t); err != nil {
		return nil, err
	}
	return x, s.account(x, &t, end)
}

// pages reads the pages and the entries on them.
func (s *source) pages(x *index, t *trailer) error {
	lsn := s.ref.LSN
	root := make([]byte, int(t.pages)*entryBytes)
	if err := s.read(lsn, int64(t.at), root, "root"); err != nil {
		return err
	}
	if crc32.Checksum(root, castagnoli) != t.crc {
		return s.corrupt(lsn, int64(t.at), "the checksum of the root does not match")
	}
	for off := 0; off < len(root); off += entryBytes {
		e := decodeEntry(root[off:])
		why := e.unsound(lsn, t.at)
		if why == "" && (e.form != formRaw || e.raw%entryBytes != 0 || e.raw > pageEntriesMax*entryBytes) {
			why = fmt.Sprintf("a page of %d bytes", e.raw)
		}
		if why != "" {
			return s.corrupt(lsn, int64(t.at)+int64(off), "%s", why)
		}
		page := make([]byte, e.raw)
		if err := s.chunk(&e, page); err != nil {
			return err
		}
		for i := 0; i < len(page); i += entryBytes {
			l := decodeEntry(page[i:])
			if why := l.unsound(lsn, t.at); why != "" {
				return s.corrupt(e.file, int64(e.off)+int64(i), "%s", why)
			}
			x.leaves = append(x.leaves, l)
		}
		x.pages = append(x.pages, e)
	}
	return nil
}

// account holds the entries against the trailer, and the own ones against the body of the file: they lie in it without
// a gap.
func (s *source) account(x *index, t *trailer, end int64) error {
	lsn, sum := s.ref.LSN, uint64(0)
	for i := range x.leaves {
		sum += uint64(x.leaves[i].raw)
	}
	switch {
	case uint64(len(x.leaves)) != t.chunks || sum != t.payload:
		return s.corrupt(lsn, end, "%d chunks with %d bytes are claimed; the pages name %d with %d", t.chunks,
			t.payload, len(x.leaves), sum)
	case rootOf(x.leaves) != t.root:
		return s.corrupt(lsn, end, "the root digest does not match")
	}
	var own []entry
	others := map[uint64]bool{}
	x.each(func(e *entry) {
		if e.file == lsn {
			own = append(own, *e)
		}
	})
	for i := range x.leaves {
		if e := &x.leaves[i]; e.file != lsn {
			others[e.file] = true
			x.info.OtherBytes += int64(e.raw)
		}
	}
	x.info.Others = len(others)
	slices.SortFunc(own, func(a, b entry) int { return cmp.Compare(a.off, b.off) })
	at := uint64(snapshotHeaderBytes)
	for i := range own {
		if i > 0 && own[i] == own[i-1] {
			continue
		}
		if own[i].off != at {
			return s.corrupt(lsn, int64(at), "a chunk is named at byte %d, and none here", own[i].off)
		}
		at += uint64(own[i].stored)
	}
	if at != t.at {
		return s.corrupt(lsn, int64(at), "no chunk is named up to byte %d", t.at)
	}
	return nil
}
