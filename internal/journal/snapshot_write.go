package journal

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// writeBytes is how much is written at once.
const writeBytes = 1 << 20

// scratch is what a publication works in; it is used again.
type scratch struct{ raw, frame, out []byte }

var scratches = sync.Pool{New: func() any {
	return &scratch{raw: make([]byte, 0, largeChunkBytes), frame: make([]byte, 0, largeChunkBytes),
		out: make([]byte, 0, writeBytes+largeChunkBytes)}
}}

// snapshotWriter writes one snapshot file.
type snapshotWriter struct {
	f     vfs.File
	lsn   uint64
	enc   *zstd.Encoder
	base  map[[32]byte]entry // chunks that kept files hold and that may stay there
	known map[any][]entry    // chunks of large values of the snapshot before
	next  map[any][]entry    // those of this one
	own   map[[32]byte]entry // chunks of this file
	x     index
	off   uint64 // end of what was put
	*scratch
}

// write writes the whole file.
func (w *snapshotWriter) write(wall int64, parts []Part) error {
	w.scratch = scratches.Get().(*scratch)
	defer scratches.Put(w.scratch)
	w.out = append(w.out[:0], snapshotHeader(w.lsn, wall)...)
	w.off = snapshotHeaderBytes
	for _, p := range parts {
		if err := w.part(p); err != nil {
			return err
		}
	}
	root, err := w.pages()
	if err != nil {
		return err
	}
	info := &w.x.info
	info.SnapshotRef, info.Version, info.Wall = SnapshotRef{snapshotName(w.lsn), w.lsn}, snapshotVersion, wall
	info.Chunks, info.Root = len(w.x.leaves), rootOf(w.x.leaves)
	others := map[uint64]bool{}
	for i := range w.x.leaves {
		e := &w.x.leaves[i]
		info.PayloadBytes += int64(e.raw)
		if e.file != w.lsn {
			others[e.file] = true
			info.OtherBytes += int64(e.raw)
		}
	}
	info.Others = len(others)
	t := trailer{root: info.Root, payload: uint64(info.PayloadBytes), chunks: uint64(info.Chunks), at: w.off,
		pages: uint32(len(w.x.pages)), crc: crc32.Checksum(root, castagnoli), lsn: w.lsn}
	if err := w.bytes(root); err != nil {
		return err
	}
	if err := w.bytes(t.encode()); err != nil {
		return err
	}
	info.FileBytes = int64(w.off)
	return w.flush()
}

func (w *snapshotWriter) part(p Part) error {
	if p.Large != nil {
		return w.large(p.Large)
	}
	for b := p.Bytes; len(b) > 0; {
		n := cut(b)
		e, err := w.put(b[:n], true)
		if err != nil {
			return err
		}
		w.x.leaves = append(w.x.leaves, e)
		b = b[n:]
	}
	return nil
}

// large puts the chunks of a large value. One that the snapshot before had too is not read again, except for chunks
// that have to leave the file that they are in.
func (w *snapshotWriter) large(v Large) error {
	id, n := v.Identity(), v.Len()
	var before []entry
	if id != nil {
		before = w.known[id]
		if now := w.next[id]; now != nil {
			before = now
		}
	}
	first := len(w.x.leaves)
	for lo := 0; lo < n; lo += largeChunkBytes {
		if len(before) > 0 {
			e, ok := w.find(&before[0].digest)
			before = before[1:]
			if ok {
				w.x.leaves = append(w.x.leaves, e)
				continue
			}
		}
		w.raw = v.AppendRange(w.raw[:0], lo, min(lo+largeChunkBytes, n))
		e, err := w.put(w.raw, true)
		if err != nil {
			return err
		}
		w.x.leaves = append(w.x.leaves, e)
	}
	if id != nil {
		w.next[id] = w.x.leaves[first:len(w.x.leaves):len(w.x.leaves)]
	}
	return nil
}

// find returns where a chunk is.
func (w *snapshotWriter) find(digest *[32]byte) (entry, bool) {
	if e, ok := w.own[*digest]; ok {
		return e, true
	}
	e, ok := w.base[*digest]
	return e, ok
}

// put stores a chunk unless it is stored already.
func (w *snapshotWriter) put(raw []byte, small bool) (entry, error) {
	e := entry{digest: sha256.Sum256(raw), file: w.lsn, off: w.off, raw: uint32(len(raw)), form: formRaw}
	if there, ok := w.find(&e.digest); ok {
		return there, nil
	}
	stored := raw
	if small {
		w.frame = compress(w.enc, w.frame[:0], raw)
		if len(w.frame) > 0 {
			stored, e.form = w.frame, formZstd
		}
	}
	e.stored, e.crc = uint32(len(stored)), crc32.Checksum(stored, castagnoli)
	w.own[e.digest] = e
	return e, w.bytes(stored)
}

// pages puts the pages of the chunks and returns the entries of the pages.
func (w *snapshotWriter) pages() (root []byte, err error) {
	var page []byte
	for i := range w.x.leaves {
		page = w.x.leaves[i].append(page)
		if i+1 < len(w.x.leaves) && !endsPage(&w.x.leaves[i].digest) && len(page) < pageEntriesMax*entryBytes {
			continue
		}
		e, err := w.put(page, false)
		if err != nil {
			return nil, err
		}
		w.x.pages = append(w.x.pages, e)
		root, page = e.append(root), page[:0]
	}
	return root, nil
}

// bytes appends to the file.
func (w *snapshotWriter) bytes(b []byte) error {
	w.out = append(w.out, b...)
	w.off += uint64(len(b))
	if len(w.out) < writeBytes {
		return nil
	}
	return w.flush()
}

func (w *snapshotWriter) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.f.WriteAt(w.out, int64(w.off)-int64(len(w.out)))
	w.out = w.out[:0]
	return err
}

// checkLSN says whether a snapshot can have that number.
func checkLSN(lsn uint64) error {
	if lsn == 0 || lsn >= lsnLimit {
		return fmt.Errorf("journal: a snapshot at record %d; it must be at least 1 and below %d", lsn, uint64(lsnLimit))
	}
	return nil
}
