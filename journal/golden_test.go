package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/journal/vfs"
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

// TestOperations is the log of all that is done to the disk. A missing sync, or one in the wrong place, shows as a difference.
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
	step("publish a second one, of more than one chunk", func() { ok(t, Publish(m, dir, j.Next()+1, text(10, chunkBytes+1))) })
	step("prune to one", func() { _, err = Prune(m, dir, 1, Limits{}); ok(t, err) })
	step("release both closed segments", func() { ok(t, j.Release(j.Next())) })
	step("append and close", func() { add(t, j, text(7, 1)); ok(t, j.Close()) })
	step("open", reopen)
	step("open after a torn write", func() {
		ok(t, j.Close())
		ok(t, m.Alter("d/"+segmentName(7), func(b []byte) []byte { b[600]++; return b }))
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

// TestStoredFormat reads what the first format wrote, for ever, and writes it again to the byte.
func TestStoredFormat(t *testing.T) {
	t.Chdir("testdata")
	const stored = "format1"
	m := vfs.NewMem()
	ok(t, m.MkdirAll(stored))
	opt := Options{SegmentBytes: segmentBytesMin, Salt: 0x1234567890abcdef}
	j, _, err := Open(m, stored, opt)
	ok(t, err)
	add(t, j, []byte("one"), []byte{}, []byte("three"))
	ok(t, j.Sync())
	add(t, j, text(4, 3500))
	add(t, j, text(5, 300))
	ok(t, j.Close())
	ok(t, Publish(m, stored, 3, append(text(1, 1000), make([]byte, chunkBytes)...)))
	for _, name := range m.Names() {
		b, err := vfs.ReadFile(m, name, 1<<20)
		ok(t, err)
		t.Chdir("..")
		golden(t, filepath.Join(name), b)
		t.Chdir("testdata")
	}
	rep, err := Scan(vfs.OS(), stored)
	ok(t, err)
	if rep.First != 1 || rep.Next != 6 || rep.Segments != 3 || rep.repairs() {
		t.Errorf("the stored journal: %+v", rep)
	}
	payload, ref, skipped, err := LoadNewest(vfs.OS(), stored, Limits{})
	if err != nil || ref.LSN != 3 || len(skipped) != 0 || !bytes.Equal(payload[:1000], text(1, 1000)) || len(payload) != 1000+chunkBytes {
		t.Errorf("the stored snapshot: %d bytes, %+v, %v, %v", len(payload), ref, skipped, err)
	}
}
