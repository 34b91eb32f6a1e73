package journal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// What follows writes snapshots of format 1, as earlier releases did.

const oldChunkBytes = 256 << 10

var oldEncoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(oldChunkBytes), zstd.WithEncoderCRC(false))
})

func encodeV1(h headerV1, lsn uint64) []byte {
	b := make([]byte, snapshotHeaderBytes)
	copy(b, snapshotMagic)
	le.PutUint32(b[8:], 1)
	le.PutUint32(b[12:], h.chunk)
	le.PutUint64(b[16:], h.payload)
	le.PutUint32(b[24:], h.chunks)
	le.PutUint64(b[32:], lsn)
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

func encodeTrailerV1(root [32]byte) []byte {
	b := make([]byte, 36, snapshotTrailerBytes)
	copy(b, root[:])
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, snapshotEndMagic...)
}

func writeV1(f vfs.File, enc *zstd.Encoder, lsn uint64, payload []byte, chunk int) error {
	h := headerV1{chunk: uint32(chunk), payload: uint64(len(payload)),
		chunks: uint32(chunkCount(uint64(len(payload)), uint32(chunk)))}
	b := encodeV1(h, lsn)
	for raw := payload; len(raw) > 0; {
		n := min(len(raw), chunk)
		start := len(b)
		b = enc.EncodeAll(raw[:n], append(b, make([]byte, chunkHeaderBytes)...))
		head, data := b[start:start+chunkHeaderBytes], b[start+chunkHeaderBytes:]
		le.PutUint32(head, uint32(len(data)))
		le.PutUint32(head[4:], uint32(n))
		le.PutUint32(head[8:], chunkCRC(head, data))
		raw = raw[n:]
	}
	_, err := f.WriteAt(append(b, encodeTrailerV1(sha256.Sum256(payload))...), 0)
	return err
}

// publishV1 is what Publish was.
func publishV1(m *vfs.Mem, lsn uint64, payload []byte) error {
	enc, err := oldEncoder()
	if err != nil {
		return err
	}
	return writeAtomic(m, "d/"+snapshotName(lsn),
		func(f vfs.File) error { return writeV1(f, enc, lsn, payload, oldChunkBytes) })
}

// oldSnapshot writes a snapshot of three small chunks, and returns the file.
func oldSnapshot(t testing.TB, lsn uint64) (file, payload []byte) {
	m := snapshotDir(t)
	enc, err := oldEncoder()
	ok(t, err)
	f, err := m.Create("d/s")
	ok(t, err)
	payload = append(text(1, 100), bytes.Repeat([]byte{5}, 140)...)
	ok(t, writeV1(f, enc, lsn, payload, 100))
	file, err = vfs.ReadFile(m, "d/s", 1<<20)
	ok(t, err)
	return file, payload
}

// Every bit flip and every other length of a snapshot is refused, with a place.
func TestEveryDamageOfAnOldSnapshot(t *testing.T) {
	file, payload := oldSnapshot(t, 3)
	got, err := loadBytes(t, file, Limits{})
	if err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("unharmed: %v", err)
	}
	refused := func(b []byte, format string, args ...any) {
		t.Helper()
		_, err := loadBytes(t, b, Limits{})
		var corrupt *CorruptionError
		if !errors.As(err, &corrupt) || corrupt.Record != 3 || corrupt.Segment != snapshotName(3) ||
			corrupt.Offset < 0 || corrupt.Offset > int64(len(b)) {
			t.Errorf("%s: %v", fmt.Sprintf(format, args...), err)
		}
	}
	for bit := range len(file) * 8 {
		b := bytes.Clone(file)
		b[bit/8] ^= 1 << (bit % 8)
		refused(b, "bit %d", bit)
	}
	for n := range len(file) {
		refused(file[:n], "cut to %d bytes", n)
	}
	refused(append(bytes.Clone(file), 0), "one byte more")
	other, _ := oldSnapshot(t, 4)
	refused(other, "a snapshot of another record under this name")
	first := snapshotHeaderBytes
	n := chunkHeaderBytes + int(le.Uint32(file[first:]))
	m := chunkHeaderBytes + int(le.Uint32(file[first+n:]))
	swapped := slices.Concat(file[:first], file[first+n:first+n+m], file[first:first+n], file[first+n+m:])
	refused(swapped, "two chunks in the wrong order")
}

// trap hostile-length: what the header claims is held against the size of the file and the limits before anything is
// allocated.
func TestOldSnapshotClaims(t *testing.T) {
	file, _ := oldSnapshot(t, 3)
	claim := func(payload uint64, chunk, chunks uint32) []byte {
		return withHeader(file, func(b []byte) {
			le.PutUint32(b[12:], chunk)
			le.PutUint64(b[16:], payload)
			le.PutUint32(b[24:], chunks)
		})
	}
	for what, b := range map[string][]byte{
		"chunks of no bytes":       claim(240, 0, 3),
		"chunks of 4 GiB":          claim(240, 1<<32-1, 1),
		"too few chunks":           claim(240, 100, 2),
		"too many chunks":          claim(240, 100, 4),
		"more than the file holds": claim(900<<20, 16<<20, 57),
		"many tiny chunks":         claim(1000, 1, 1000),
		"a longer payload":         claim(250, 100, 3),
		"version 0":                withHeader(file, func(b []byte) { b[8] = 0 }),
	} {
		var corrupt *CorruptionError
		if _, err := loadBytes(t, b, Limits{}); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var large *TooLargeError
	if _, err := loadBytes(t, claim(1<<63, 16<<20, 1<<31), Limits{}); err == nil {
		t.Error("a payload of 8 EiB was accepted")
	}
	if _, err := loadBytes(t, claim(1<<40, 16<<20, 1<<16), Limits{}); !errors.As(err, &large) || large.Size != 1<<40 ||
		large.Max != PayloadBytesDefault() {
		t.Errorf("a payload of 1 TiB: %v", err)
	}
	if _, err := loadBytes(t, file, Limits{PayloadBytesMax: 239}); !errors.As(err, &large) {
		t.Errorf("a payload above the caller's limit: %v", err)
	}
	var version *VersionError
	newer := withHeader(file, func(b []byte) { b[8] = 9 })
	if _, err := loadBytes(t, newer, Limits{}); !errors.As(err, &version) || version.Got != 9 || version.Want != 2 {
		t.Errorf("a newer format: %v", err)
	}
}

// trap hostile-length: a chunk that decompresses to more than its place is refused without being decompressed whole.
func TestOldSnapshotBomb(t *testing.T) {
	enc, err := oldEncoder()
	ok(t, err)
	h := headerV1{chunk: 100, payload: 100, chunks: 1}
	head := make([]byte, chunkHeaderBytes)
	data := enc.EncodeAll(make([]byte, 4<<20), nil)
	le.PutUint32(head, uint32(len(data)))
	le.PutUint32(head[4:], 100)
	le.PutUint32(head[8:], chunkCRC(head, data))
	file := slices.Concat(encodeV1(h, 3), head, data, encodeTrailerV1(sha256.Sum256(make([]byte, 100))))
	var corrupt *CorruptionError
	if _, err := loadBytes(t, file, Limits{}); !errors.As(err, &corrupt) || corrupt.Offset != snapshotHeaderBytes {
		t.Errorf("%v", err)
	}
}
