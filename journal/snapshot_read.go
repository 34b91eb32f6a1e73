package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// Load reads a snapshot and checks all of it. Damage is a *CorruptionError with the place, a newer format a *VersionError, a payload
// above the limits a *TooLargeError; nothing is allocated that the header claims and the size of the file and the limits
// do not allow.
func Load(fsys vfs.FS, dir, name string, lim Limits) ([]byte, *SnapshotInfo, error) {
	return readSnapshot(fsys, dir, name, lim, true)
}

// Verify makes all the checks of Load and keeps no more than one chunk in memory.
func Verify(fsys vfs.FS, dir, name string, lim Limits) (*SnapshotInfo, error) {
	_, info, err := readSnapshot(fsys, dir, name, lim, false)
	return info, err
}

// snapshotReader goes through the file of a snapshot once, from its beginning to its end.
type snapshotReader struct {
	f    vfs.File
	dir  string
	info SnapshotInfo
	off  int64
	dec  *zstd.Decoder
	sum  hash.Hash
	comp []byte // the compressed chunk
}

func readSnapshot(fsys vfs.FS, dir, name string, lim Limits, keep bool) ([]byte, *SnapshotInfo, error) {
	lsn, ok := numberIn(name, snapshotPrefix, snapshotSuffix)
	if !ok {
		return nil, nil, fmt.Errorf("journal: %s is not the name of a snapshot", name)
	}
	f, err := fsys.Open(filepath.Join(dir, name))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	r := &snapshotReader{f: f, dir: dir, info: SnapshotInfo{SnapshotRef: SnapshotRef{Name: name, LSN: lsn}}, sum: sha256.New()}
	if err := r.header(lim.withDefaults()); err != nil {
		return nil, nil, err
	}
	payload, err := r.chunks(keep)
	if err != nil {
		return nil, nil, err
	}
	if err := r.trailer(); err != nil {
		return nil, nil, err
	}
	return payload, &r.info, nil
}

// corrupt makes the error for a place in the file.
func (r *snapshotReader) corrupt(off int64, format string, args ...any) error {
	return &CorruptionError{Dir: r.dir, Segment: r.info.Name, Offset: off, Record: r.info.LSN, Reason: fmt.Sprintf(format, args...)}
}

// read fills b with what comes next in the file.
func (r *snapshotReader) read(b []byte, what string) error {
	err := vfs.ReadFull(r.f, b, r.off)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return r.corrupt(r.off, "the file ends within its %s", what)
	}
	if err != nil {
		return fmt.Errorf("journal: read %s: %w", filepath.Join(r.dir, r.info.Name), err)
	}
	r.off += int64(len(b))
	return nil
}

// header reads the header and holds its claims against the size of the file and the limits.
func (r *snapshotReader) header(lim Limits) error {
	size, err := r.f.Size()
	if err != nil {
		return err
	}
	var b [snapshotHeaderBytes]byte
	if err := r.read(b[:], "header"); err != nil {
		return err
	}
	h, err := decodeSnapshotHeader(b[:])
	var version *VersionError
	switch {
	case errors.As(err, &version):
		return &VersionError{File: filepath.Join(r.dir, r.info.Name), Got: version.Got, Want: version.Want}
	case err != nil:
		return r.corrupt(0, "%v", err)
	case h.lsn != r.info.LSN:
		return r.corrupt(0, "the header gives record %d", h.lsn)
	case h.payload > uint64(lim.PayloadBytesMax):
		return &TooLargeError{What: "snapshot payload in " + r.info.Name, Size: int64(min(h.payload, 1<<63-1)), Max: lim.PayloadBytesMax}
	case int64(h.payload)/lim.RatioMax > size:
		return r.corrupt(0, "a payload of %d bytes is claimed by a file of %d", h.payload, size)
	case int64(h.chunks) > size/chunkHeaderBytes:
		return r.corrupt(0, "%d chunks are claimed by a file of %d bytes", h.chunks, size)
	}
	r.info.Version, r.info.FileBytes = snapshotVersion, size
	r.info.PayloadBytes, r.info.ChunkBytes, r.info.Chunks = int64(h.payload), int(h.chunk), int(h.chunks)
	return nil
}

// chunks reads all chunks, into one payload or each over the one before.
func (r *snapshotReader) chunks(keep bool) ([]byte, error) {
	// The decoder writes into what it is given and never beyond, whatever a frame claims.
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(chunkBytesLimit),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	r.dec = dec
	size := r.info.PayloadBytes
	if !keep {
		size = min(size, int64(r.info.ChunkBytes))
	}
	payload := make([]byte, size)
	for left := r.info.PayloadBytes; left > 0; {
		n := min(left, int64(r.info.ChunkBytes))
		dst := payload[:n]
		if keep {
			dst = payload[r.info.PayloadBytes-left:][:n]
		}
		if err := r.chunk(dst); err != nil {
			return nil, err
		}
		left -= n
	}
	if !keep {
		return nil, nil
	}
	return payload, nil
}

// chunk reads the next chunk into dst, which has the size that it must have.
func (r *snapshotReader) chunk(dst []byte) error {
	at := r.off
	var head [chunkHeaderBytes]byte
	if err := r.read(head[:], "chunks"); err != nil {
		return err
	}
	n, raw := le.Uint32(head[:]), le.Uint32(head[4:])
	if int64(raw) != int64(len(dst)) {
		return r.corrupt(at, "the chunk has %d bytes; %d belong there", raw, len(dst))
	}
	// No encoder makes a frame longer than this, so a longer one is damage, and is not allocated.
	if most := int64(len(dst)) + int64(len(dst))/128 + 512; int64(n) > min(most, r.info.FileBytes-r.off) {
		return r.corrupt(at, "the chunk claims %d compressed bytes", n)
	}
	if cap(r.comp) < int(n) {
		r.comp = make([]byte, n)
	}
	data := r.comp[:n]
	if err := r.read(data, "chunks"); err != nil {
		return err
	}
	if chunkCRC(head[:], data) != le.Uint32(head[8:]) {
		return r.corrupt(at, "the checksum of the chunk does not match")
	}
	out, err := r.dec.DecodeAll(data, dst[:0:len(dst)])
	if err != nil {
		return r.corrupt(at, "the chunk cannot be decompressed: %v", err)
	}
	if len(out) != len(dst) {
		return r.corrupt(at, "the chunk decompresses to %d bytes instead of %d", len(out), len(dst))
	}
	r.sum.Write(out)
	return nil
}

// trailer reads the digest and compares it; the file ends there.
func (r *snapshotReader) trailer() error {
	at := r.off
	var b [snapshotTrailerBytes]byte
	if err := r.read(b[:], "trailer"); err != nil {
		return err
	}
	root, err := decodeTrailer(b[:])
	switch {
	case err != nil:
		return r.corrupt(at, "%v", err)
	case root != [32]byte(r.sum.Sum(nil)):
		return r.corrupt(at, "the digest of the payload does not match")
	case r.off != r.info.FileBytes:
		return r.corrupt(r.off, "%d bytes follow the end", r.info.FileBytes-r.off)
	}
	r.info.Root = root
	return nil
}
