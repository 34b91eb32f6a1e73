package data

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// TestPagesAreShared: what one has read of a file is there for the others, who read the very same; a file that is too
// large is not kept.
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
	open := func(p *pages) *pagedFile {
		f, err := paged{os.DirFS(dir), "f", p}.Open("f")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f.(*pagedFile)
	}
	shared := new(pages)
	first, second := open(shared), open(shared)
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
	large := new(pages)
	if large.fit(pagesMax+1) || large.fit(5) {
		t.Error("a file that is too large is kept")
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("the disk has gone") }

// TestManyNodesShareASource: few nodes open a file themselves, many share one source; another file begins anew.
func TestManyNodesShareASource(t *testing.T) {
	var s shelf
	opened := 0
	var fails error
	open := func(config, sha256 string) dataset.Source {
		got, err := s.source(config, node.Given{FS: os.DirFS(t.TempDir()), SHA256: sha256},
			func(node.Given) (dataset.Source, error) { opened++; return nil, fails })
		if !errors.Is(err, fails) {
			t.Fatal(err)
		}
		return got
	}
	for range sharedFrom - 1 {
		open("a", "f")
	}
	fails = errors.New("the file has gone")
	open("a", "f")
	fails = nil
	first := open("a", "f")
	for range 3 {
		if again := open("a", "f"); again != first || opened != sharedFrom+1 {
			t.Fatalf("%v and %v, opened %d times", first, again, opened)
		}
	}
	if open("a", "g"); opened != sharedFrom+2 {
		t.Error("another file is taken for the first")
	}
	if open("b", "g"); opened != sharedFrom+3 {
		t.Error("other settings are taken for the first")
	}
}
