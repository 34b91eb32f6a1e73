package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// golden compares with a file in testdata, or writes it with -rewrite.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		ok(t, os.MkdirAll(filepath.Dir(path), 0o755))
		ok(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	ok(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; if it should, run the test with -rewrite and read the diff. Got:\n%s", path, got)
	}
}

// TestOperations is the log of all that is done to the disk. A missing sync, or one in the wrong place, shows as a
// difference.
func TestOperations(t *testing.T) {
	m := vfs.NewMem()
	var out strings.Builder
	var j *Journal
	var err error
	step := func(title string, do func()) {
		m.StartLog()
		do()
		fmt.Fprintf(&out, "# %s\n", title)
		for _, line := range m.TakeLog() {
			fmt.Fprintln(&out, line)
		}
	}
	reopen := func() { j, _ = open(t, m, Options{}) }

	step("begin a journal", reopen)
	step("append one record", func() { add(t, j, text(1, 100)) })
	step("append two more as one batch", func() { add(t, j, text(2, 10), text(3, 20)) })
	step("sync", func() { ok(t, j.Sync()) })
	step("sync again, with nothing to do", func() { ok(t, j.Sync()) })
	step("append a batch that goes over the end of the segment", func() { add(t, j, text(4, 3000), text(5, 2000)) })
	step("sync", func() { ok(t, j.Sync()) })
	step("append a record larger than a segment", func() { add(t, j, text(6, 10000)) })
	step("publish a snapshot", func() { ok(t, j.Sync()); ok(t, Publish(m, dir, j.Next(), text(9, 5000))) })
	step("publish a second one, of more than one chunk",
		func() { ok(t, Publish(m, dir, j.Next()+1, text(10, smallChunkMax+1))) })
	step("prune to one", func() { _, err = Prune(m, dir, 1, Limits{}); ok(t, err) })
	step("release both closed segments", func() { ok(t, j.Release(j.Next())) })
	step("append and close", func() { add(t, j, text(7, 1)); ok(t, j.Close()) })
	step("open", reopen)
	step("open after a torn write", func() {
		ok(t, j.Close())
		ok(t, m.Alter("d/"+segmentName(7), func(b []byte) []byte { b[550]++; return b }))
		reopen()
	})
	step("open after the loss of a part of the file", func() {
		ok(t, j.Close())
		ok(t, m.Alter("d/"+segmentName(7), func(b []byte) []byte { return b[:1000] }))
		reopen()
	})
	step("open after the loss of nearly all of it", func() {
		ok(t, j.Close())
		ok(t, m.Alter("d/"+segmentName(7), func(b []byte) []byte { return b[:10] }))
		reopen()
	})
	step("begin anew at a snapshot", func() {
		ok(t, j.Close())
		j, _ = open(t, m, Options{From: 50})
	})
	step("write another file", func() { ok(t, WriteFileAtomic(m, "d/meta", []byte("content"))) })
	step("scan, list, load", func() {
		_, err := Scan(m, dir)
		ok(t, err)
		_, _, _, err = LoadNewest(m, dir, Limits{})
		ok(t, err)
	})
	golden(t, "operations.txt", []byte(out.String()))
}

// TestStoredFormat reads what each format wrote, for ever.
func TestStoredFormat(t *testing.T) {
	for _, c := range []struct {
		stored string
		lsn    uint64
		want   []byte
	}{
		{"format1", 3, append(text(1, 1000), make([]byte, oldChunkBytes)...)},
		{"format2", 5, bytes.Join(storedPayload(5), nil)},
	} {
		dir := filepath.Join("testdata", c.stored)
		rep, err := Scan(vfs.OS(), dir)
		ok(t, err)
		if rep.First != 1 || rep.Next != 6 || rep.Segments != 3 || rep.repairs() {
			t.Errorf("%s: the stored journal: %+v", c.stored, rep)
		}
		payload, ref, skipped, err := LoadNewest(vfs.OS(), dir, Limits{})
		if err != nil || ref.LSN != c.lsn || len(skipped) != 0 || !bytes.Equal(payload, c.want) {
			t.Errorf("%s: the stored snapshot: %d bytes, %+v, %v, %v", c.stored, len(payload), ref, skipped, err)
		}
		refs, err := List(vfs.OS(), dir)
		ok(t, err)
		for _, ref := range refs {
			_, err := Verify(vfs.OS(), dir, ref.Name, Limits{})
			ok(t, err)
		}
	}
}

// storedPayload is what the snapshots of format2 hold, in parts: text, two large values, of which one differs in each,
// text.
func storedPayload(lsn uint64) [][]byte {
	return [][]byte{text(1, 5000), noise(largeChunkBytes + 8000), text(lsn, 20000), append(text(2, 3000), byte(lsn))}
}

// TestStoredFormatIsWritten writes the files of format2 again, to the byte: three snapshots of which the oldest only
// holds chunks for the others, and a journal. If it fails because the format changed, it is time for format3.
func TestStoredFormatIsWritten(t *testing.T) {
	m := vfs.NewMem()
	const stored = "format2"
	ok(t, m.MkdirAll(stored))
	j, _, err := Open(m, stored, Options{SegmentBytes: segmentBytesMin, Salt: 0x1234567890abcdef})
	ok(t, err)
	add(t, j, []byte("one"), []byte{}, []byte("three"))
	ok(t, j.Sync())
	add(t, j, text(4, 3500))
	add(t, j, text(5, 300))
	ok(t, j.Close())
	s := OpenSnapshots(m, stored, Retention{Keep: 2}, Limits{})
	for _, lsn := range []uint64{2, 4, 5} {
		p := storedPayload(lsn)
		_, err := s.Publish(lsn, int64(lsn)*1e9, []Part{{Bytes: p[0]}, {Large: run{p[1], "same"}},
			{Large: run{p[2], nil}}, {Bytes: p[3]}})
		ok(t, err)
		_, err = s.Prune()
		ok(t, err)
	}
	var files []string
	for _, name := range m.Names() {
		if f := filepath.Base(name); strings.HasPrefix(f, snapshotPrefix) {
			files = append(files, f)
		}
	}
	if want := []string{heldName(2), snapshotName(4), snapshotName(5)}; !slices.Equal(files, want) {
		t.Fatalf("files %q, want %q", files, want)
	}
	for _, name := range m.Names() {
		b, err := vfs.ReadFile(m, name, 1<<20)
		ok(t, err)
		golden(t, name, b)
	}
}
