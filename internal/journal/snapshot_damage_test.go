package journal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// smallSnapshot returns a snapshot file of a few small chunks of both forms, and its payload.
func smallSnapshot(t testing.TB, lsn uint64) (file, payload []byte) {
	m := snapshotDir(t)
	parts := []Part{{Bytes: text(1, 100)}, {Large: run{noise(140), 1}}, {Large: run{bytes.Repeat([]byte{5}, 400), 2}},
		{Large: run{noise(140), 3}}}
	_, err := OpenSnapshots(m, dir, Retention{}, Limits{}).Publish(lsn, 77, parts)
	ok(t, err)
	file, err = vfs.ReadFile(m, "d/"+snapshotName(lsn), 1<<20)
	ok(t, err)
	return file, payloadOf(parts)
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
	other, _ := smallSnapshot(t, 4)
	refused(other, "a snapshot of another record under this name")
}

// forge changes the parts of a small snapshot and gives all of them right checksums: what a hostile hand could write.
func forge(file []byte, change func(f *forgery)) []byte {
	f := &forgery{}
	f.trailer, _ = decodeTrailer(file[len(file)-snapshotTrailer2Bytes:])
	root := decodeEntry(file[f.trailer.at:])
	f.body = bytes.Clone(file[snapshotHeaderBytes:root.off])
	for off := root.off; off < root.off+uint64(root.raw); off += entryBytes {
		f.leaves = append(f.leaves, decodeEntry(file[off:]))
	}
	change(f)
	var page []byte
	for i := range f.leaves {
		page = f.leaves[i].append(page)
	}
	e := entry{digest: root.digest, file: root.file, off: snapshotHeaderBytes + uint64(len(f.body)),
		stored: uint32(len(page)),
		raw:    uint32(len(page)), crc: crc32.Checksum(page, castagnoli)}
	if f.page != nil {
		f.page(&e)
	}
	rootBytes := e.append(nil)
	if f.trailer.root == (trailer{}.root) {
		f.trailer.root = rootOf(f.leaves)
	}
	f.trailer.at = snapshotHeaderBytes + uint64(len(f.body)+len(page))
	f.trailer.crc = crc32.Checksum(rootBytes, castagnoli)
	return slices.Concat(file[:snapshotHeaderBytes], f.body, page, rootBytes, f.trailer.encode())
}

type forgery struct {
	body    []byte
	leaves  []entry
	trailer trailer // a zero root digest is made right
	page    func(*entry)
}

// trap hostile-length: what a file claims is held against sizes and limits before anything is allocated.
func TestSnapshotClaims(t *testing.T) {
	file, payload := smallSnapshot(t, 3)
	if got, err := loadBytes(t, forge(file, func(*forgery) {}), Limits{}); err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("a forgery that changes nothing: %v", err)
	}
	for what, change := range map[string]func(f *forgery){
		"a longer payload":            func(f *forgery) { f.trailer.payload++ },
		"a shorter payload":           func(f *forgery) { f.trailer.payload-- },
		"a chunk more":                func(f *forgery) { f.trailer.chunks++ },
		"more chunks than bytes":      func(f *forgery) { f.trailer.chunks = 1 << 40 },
		"a page more":                 func(f *forgery) { f.trailer.pages++ },
		"4 Gi pages":                  func(f *forgery) { f.trailer.pages = 1<<32 - 1 },
		"another record":              func(f *forgery) { f.trailer.lsn++ },
		"another root":                func(f *forgery) { f.trailer.root[3]++ },
		"chunks of nothing":           func(f *forgery) { f.leaves[0].raw, f.leaves[0].stored = 0, 0 },
		"a chunk of 4 GiB":            func(f *forgery) { f.leaves[0].raw, f.leaves[0].stored = 1<<32-1, 1<<32-1 },
		"a form that is none":         func(f *forgery) { f.leaves[0].form = 2 },
		"a frame longer than it says": func(f *forgery) { f.leaves[2].raw = f.leaves[2].stored },
		"a chunk of the future":       func(f *forgery) { f.leaves[0].file = 4 },
		"a chunk of record 0":         func(f *forgery) { f.leaves[0].file = 0 },
		"a chunk in the header":       func(f *forgery) { f.leaves[0].off = 0 },
		"a chunk beyond the body":     func(f *forgery) { f.leaves[0].off = 1 << 20 },
		"a chunk far beyond all":      func(f *forgery) { f.leaves[0].off = 1<<64 - 1 },
		"a gap":                       func(f *forgery) { f.body = append(f.body, 0) },
		"overlapping chunks":          func(f *forgery) { f.leaves[1].off-- },
		"one place, two chunks":       func(f *forgery) { f.leaves[3].crc++ },
		"a compressed page": func(f *forgery) {
			f.page = func(e *entry) {
				e.form, e.raw = formZstd,
					e.raw+64
			}
		},
		"a page of half an entry": func(f *forgery) {
			f.page = func(e *entry) {
				e.raw, e.stored = e.raw-32,
					e.stored-32
			}
		},
		"swapped chunks": func(f *forgery) { f.leaves[0], f.leaves[1] = f.leaves[1], f.leaves[0] },
	} {
		root := func(f *forgery) {
			was := f.trailer.root
			change(f)
			if what == "overlapping chunks" && f.trailer.root == was {
				f.trailer.root = trailer{}.root
			}
		}
		var corrupt *CorruptionError
		if _, err := loadBytes(t, forge(file, root), Limits{}); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var large *TooLargeError
	if _, err := loadBytes(t, forge(file, func(f *forgery) { f.trailer.payload = 1 << 63 }), Limits{}); !errors.As(err,
		&large) {
		t.Errorf("a payload of 8 EiB: %v", err)
	}
	if _, err := loadBytes(t, file, Limits{PayloadBytesMax: int64(len(payload)) - 1}); !errors.As(err, &large) {
		t.Errorf("a payload above the caller's limit: %v", err)
	}
	var version *VersionError
	newer := withHeader(file, func(b []byte) { b[8] = 9 })
	if _, err := loadBytes(t, newer, Limits{}); !errors.As(err, &version) || version.Got != 9 || version.Want != 2 {
		t.Errorf("a newer format: %v", err)
	}
	var corrupt *CorruptionError
	for what, b := range map[string][]byte{
		"version 0":              withHeader(file, func(b []byte) { b[8] = 0 }),
		"the header of format 1": withHeader(file, func(b []byte) { b[8] = 1 }),
		"what must be zero":      withHeader(file, func(b []byte) { b[50] = 1 }),
	} {
		if _, err := loadBytes(t, b, Limits{}); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// trap hostile-length: a chunk that decompresses to more than its place is refused without being decompressed whole.
func TestSnapshotBomb(t *testing.T) {
	enc, err := encoder()
	ok(t, err)
	bomb := enc.EncodeAll(make([]byte, 8<<20), nil)
	m := snapshotDir(t)
	_, err = OpenSnapshots(m, dir, Retention{}, Limits{}).Publish(3, 0, []Part{{Large: run{noise(5000), nil}}})
	ok(t, err)
	file, err := vfs.ReadFile(m, "d/"+snapshotName(3), 1<<20)
	ok(t, err)
	b := forge(file, func(f *forgery) {
		f.body = bomb
		e := &f.leaves[0]
		e.stored, e.form, e.crc = uint32(len(bomb)), formZstd, crc32.Checksum(bomb, castagnoli)
	})
	var corrupt *CorruptionError
	if _, err := loadBytes(t, b, Limits{}); !errors.As(err, &corrupt) || corrupt.Offset != snapshotHeaderBytes {
		t.Errorf("%v", err)
	}
}

// TestVerifyKnowsDigests: a chunk with a right checksum and another digest, which no fault of a disk makes, is found by
// Verify.
func TestVerifyKnowsDigests(t *testing.T) {
	file, _ := smallSnapshot(t, 3)
	b := forge(file, func(f *forgery) {
		f.body[0]++
		f.leaves[0].crc = crc32.Checksum(f.body[:f.leaves[0].stored], castagnoli)
	})
	m := snapshotDir(t)
	ok(t, WriteFileAtomic(m, "d/"+snapshotName(3), b))
	var corrupt *CorruptionError
	if _, err := Verify(m, dir, snapshotName(3), Limits{}); !errors.As(err, &corrupt) ||
		corrupt.Offset != snapshotHeaderBytes {
		t.Errorf("%v", err)
	}
}
