package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// The file of a snapshot, little endian:
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
//
// The places of the first magic, the version and the CRC of the header never change.
const (
	snapshotMagic        = "rhzsnap\n"
	snapshotEndMagic     = "rhzsend\n"
	snapshotVersion      = 1
	snapshotHeaderBytes  = 64
	snapshotTrailerBytes = 48
	chunkHeaderBytes     = 12
	chunkBytes           = 256 << 10 // of new snapshots
	chunkBytesLimit      = 16 << 20  // of any that is read
	snapshotPrefix       = "snapshot-"
	snapshotSuffix       = ".snap"
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
	ChunkBytes   int      // size of a full chunk
	Chunks       int      // their number
	Root         [32]byte // SHA-256 of the payload
}

// Limits of what is read of a snapshot; the zero value is the default.
type Limits struct {
	// PayloadBytesMax is the largest payload that is read. 0 is 2 GiB.
	PayloadBytesMax int64
	// RatioMax is the largest payload for each byte of the file. 0 is 32,768, above what zeros compress to.
	RatioMax int64
}

func (l Limits) withDefaults() Limits {
	if l.PayloadBytesMax <= 0 {
		l.PayloadBytesMax = 2 << 30
	}
	if l.RatioMax <= 0 {
		l.RatioMax = 1 << 15
	}
	return l
}

func snapshotName(lsn uint64) string {
	return fmt.Sprintf("%s%016x%s", snapshotPrefix, lsn, snapshotSuffix)
}

// snapshotHeader is the beginning of a snapshot file.
type snapshotHeader struct {
	chunk   uint32
	payload uint64
	chunks  uint32
	lsn     uint64
}

func (h snapshotHeader) encode() []byte {
	b := make([]byte, snapshotHeaderBytes)
	copy(b, snapshotMagic)
	le.PutUint32(b[8:], snapshotVersion)
	le.PutUint32(b[12:], h.chunk)
	le.PutUint64(b[16:], h.payload)
	le.PutUint32(b[24:], h.chunks)
	le.PutUint64(b[32:], h.lsn)
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// decodeSnapshotHeader reads a header; b has its size. A newer version is a *VersionError without a file, all other errors say what is
// wrong with it.
func decodeSnapshotHeader(b []byte) (snapshotHeader, error) {
	if string(b[:8]) != snapshotMagic {
		return snapshotHeader{}, errors.New("this is not a snapshot: the magic bytes are missing")
	}
	if crc32.Checksum(b[:60], castagnoli) != le.Uint32(b[60:]) {
		return snapshotHeader{}, errors.New("the checksum of the header does not match")
	}
	if v := le.Uint32(b[8:]); v > snapshotVersion {
		return snapshotHeader{}, &VersionError{Got: v, Want: snapshotVersion}
	} else if v != snapshotVersion {
		return snapshotHeader{}, fmt.Errorf("there is no format version %d", v)
	}
	h := snapshotHeader{chunk: le.Uint32(b[12:]), payload: le.Uint64(b[16:]), chunks: le.Uint32(b[24:]), lsn: le.Uint64(b[32:])}
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

func encodeTrailer(root [32]byte) []byte {
	b := make([]byte, 36, snapshotTrailerBytes)
	copy(b, root[:])
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, snapshotEndMagic...)
}

// decodeTrailer reads the digest of the payload; b has the size of a trailer.
func decodeTrailer(b []byte) (root [32]byte, err error) {
	copy(root[:], b)
	switch {
	case string(b[40:]) != snapshotEndMagic:
		return root, errors.New("the magic bytes of the end are missing")
	case crc32.Checksum(b[:36], castagnoli) != le.Uint32(b[36:]):
		return root, errors.New("the checksum of the trailer does not match")
	}
	return root, nil
}
