package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func openBlobs(t testing.TB, fsys vfs.FS, next uint64) *Blobs {
	t.Helper()
	b, err := OpenBlobs(fsys, dir, next)
	ok(t, err)
	return b
}

// TestBlobs: each content is written once, with a sync before its name and one after, and goes when no record needs it.
func TestBlobs(t *testing.T) {
	m := snapshotDir(t)
	b := openBlobs(t, m, 1)
	m.StartLog()
	one, err := b.Put(text(1, 300), 5)
	ok(t, err)
	name := "d/" + blobName(one)
	want := []string{"create " + name + ".tmp", "write " + name + ".tmp 0+32", "write " + name + ".tmp 32+300",
		"sync " + name + ".tmp",
		"rename " + name + ".tmp " + name, "syncdir d"}
	if log := m.TakeLog(); !slices.Equal(log, want) {
		t.Errorf("operations %q, want %q", log, want)
	}
	again, err := b.Put(text(1, 300), 9)
	if log := m.TakeLog(); err != nil || again != one || len(log) != 0 {
		t.Errorf("put again: %q, %v", log, err)
	}
	two, err := b.Put(nil, 7)
	ok(t, err)
	got, err := b.Get(one, 300, 9)
	if err != nil || !bytes.Equal(got, text(1, 300)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, err := b.Get(two, 0, 7); err != nil || len(got) != 0 {
		t.Errorf("the empty blob: %d bytes, %v", len(got), err)
	}
	for _, c := range []struct {
		before uint64
		files  int
	}{{7, 2}, {8, 1}, {9, 1}, {10, 0}, {11, 0}} {
		ok(t, b.Collect(c.before))
		if len(m.Names()) != c.files {
			t.Errorf("before record %d: files %q", c.before, m.Names())
		}
	}
	if _, err := b.Put(text(1, 300), 12); err != nil || len(m.Names()) != 1 {
		t.Errorf("a blob that was collected and comes again: %v, files %q", err, m.Names())
	}
	// Another process: what is there stays until all records that it may be named by are needless.
	b = openBlobs(t, m, 20)
	ok(t, b.Collect(20))
	if len(m.Names()) != 1 {
		t.Error("a blob of an earlier life was collected too early")
	}
	ok(t, b.Collect(21))
	if len(m.Names()) != 0 {
		t.Error("a blob of an earlier life was not collected")
	}
	for name, want := range map[string]bool{blobName(one): true, "blob-12.blob": false, "blob-.blob": false,
		snapshotName(3): false} {
		if OwnsBlobFile(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// TestEveryDamageOfABlob: every bit flip and every other length is refused, with the file, the place and the record.
func TestEveryDamageOfABlob(t *testing.T) {
	m := snapshotDir(t)
	b := openBlobs(t, m, 1)
	digest, err := b.Put(text(1, 100), 3)
	ok(t, err)
	path := "d/" + blobName(digest)
	file, err := vfs.ReadFile(m, path, 1<<10)
	ok(t, err)
	refused := func(raw []byte, format string, args ...any) {
		t.Helper()
		ok(t, m.Alter(path, func([]byte) []byte { return raw }))
		_, err := b.Get(digest, 100, 3)
		var corrupt *CorruptionError
		if !errors.As(err, &corrupt) || corrupt.Segment != blobName(digest) || corrupt.Record != 3 {
			t.Errorf("%s: %v", fmt.Sprintf(format, args...), err)
		}
	}
	for bit := range 8 * len(file) {
		raw := bytes.Clone(file)
		raw[bit/8] ^= 1 << (bit % 8)
		refused(raw, "bit %d", bit)
	}
	for n := range len(file) {
		refused(file[:n], "cut to %d", n)
	}
	refused(append(bytes.Clone(file), 0), "one byte more")
	ok(t, m.Remove(path))
	var corrupt *CorruptionError
	if _, err := b.Get(digest, 100, 3); !errors.As(err, &corrupt) || corrupt.Reason != "the file is missing" {
		t.Errorf("missing: %v", err)
	}
	if _, err := b.Get(digest, 1<<60, 3); !errors.As(err, &corrupt) {
		t.Errorf("a claim of 1 EiB: %v", err)
	}
}

// TestBlobsAreDurable ends the process at every operation of two lives, by the power or alone: what Put returned is
// there, also what a killed process had written under a name that was not durable.
func TestBlobsAreDurable(t *testing.T) {
	for k := 1; k < 40; k++ {
		for _, after := range aftermath {
			for seed := range 4 {
				rng := seeded(100*k + seed)
				m := snapshotDir(t)
				m.CrashAt(m.Ops() + k)
				there := map[[32]byte]int{}
				for life := range 3 {
					b, err := OpenBlobs(m, dir, 1)
					for i := 0; i < 6 && err == nil; i++ {
						var digest [32]byte
						n := 10 * ((i+life)%4 + 1)
						if digest, err = b.Put(text(uint64(n), n), 1); err == nil {
							there[digest] = n
						}
					}
					m = after.do(m, rng)
					b = openBlobs(t, m, 1)
					for digest, n := range there {
						if got, err := b.Get(digest, uint64(n), 1); err != nil ||
							!bytes.Equal(got, text(uint64(n), n)) {
							t.Fatalf("operation %d, %s, life %d: %d bytes, %v", k, after.name, life, len(got), err)
						}
					}
				}
			}
		}
	}
}
