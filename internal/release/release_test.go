package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestArchives: the archives of two calls are the same bytes, and hold the program, which may be executed, and what
// goes with it.
func TestArchives(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	when := time.Unix(1_700_000_000, 0).UTC()
	for goos, want := range map[string][]string{
		"linux": {"r/rhizome", "r/LICENSE", "r/README.md"}, "darwin": {"r/rhizome", "r/LICENSE", "r/README.md"},
		"windows": {"r/rhizome.exe", "r/LICENSE", "r/README.md"},
	} {
		a, ending, err := pack("r", goos, []byte("program"), when)
		b, _, err2 := pack("r", goos, []byte("program"), when)
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Fatalf("%s: two archives differ, %v, %v", goos, err, err2)
		}
		names, modes := list(t, ending, a)
		if !slices.Equal(names, want) || modes[0]&0o111 != 0o111 || modes[1]&0o111 != 0 {
			t.Errorf("%s: %q %o", goos, names, modes)
		}
	}
}

func list(t *testing.T, ending string, packed []byte) (names []string, modes []int64) {
	t.Helper()
	if ending == ".zip" {
		z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			names, modes = append(names, f.Name), append(modes, int64(f.Mode().Perm()))
		}
		return names, modes
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names, modes
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Uname != "" || h.ModTime.Unix() != 1_700_000_000 {
			t.Errorf("%s says who made it: %+v", h.Name, h)
		}
		names, modes = append(names, h.Name), append(modes, h.Mode)
	}
}

// TestRelease makes the archive of this platform twice: the same bytes, with a line of checksum that fits.
func TestRelease(t *testing.T) {
	if os.Getenv("RHIZOME_RELEASE") == "" {
		t.Skip("it builds the program twice; .ci/run does, with RHIZOME_RELEASE=1")
	}
	t.Chdir(filepath.Join("..", ".."))
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	var before []byte
	for range 2 {
		out := t.TempDir()
		if err := release(out, "0.0.0", []string{"linux/amd64"}); err != nil {
			t.Fatal(err)
		}
		packed, err := os.ReadFile(filepath.Join(out, "rhizome_0.0.0_linux_amd64.tar.gz"))
		if err != nil {
			t.Fatal(err)
		}
		sums, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		if want := fmt.Sprintf("%x  rhizome_0.0.0_linux_amd64.tar.gz\n", sha256.Sum256(packed)); err != nil ||
			string(sums) != want {
			t.Errorf("checksums %q, want %q, %v", sums, want, err)
		}
		if before != nil && !bytes.Equal(before, packed) {
			t.Error("the second archive differs")
		}
		before = packed
	}
	if err := release(t.TempDir(), "0.0.0", []string{"linux"}); err == nil || !strings.Contains(err.Error(),
		"GOOS/GOARCH") {
		t.Error(err)
	}
}
