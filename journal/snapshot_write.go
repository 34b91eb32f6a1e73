package journal

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"
	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// encoder is shared, since making one costs more than compressing a small snapshot. EncodeAll makes one frame with one level in one
// goroutine, so its bytes depend on the payload alone; the concurrency only says how many callers it serves at once.
var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(chunkBytes), zstd.WithEncoderCRC(false))
})

// Publish writes a snapshot whose replay begins with record lsn, durably and in one step: when it returns nil, the snapshot is there whole
// after any crash; when a crash comes first, it is there whole or not at all. Equal payloads give equal files on
// every machine. It may run beside a Journal in the same directory, and not beside another Publish or Prune.
func Publish(fsys vfs.FS, dir string, lsn uint64, payload []byte) error {
	if lsn == 0 || lsn >= lsnLimit {
		return fmt.Errorf("journal: a snapshot at record %d; it must be at least 1 and below %d", lsn, uint64(lsnLimit))
	}
	if n := chunkCount(uint64(len(payload)), chunkBytes); n > math.MaxUint32 {
		return &TooLargeError{What: "snapshot payload", Size: int64(len(payload)), Max: chunkBytes * math.MaxUint32}
	}
	enc, err := encoder()
	if err != nil {
		return err
	}
	return writeAtomic(fsys, filepath.Join(dir, snapshotName(lsn)), func(f vfs.File) error {
		return writeSnapshot(f, enc, lsn, payload, chunkBytes)
	})
}

// writeSnapshot writes the whole file, with one write for each chunk.
func writeSnapshot(f vfs.File, enc *zstd.Encoder, lsn uint64, payload []byte, chunk int) error {
	h := snapshotHeader{chunk: uint32(chunk), payload: uint64(len(payload)), lsn: lsn,
		chunks: uint32(chunkCount(uint64(len(payload)), uint32(chunk)))}
	buf := h.encode()
	off := int64(0)
	for raw := payload; len(raw) > 0; {
		n := min(len(raw), chunk)
		buf = appendChunk(buf, enc, raw[:n])
		raw = raw[n:]
		if _, err := f.WriteAt(buf, off); err != nil {
			return err
		}
		off += int64(len(buf))
		buf = buf[:0]
	}
	buf = append(buf, encodeTrailer(sha256.Sum256(payload))...)
	_, err := f.WriteAt(buf, off)
	return err
}

func appendChunk(b []byte, enc *zstd.Encoder, raw []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, chunkHeaderBytes)...)
	b = enc.EncodeAll(raw, b)
	head, data := b[start:start+chunkHeaderBytes], b[start+chunkHeaderBytes:]
	le.PutUint32(head, uint32(len(data)))
	le.PutUint32(head[4:], uint32(len(raw)))
	le.PutUint32(head[8:], chunkCRC(head, data))
	return b
}

// chunkCRC is the checksum of a chunk: its two lengths and its compressed bytes.
func chunkCRC(head, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:8], castagnoli), castagnoli, data)
}
