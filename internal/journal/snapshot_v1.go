package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// The file of a snapshot in format version 1, which earlier releases wrote:
//
//	 0  magic           8 bytes
//	 8  format version  uint32
//	12  chunk size      uint32, of every chunk but the last, before compression
//	16  payload length  uint64
//	24  chunk count     uint32
//	32  LSN             uint64, as in the name
//	60  CRC32C          uint32 of bytes 0 to 60
//	64  chunks: compressed length uint32, raw length uint32, CRC32C uint32 of both lengths and the compressed bytes, one zstd frame
//	    trailer: SHA-256 of the payload, 4 zero bytes, CRC32C uint32 of these 36 bytes, magic 8 bytes
const (
	snapshotTrailerBytes = 48
	chunkHeaderBytes     = 12
)

// headerV1 is what the beginning of a file claims.
type headerV1 struct {
	chunk   uint32
	payload uint64
	chunks  uint32
}

// decodeHeaderV1 reads the rest of a header whose version was read; errors say what is wrong with it.
func decodeHeaderV1(b []byte) (headerV1, error) {
	h := headerV1{chunk: le.Uint32(b[12:]), payload: le.Uint64(b[16:]), chunks: le.Uint32(b[24:])}
	if h.chunk == 0 || h.chunk > chunkBytesLimit {
		return h, fmt.Errorf("the chunk size is %d; it must be between 1 and %d", h.chunk, chunkBytesLimit)
	}
	if want := chunkCount(h.payload, h.chunk); uint64(h.chunks) != want {
		return h, fmt.Errorf("%d chunks are given for a payload of %d bytes; it has %d", h.chunks, h.payload, want)
	}
	return h, nil
}

func chunkCount(payload uint64, chunk uint32) uint64 {
	n := payload / uint64(chunk)
	if payload%uint64(chunk) != 0 {
		n++
	}
	return n
}

// chunkCRC is the checksum of a chunk: its two lengths and its compressed bytes.
func chunkCRC(head, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:8], castagnoli), castagnoli, data)
}

// decodeTrailerV1 reads the digest of the payload; b has the size of a trailer.
func decodeTrailerV1(b []byte) (root [32]byte, err error) {
	copy(root[:], b)
	switch {
	case string(b[40:]) != snapshotEndMagic:
		return root, errors.New("the magic bytes of the end are missing")
	case crc32.Checksum(b[:36], castagnoli) != le.Uint32(b[36:]):
		return root, errors.New("the checksum of the trailer does not match")
	}
	return root, nil
}

// readerV1 goes through the file of a snapshot once, from its beginning to its end.
type readerV1 struct {
	f    vfs.File
	dir  string
	info SnapshotInfo
	off  int64
	dec  *frameDecoder
	sum  hash.Hash
	comp []byte // the compressed chunk

	chunkBytes int // size of a full chunk
}

// readV1 reads and checks a whole file.
func readV1(f vfs.File, dir string, ref SnapshotRef, lim Limits) ([]byte, *SnapshotInfo, error) {
	r := &readerV1{f: f, dir: dir, info: SnapshotInfo{SnapshotRef: ref}, sum: sha256.New()}
	if err := r.header(lim); err != nil {
		return nil, nil, err
	}
	payload, err := r.chunks()
	if err != nil {
		return nil, nil, err
	}
	if err := r.trailer(); err != nil {
		return nil, nil, err
	}
	return payload, &r.info, nil
}

// corrupt makes the error for a place in the file.
func (r *readerV1) corrupt(off int64, format string, args ...any) error {
	return &CorruptionError{Dir: r.dir, Segment: r.info.Name, Offset: off, Record: r.info.LSN,
		Reason: fmt.Sprintf(format, args...)}
}

// read fills b with what comes next in the file.
func (r *readerV1) read(b []byte, what string) error {
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
func (r *readerV1) header(lim Limits) error {
	size, err := r.f.Size()
	if err != nil {
		return err
	}
	var b [snapshotHeaderBytes]byte
	if err := r.read(b[:], "header"); err != nil {
		return err
	}
	h, err := decodeHeaderV1(b[:])
	switch {
	case err != nil:
		return r.corrupt(0, "%v", err)
	case h.payload > uint64(lim.PayloadBytesMax):
		return &TooLargeError{What: "snapshot payload in " + r.info.Name, Size: int64(min(h.payload, 1<<63-1)),
			Max: lim.PayloadBytesMax}
	case int64(h.payload)/lim.RatioMax > size:
		return r.corrupt(0, "a payload of %d bytes is claimed by a file of %d", h.payload, size)
	case int64(h.chunks) > size/chunkHeaderBytes:
		return r.corrupt(0, "%d chunks are claimed by a file of %d bytes", h.chunks, size)
	}
	r.info.Version, r.info.FileBytes = 1, size
	r.info.PayloadBytes, r.info.Chunks, r.chunkBytes = int64(h.payload), int(h.chunks), int(h.chunk)
	return nil
}

// chunks reads all chunks into one payload.
func (r *readerV1) chunks() ([]byte, error) {
	var err error
	if r.dec, err = newFrameDecoder(); err != nil {
		return nil, err
	}
	defer r.dec.close()
	payload := make([]byte, r.info.PayloadBytes)
	for rest := payload; len(rest) > 0; {
		n := min(len(rest), r.chunkBytes)
		if err := r.chunk(rest[:n]); err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return payload, nil
}

// chunk reads the next chunk into dst, which has the size that it must have.
func (r *readerV1) chunk(dst []byte) error {
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
	size, err := r.dec.decode(dst, data)
	if err != nil {
		return r.corrupt(at, "the chunk cannot be decompressed: %v", err)
	}
	if size != len(dst) {
		return r.corrupt(at, "the chunk decompresses to %d bytes instead of %d", size, len(dst))
	}
	r.sum.Write(dst)
	return nil
}

// trailer reads the digest and compares it; the file ends there.
func (r *readerV1) trailer() error {
	at := r.off
	var b [snapshotTrailerBytes]byte
	if err := r.read(b[:], "trailer"); err != nil {
		return err
	}
	root, err := decodeTrailerV1(b[:])
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
