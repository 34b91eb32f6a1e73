package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sync"
)

// The file of a snapshot, format version 2, little endian. A payload is a row of chunks; a file holds the chunks that
// no kept file held before, and an index that names all:
//
//	 0  magic           8 bytes
//	 8  format version  uint32
//	32  LSN             uint64, as in the name
//	40  wall            int64, the writer's clock, ns since 1970, or 0
//	60  CRC32C          uint32 of bytes 0 to 60; all between that has no name is zero
//	64  body            stored chunks and pages, back to back, in the order in which they were first met
//	    root            an entry for each page
//	    trailer         96 bytes
//
// An entry, 64 bytes, names a chunk and says where it is:
//
//	 0  digest  SHA-256 of the chunk
//	32  file    uint64, LSN of the file that holds it: this one or an earlier one
//	40  offset  uint64
//	48  stored  uint32, length there
//	52  raw     uint32, length of the chunk
//	56  CRC32C  uint32 of the stored bytes
//	60  form    uint32: 0 as it is, 1 one zstd frame
//
// A page is a row of at most 256 entries, stored as it is, like a chunk. It ends behind an entry whose digest says so,
// so that a page that names no new chunk is one that an earlier file holds. The trailer:
//
//	 0  root digest  SHA-256 over raw length (uint32) and digest of every chunk: equal payloads in equal parts give equal ones,
//	                 wherever the chunks are
//	32  payload      uint64, length
//	40  chunks       uint64, number
//	48  root         uint64, offset
//	56  pages        uint32, number
//	60  CRC32C       uint32 of the root
//	64  LSN          uint64
//	72  zeros
//	84  CRC32C       uint32 of these 84 bytes
//	88  magic        8 bytes
//
// The places of the first magic, the version and the CRC of the header never change. Version 1 (snapshot_v1.go) is read
// only.
const (
	snapshotMagic         = "rhzsnap\n"
	snapshotEndMagic      = "rhzsend\n"
	snapshotVersion       = 2
	snapshotHeaderBytes   = 64
	snapshotTrailer2Bytes = 96
	entryBytes            = 64
	pageEntriesMax        = 256
	pageBits              = 31        // a page ends where these bits of a digest are zero: after 32 entries in the mean
	largeChunkBytes       = 128 << 10 // of large values
	chunkBytesLimit       = 16 << 20  // of any chunk that is read
	snapshotPrefix        = "snapshot-"
	snapshotSuffix        = ".snap"
	heldSuffix            = ".held" // of a file that is no snapshot any more and holds chunks of later ones
)

// SnapshotRef is a snapshot file by its name.
type SnapshotRef struct {
	Name string // in its directory
	LSN  uint64 // the first record to replay on it
}

// SnapshotInfo says what the checks of a snapshot have found.
type SnapshotInfo struct {
	SnapshotRef
	Version      uint32
	FileBytes    int64
	PayloadBytes int64
	Chunks       int
	Others       int      // earlier files that hold chunks of it
	OtherBytes   int64    // of the payload, in those
	Wall         int64    // the writer's clock, ns since 1970, or 0
	Root         [32]byte // of format 2 the root digest, of format 1 the SHA-256 of the payload
}

// PayloadBytesDefault is the payload that is read and published at most where nothing else is said: as much memory as
// the machine has, since a payload is held whole and a small file can name one chunk of zeros often. It is at least 4
// GiB, and 1 TiB where the machine does not tell; 2 GiB where addresses have 32 bits.
func PayloadBytesDefault() int64 { return payloadBytesDefault() }

var payloadBytesDefault = sync.OnceValue(func() int64 {
	const most, least = 1<<40 - 1, 4 << 30
	n := int64(most)
	if m := machineMemory(); m > 0 {
		n = min(max(m, least), most)
	}
	return min(n, math.MaxInt)
})

// Limits of what is read of a snapshot, and of what is published; the zero value is the default.
type Limits struct {
	// PayloadBytesMax is the largest payload that is read, and that is published. 0 is PayloadBytesDefault.
	PayloadBytesMax int64
	// RatioMax is the largest payload for each byte of a file of format 1. 0 is 32,768, above what zeros compress to.
	RatioMax int64
}

func (l Limits) withDefaults() Limits {
	if l.PayloadBytesMax <= 0 {
		l.PayloadBytesMax = PayloadBytesDefault()
	}
	if l.RatioMax <= 0 {
		l.RatioMax = 1 << 15
	}
	return l
}

func snapshotName(lsn uint64) string {
	return fmt.Sprintf("%s%016x%s", snapshotPrefix, lsn, snapshotSuffix)
}

func waypointName(lsn uint64) string {
	return fmt.Sprintf("%s%016x%s", snapshotPrefix, lsn, waypointSuffix)
}

func heldName(lsn uint64) string {
	return fmt.Sprintf("%s%016x%s", snapshotPrefix, lsn, heldSuffix)
}

// The forms in which a chunk is stored.
const (
	formRaw  = 0
	formZstd = 1
)

// entry names a chunk and says where it is.
type entry struct {
	digest      [32]byte
	file        uint64
	off         uint64
	stored, raw uint32
	crc         uint32
	form        uint32
}

func (e *entry) append(b []byte) []byte {
	b = append(b, e.digest[:]...)
	b = le.AppendUint64(b, e.file)
	b = le.AppendUint64(b, e.off)
	b = le.AppendUint32(b, e.stored)
	b = le.AppendUint32(b, e.raw)
	b = le.AppendUint32(b, e.crc)
	return le.AppendUint32(b, e.form)
}

func decodeEntry(b []byte) (e entry) {
	copy(e.digest[:], b)
	e.file, e.off = le.Uint64(b[32:]), le.Uint64(b[40:])
	e.stored, e.raw, e.crc, e.form = le.Uint32(b[48:]), le.Uint32(b[52:]), le.Uint32(b[56:]), le.Uint32(b[60:])
	return e
}

// unsound says what is wrong with an entry of the snapshot at record lsn, whose own chunks end at byte end; "" is
// nothing.
func (e *entry) unsound(lsn, end uint64) string {
	switch {
	case e.file == 0 || e.file > lsn:
		return fmt.Sprintf("a chunk is to be in the snapshot at record %d, which is none before", e.file)
	case e.raw == 0 || e.raw > chunkBytesLimit || e.stored == 0:
		return fmt.Sprintf("a chunk of %d bytes, stored in %d", e.raw, e.stored)
	case e.form > formZstd || e.form == formRaw && e.stored != e.raw || e.form == formZstd && e.stored >= e.raw:
		return fmt.Sprintf("a chunk of %d bytes, stored in %d, has the form %d", e.raw, e.stored, e.form)
	case e.off < snapshotHeaderBytes || e.off >= 1<<62 || e.file == lsn && e.off+uint64(e.stored) > end:
		return fmt.Sprintf("a chunk is to begin at byte %d of its file", e.off)
	}
	return ""
}

// endsPage says whether a page ends behind a chunk of that digest.
func endsPage(digest *[32]byte) bool { return digest[0]&pageBits == 0 }

func snapshotHeader(lsn uint64, wall int64) []byte {
	b := make([]byte, snapshotHeaderBytes)
	copy(b, snapshotMagic)
	le.PutUint32(b[8:], snapshotVersion)
	le.PutUint64(b[32:], lsn)
	le.PutUint64(b[40:], uint64(wall))
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// headerVersion checks what all versions have in common; b is a header. A version that is not known is a *VersionError
// without a file; all other errors say what is wrong.
func headerVersion(b []byte) (uint32, error) {
	if string(b[:8]) != snapshotMagic {
		return 0, errors.New("this is not a snapshot: the magic bytes are missing")
	}
	if crc32.Checksum(b[:60], castagnoli) != le.Uint32(b[60:]) {
		return 0, errors.New("the checksum of the header does not match")
	}
	switch v := le.Uint32(b[8:]); {
	case v > snapshotVersion:
		return v, &VersionError{Got: v, Want: snapshotVersion}
	case v == 0:
		return v, errors.New("there is no format version 0")
	default:
		return v, nil
	}
}

// trailer is the end of a snapshot file.
type trailer struct {
	root    [32]byte
	payload uint64
	chunks  uint64
	at      uint64 // where the entries of the pages begin
	pages   uint32
	crc     uint32 // of those entries
	lsn     uint64
}

func (t *trailer) encode() []byte {
	b := make([]byte, snapshotTrailer2Bytes)
	copy(b, t.root[:])
	le.PutUint64(b[32:], t.payload)
	le.PutUint64(b[40:], t.chunks)
	le.PutUint64(b[48:], t.at)
	le.PutUint32(b[56:], t.pages)
	le.PutUint32(b[60:], t.crc)
	le.PutUint64(b[64:], t.lsn)
	le.PutUint32(b[84:], crc32.Checksum(b[:84], castagnoli))
	copy(b[88:], snapshotEndMagic)
	return b
}

func decodeTrailer(b []byte) (t trailer, err error) {
	copy(t.root[:], b)
	t.payload, t.chunks, t.at = le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])
	t.pages, t.crc, t.lsn = le.Uint32(b[56:]), le.Uint32(b[60:]), le.Uint64(b[64:])
	switch {
	case string(b[88:]) != snapshotEndMagic:
		return t, errors.New("the magic bytes of the end are missing")
	case crc32.Checksum(b[:84], castagnoli) != le.Uint32(b[84:]):
		return t, errors.New("the checksum of the trailer does not match")
	}
	return t, nil
}

// rootOf returns the root digest of a row of chunks.
func rootOf(leaves []entry) [32]byte {
	h := sha256.New()
	var b [36]byte
	for i := range leaves {
		le.PutUint32(b[:], leaves[i].raw)
		copy(b[4:], leaves[i].digest[:])
		h.Write(b[:])
	}
	return [32]byte(h.Sum(nil))
}
