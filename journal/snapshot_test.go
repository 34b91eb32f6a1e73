package journal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/rhizome-ml/rhizome/journal/vfs"
)

func snapshotDir(t testing.TB) *vfs.Mem {
	m := vfs.NewMem()
	ok(t, m.MkdirAll(dir))
	return m
}

func TestPublishAndLoad(t *testing.T) {
	for _, size := range []int{0, 1, 1000, chunkBytes, chunkBytes + 1, 3*chunkBytes + 17} {
		for what, payload := range map[string][]byte{"zeros": make([]byte, size), "text": text(uint64(size), size), "noise": noise(size)} {
			m := snapshotDir(t)
			ok(t, Publish(m, dir, 7, payload))
			got, info, err := Load(m, dir, snapshotName(7), Limits{})
			if err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("%d bytes of %s: %d bytes, %v", size, what, len(got), err)
			}
			fileBytes, err := m.Stat("d/" + snapshotName(7))
			ok(t, err)
			want := SnapshotInfo{SnapshotRef: SnapshotRef{snapshotName(7), 7}, Version: 1, FileBytes: fileBytes,
				PayloadBytes: int64(size), ChunkBytes: chunkBytes, Chunks: (size + chunkBytes - 1) / chunkBytes, Root: sha256.Sum256(payload)}
			if *info != want {
				t.Errorf("info %+v, want %+v", *info, want)
			}
			again, err := Verify(m, dir, snapshotName(7), Limits{})
			if err != nil || *again != want {
				t.Errorf("verified %+v, %v", again, err)
			}
		}
	}
	for _, lsn := range []uint64{0, 1 << 63} {
		if Publish(snapshotDir(t), dir, lsn, nil) == nil {
			t.Errorf("a snapshot at record %d was published", lsn)
		}
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	rng := seeded(n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// The encoder is shared and used again; what it did before, and what it does at the same time, must not show in the bytes.
func TestSnapshotBytesDependOnThePayloadAlone(t *testing.T) {
	var payloads [][]byte
	for i := range 12 {
		payloads = append(payloads, append(noise(1000*i), bytes.Repeat(text(uint64(i), 3000), 40+i)...))
	}
	file := func(m *vfs.Mem, lsn int) string {
		b, err := vfs.ReadFile(m, "d/"+snapshotName(uint64(lsn)), 1<<30)
		ok(t, err)
		return string(b)
	}
	want := make([]string, len(payloads))
	for i, p := range payloads {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(chunkBytes), zstd.WithEncoderCRC(false))
		ok(t, err)
		m := snapshotDir(t)
		f, err := m.Create("d/" + snapshotName(uint64(i+1)))
		ok(t, err)
		ok(t, writeSnapshot(f, enc, uint64(i+1), p, chunkBytes))
		want[i] = file(m, i+1)
		enc.Close()
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			m := snapshotDir(t)
			for i, p := range slices.Backward(payloads) {
				if err := Publish(m, dir, uint64(i+1), p); err != nil || file(m, i+1) != want[i] {
					t.Errorf("payload %d gave other bytes (%v)", i, err)
				}
			}
		})
	}
	wg.Wait()
}

// smallSnapshot writes a snapshot of three small chunks, and returns the file.
func smallSnapshot(t testing.TB, lsn uint64) (file, payload []byte) {
	m := snapshotDir(t)
	enc, err := encoder()
	ok(t, err)
	f, err := m.Create("d/s")
	ok(t, err)
	payload = append(text(1, 100), bytes.Repeat([]byte{5}, 140)...)
	ok(t, writeSnapshot(f, enc, lsn, payload, 100))
	file, err = vfs.ReadFile(m, "d/s", 1<<20)
	ok(t, err)
	return file, payload
}

func loadBytes(t testing.TB, file []byte, lim Limits) ([]byte, error) {
	m := snapshotDir(t)
	ok(t, WriteFileAtomic(m, "d/"+snapshotName(3), file))
	payload, _, err := Load(m, dir, snapshotName(3), lim)
	_, verr := Verify(m, dir, snapshotName(3), lim)
	if (err == nil) != (verr == nil) {
		t.Fatalf("Load says %v, Verify %v", err, verr)
	}
	return payload, err
}

// Every bit flip and every other length of a snapshot is refused, with a place.
func TestEveryDamageOfASnapshot(t *testing.T) {
	file, payload := smallSnapshot(t, 3)
	got, err := loadBytes(t, file, Limits{})
	if err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("unharmed: %v", err)
	}
	refused := func(b []byte, format string, args ...any) {
		t.Helper()
		_, err := loadBytes(t, b, Limits{})
		var corrupt *CorruptionError
		if !errors.As(err, &corrupt) || corrupt.Record != 3 || corrupt.Segment != snapshotName(3) || corrupt.Offset < 0 || corrupt.Offset > int64(len(b)) {
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
	other, _ := smallSnapshot(t, 4)
	refused(other, "a snapshot of another record under this name")
	first := snapshotHeaderBytes
	n := chunkHeaderBytes + int(le.Uint32(file[first:]))
	m := chunkHeaderBytes + int(le.Uint32(file[first+n:]))
	swapped := slices.Concat(file[:first], file[first+n:first+n+m], file[first:first+n], file[first+n+m:])
	refused(swapped, "two chunks in the wrong order")
}

// withHeader changes the header of a snapshot and gives it a right checksum.
func withHeader(file []byte, change func(b []byte)) []byte {
	b := bytes.Clone(file)
	change(b)
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// trap 19: what the header claims is held against the size of the file and the limits before anything is allocated.
func TestSnapshotClaims(t *testing.T) {
	file, _ := smallSnapshot(t, 3)
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
	if _, err := loadBytes(t, claim(1<<40, 16<<20, 1<<16), Limits{}); !errors.As(err, &large) || large.Size != 1<<40 || large.Max != 2<<30 {
		t.Errorf("a payload of 1 TiB: %v", err)
	}
	if _, err := loadBytes(t, file, Limits{PayloadBytesMax: 239}); !errors.As(err, &large) {
		t.Errorf("a payload above the caller's limit: %v", err)
	}
	var version *VersionError
	newer := withHeader(file, func(b []byte) { b[8] = 9 })
	if _, err := loadBytes(t, newer, Limits{}); !errors.As(err, &version) || version.Got != 9 || version.Want != 1 {
		t.Errorf("a newer format: %v", err)
	}
}

// trap 19: a chunk that decompresses to more than its place is refused without being decompressed whole.
func TestSnapshotBomb(t *testing.T) {
	enc, err := encoder()
	ok(t, err)
	h := snapshotHeader{chunk: 100, payload: 100, chunks: 1, lsn: 3}
	head := make([]byte, chunkHeaderBytes)
	data := enc.EncodeAll(make([]byte, 4<<20), nil)
	le.PutUint32(head, uint32(len(data)))
	le.PutUint32(head[4:], 100)
	le.PutUint32(head[8:], chunkCRC(head, data))
	file := slices.Concat(h.encode(), head, data, encodeTrailer(sha256.Sum256(make([]byte, 100))))
	var corrupt *CorruptionError
	if _, err := loadBytes(t, file, Limits{}); !errors.As(err, &corrupt) || corrupt.Offset != snapshotHeaderBytes {
		t.Errorf("%v", err)
	}
}

func damage(t *testing.T, m *vfs.Mem, lsn uint64) {
	t.Helper()
	ok(t, m.Alter("d/"+snapshotName(lsn), func(b []byte) []byte { b[len(b)/2] ^= 4; return b }))
}

func lsns(refs []SnapshotRef) (out []uint64) {
	for _, r := range refs {
		out = append(out, r.LSN)
	}
	return out
}

func TestLoadNewest(t *testing.T) {
	if _, _, _, err := LoadNewest(vfs.NewMem(), "nowhere", Limits{}); err != ErrNoSnapshot {
		t.Errorf("a missing directory: %v", err)
	}
	m := snapshotDir(t)
	if _, _, _, err := LoadNewest(m, dir, Limits{}); err != ErrNoSnapshot {
		t.Errorf("an empty directory: %v", err)
	}
	for _, lsn := range []uint64{5, 300, 20} {
		ok(t, Publish(m, dir, lsn, text(lsn, 500)))
	}
	refs, err := List(m, dir)
	ok(t, err)
	if !slices.Equal(lsns(refs), []uint64{300, 20, 5}) {
		t.Errorf("listed %v", refs)
	}
	check := func(want uint64, skips int) {
		t.Helper()
		payload, ref, skipped, err := LoadNewest(m, dir, Limits{})
		if err != nil || ref.LSN != want || len(skipped) != skips || !bytes.Equal(payload, text(want, 500)) {
			t.Errorf("loaded %d, skipped %v, %v; want %d", ref.LSN, skipped, err, want)
		}
		for _, s := range skipped {
			var corrupt *CorruptionError
			if !errors.As(s, &corrupt) {
				t.Errorf("skipped for %v", s)
			}
		}
	}
	check(300, 0)
	damage(t, m, 300)
	check(20, 1)
	damage(t, m, 20)
	check(5, 2)
	damage(t, m, 5)
	_, _, skipped, err := LoadNewest(m, dir, Limits{})
	var corrupt *CorruptionError
	if !errors.As(err, &corrupt) || corrupt.Record != 300 || len(skipped) != 3 {
		t.Errorf("all damaged: %v, skipped %v", err, skipped)
	}
}

// A newer format is never passed over for an older snapshot, and pruning stops at it.
func TestNewerSnapshot(t *testing.T) {
	m := snapshotDir(t)
	ok(t, Publish(m, dir, 5, []byte("old")))
	ok(t, Publish(m, dir, 6, []byte("new")))
	ok(t, m.Alter("d/"+snapshotName(6), func(b []byte) []byte { return withHeader(b, func(b []byte) { b[8] = 2 }) }))
	var version *VersionError
	if _, _, _, err := LoadNewest(m, dir, Limits{}); !errors.As(err, &version) || version.File != "d/"+snapshotName(6) {
		t.Errorf("loaded: %v", err)
	}
	if _, err := Prune(m, dir, 1, Limits{}); !errors.As(err, &version) {
		t.Errorf("pruned: %v", err)
	}
	if len(m.Names()) != 2 {
		t.Errorf("files %q", m.Names())
	}
}

func TestPrune(t *testing.T) {
	for _, c := range []struct {
		keep    int
		damaged []uint64
		kept    []uint64
		files   []uint64
	}{
		{2, nil, []uint64{40, 30}, []uint64{30, 40}},
		{0, nil, []uint64{40}, []uint64{40}},
		{9, nil, []uint64{40, 30, 20, 10}, []uint64{10, 20, 30, 40}},
		{2, []uint64{30}, []uint64{40, 20}, []uint64{20, 30, 40}},
		{1, []uint64{40, 30, 10}, []uint64{20}, []uint64{20, 30, 40}},
		{2, []uint64{40, 30, 10}, []uint64{20}, []uint64{10, 20, 30, 40}},
		{2, []uint64{10, 20, 30, 40}, nil, []uint64{10, 20, 30, 40}},
	} {
		m := snapshotDir(t)
		for _, lsn := range []uint64{10, 20, 30, 40} {
			ok(t, Publish(m, dir, lsn, text(lsn, 100)))
		}
		for _, lsn := range c.damaged {
			damage(t, m, lsn)
		}
		for _, name := range []string{"d/" + snapshotName(50) + tmpSuffix, "d/other.tmp"} {
			_, err := m.Create(name)
			ok(t, err)
		}
		kept, err := Prune(m, dir, c.keep, Limits{})
		ok(t, err)
		if !slices.Equal(lsns(kept), c.kept) {
			t.Errorf("%+v: kept %v", c, kept)
		}
		var names []string
		for _, lsn := range c.files {
			names = append(names, "d/"+snapshotName(lsn))
		}
		slices.Sort(names)
		if want := append([]string{"d/other.tmp"}, names...); !slices.Equal(m.Names(), want) {
			t.Errorf("%+v: files %q", c, m.Names())
		}
	}
}

func TestErrorsSayWhatAndWhere(t *testing.T) {
	for _, c := range []struct {
		err   error
		parts []string
	}{
		{&CorruptionError{"d", "s", 12, 7, "why"}, []string{"s in d", "byte 12", "record 7", "why"}},
		{&VersionError{"f", 3, 1}, []string{"f", "3", "1"}},
		{&FailedError{"sync", errors.New("disk")}, []string{"sync", "disk"}},
		{&TooLargeError{"record", 9, 8}, []string{"record", "9", "8"}},
		{&RangeError{5, 1, 4}, []string{"5", "1", "4"}},
	} {
		for _, p := range c.parts {
			if !strings.Contains(c.err.Error(), p) {
				t.Errorf("%T does not say %q: %v", c.err, p, c.err)
			}
		}
	}
}
