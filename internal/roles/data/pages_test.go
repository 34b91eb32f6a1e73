package data

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestPagesAreShared: where many read a file, what one has read is there for the others, who read the very same; few
// read by themselves, and so do the readers of a file that is too large.
func TestPagesAreShared(t *testing.T) {
	dir := t.TempDir()
	want := make([]byte, 3*pageBytes/2)
	for i := range want {
		want[i] = byte(i * 7 / 5)
	}
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, want, 0o666); err != nil {
		t.Fatal(err)
	}
	var s shelf
	open := func(sha256 string) fs.File {
		f, err := s.folder(os.DirFS(dir), "f", sha256).Open("f")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	for range pagesFrom - 1 {
		if _, shared := open("a").(*pagedFile); shared {
			t.Fatal("few share")
		}
	}
	first, second := open("a").(*pagedFile), open("a").(*pagedFile)
	whole := make([]byte, len(want))
	if n, err := first.ReadAt(whole, 0); n != len(want) || err != nil || !bytes.Equal(whole, want) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	second.at = broken{} // all of it is there
	for _, k := range []struct{ off, n int }{{0, 1}, {pageBytes - 3, 7}, {len(want) - 4, 4}, {0, len(want)}, {9, 0}} {
		got := make([]byte, k.n)
		if n, err := second.ReadAt(got, int64(k.off)); n != k.n || err != nil ||
			!bytes.Equal(got, want[k.off:k.off+k.n]) {
			t.Errorf("%d bytes at %d: %d, %v", k.n, k.off, n, err)
		}
	}
	if n, err := first.ReadAt(make([]byte, 8), int64(len(want)-5)); n != 5 || err != io.EOF {
		t.Errorf("beyond the end: %d, %v", n, err)
	}
	if _, shared := open("b").(*pagedFile); shared {
		t.Error("another file has the readers of the first")
	}
	large := new(pages)
	if large.fit(pagesMax+1) || large.fit(5) {
		t.Error("a file that is too large is kept")
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("the disk has gone") }
