package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"pgregory.net/rapid"
)

// both runs a test on the real file system and on the one in memory: what one promises the other keeps.
func both(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, vfs.OS(), t.TempDir()) })
	t.Run("mem", func(t *testing.T) { test(t, vfs.NewMem(), ".") })
}

// fatal is what a test and a property have in common.
type fatal interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func ok(t fatal, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFile(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		dir = filepath.Join(dir, "a", "b")
		ok(t, fsys.MkdirAll(dir))
		ok(t, fsys.MkdirAll(dir))
		name := filepath.Join(dir, "f")
		if _, err := fsys.OpenFile(name); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("a missing file was opened: %v", err)
		}
		f, err := fsys.Create(name)
		ok(t, err)
		ok(t, f.Preallocate(10))
		ok(t, f.Preallocate(5)) // never shorter
		if _, err := f.WriteAt([]byte("hello"), 8); err != nil {
			t.Fatal(err)
		}
		ok(t, f.Datasync())
		ok(t, f.Truncate(12))
		ok(t, f.Truncate(14))
		ok(t, f.Sync())
		size, err := f.Size()
		ok(t, err)
		got := make([]byte, 20)
		n, err := f.ReadAt(got, 0)
		if want := "\x00\x00\x00\x00\x00\x00\x00\x00hell\x00\x00"; size != 14 || err != io.EOF ||
			string(got[:n]) != want {
			t.Fatalf("size %d, read %q, %v", size, got[:n], err)
		}
		ok(t, f.Close())
		if f.Close() == nil {
			t.Error("closed twice without an error")
		}
		ok(t, fsys.SyncDir(dir))
		r, err := fsys.Open(name)
		ok(t, err)
		if _, err := r.WriteAt([]byte("x"), 0); err == nil {
			t.Error("a file open for reading was written")
		}
		ok(t, r.Close())
	})
}

func TestNames(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		for _, n := range []string{"c", "a", "b"} {
			f, err := fsys.Create(filepath.Join(dir, n))
			ok(t, err)
			_, err = f.WriteAt([]byte(n), 0)
			ok(t, err)
			ok(t, f.Close())
		}
		ok(t, fsys.MkdirAll(filepath.Join(dir, "sub")))
		ok(t, fsys.Rename(filepath.Join(dir, "c"), filepath.Join(dir, "a")))
		ok(t, fsys.Remove(filepath.Join(dir, "b")))
		names, err := fsys.List(dir)
		ok(t, err)
		if !slices.Equal(names, []string{"a"}) {
			t.Fatalf("files %q", names)
		}
		if names, err = fsys.Folders(dir); err != nil || !slices.Equal(names, []string{"sub"}) {
			t.Fatalf("folders %q, %v", names, err)
		}
		got, err := vfs.ReadFile(fsys, filepath.Join(dir, "a"), 1)
		if err != nil || string(got) != "c" {
			t.Fatalf("read %q, %v", got, err)
		}
		var large *vfs.TooLargeError
		if _, err := vfs.ReadFile(fsys, filepath.Join(dir, "a"), 0); !errors.As(err, &large) || large.Size != 1 {
			t.Errorf("a file beyond the limit: %v", err)
		}
		for what, err := range map[string]error{
			"rename": fsys.Rename(filepath.Join(dir, "x"), filepath.Join(dir, "y")),
			"remove": fsys.Remove(filepath.Join(dir, "x")),
			"list":   second(fsys.List(filepath.Join(dir, "nowhere"))),
			"look":   second(fsys.Folders(filepath.Join(dir, "nowhere"))),
			"stat":   second(fsys.Stat(filepath.Join(dir, "x"))),
			"create": second(fsys.Create(filepath.Join(dir, "nowhere", "x"))),
		} {
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s of a missing name: %v", what, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestLock(t *testing.T) {
	both(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := filepath.Join(dir, "lock")
		l, err := fsys.Lock(name)
		ok(t, err)
		var locked *vfs.LockedError
		if _, err := fsys.Lock(name); !errors.As(err, &locked) || locked.Path != name {
			t.Fatalf("locked twice: %v", err)
		}
		ok(t, l.Close())
		l, err = fsys.Lock(name)
		ok(t, err)
		ok(t, l.Close())
	})
}

func TestReadOnly(t *testing.T) {
	check := func(t *testing.T, what string, err error, path string) {
		t.Helper()
		var ro *vfs.ReadOnlyError
		if !errors.As(err, &ro) || ro.Path != path {
			t.Errorf("%s: %v", what, err)
		}
	}
	t.Run("mem", func(t *testing.T) {
		m := vfs.NewMem()
		f, err := m.Create("f")
		ok(t, err)
		m.SetReadOnly(true)
		check(t, "write", second(f.WriteAt([]byte("x"), 0)), "f")
		check(t, "create", second(m.Create("g")), "g")
		check(t, "lock", second(m.Lock("l")), "l")
		check(t, "rename", m.Rename("f", "g"), "g")
		check(t, "mkdir", m.MkdirAll("d"), "d")
		if _, err := m.Open("f"); err != nil {
			t.Errorf("reading a read-only disk: %v", err)
		}
		if err := error(&vfs.ReadOnlyError{Path: "f", Err: syscall.EROFS}); !errors.Is(err, syscall.EROFS) {
			t.Error("the cause is lost")
		}
	})
	t.Run("os", func(t *testing.T) {
		if os.Getuid() == 0 {
			t.Skip("the superuser may write where permissions forbid it")
		}
		dir := t.TempDir()
		ok(t, os.Chmod(dir, 0o500))
		name := filepath.Join(dir, "f")
		check(t, "create", second(vfs.OS().Create(name)), name)
		check(t, "lock", second(vfs.OS().Lock(name)), name)
		check(t, "mkdir", vfs.OS().MkdirAll(name), name)
	})
}

// TestMemIsLikeOS runs drawn operations on both file systems: the same calls fail, and the same bytes are read.
func TestMemIsLikeOS(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		ok(rt, err)
		mem, real := vfs.NewMem(), vfs.OS()
		ok(rt, mem.MkdirAll(dir))
		name := rapid.SampledFrom([]string{"a", "b", "c"})
		for range rapid.IntRange(1, 30).Draw(rt, "ops") {
			a := filepath.Join(dir, name.Draw(rt, "name"))
			b := filepath.Join(dir, name.Draw(rt, "other"))
			off, size := rapid.Int64Range(0, 700).Draw(rt, "off"), rapid.IntRange(0, 700).Draw(rt, "size")
			op := rapid.SampledFrom([]string{"create", "write", "truncate", "preallocate", "rename", "remove"}).Draw(rt,
				"op")
			do := func(fsys vfs.FS) error {
				switch op {
				case "rename":
					return fsys.Rename(a, b)
				case "remove":
					return fsys.Remove(a)
				case "create":
					f, err := fsys.Create(a)
					if err != nil {
						return err
					}
					return f.Close()
				}
				f, err := fsys.OpenFile(a)
				if err != nil {
					return err
				}
				defer f.Close()
				switch op {
				case "write":
					_, err = f.WriteAt(bytes.Repeat([]byte{byte(size)}, size), off)
				case "truncate":
					err = f.Truncate(off)
				case "preallocate":
					err = f.Preallocate(off)
				}
				return err
			}
			if e1, e2 := do(mem), do(real); (e1 == nil) != (e2 == nil) {
				rt.Fatalf("%s: in memory %v, on disk %v", op, e1, e2)
			}
		}
		compare(rt, mem, real, dir)
	})
}

func compare(t fatal, a, b vfs.FS, dir string) {
	t.Helper()
	n1, err := a.List(dir)
	ok(t, err)
	n2, err := b.List(dir)
	ok(t, err)
	if !slices.Equal(n1, n2) {
		t.Fatalf("files %q and %q", n1, n2)
	}
	for _, n := range n1 {
		d1, err := vfs.ReadFile(a, filepath.Join(dir, n), 1<<20)
		ok(t, err)
		d2, err := vfs.ReadFile(b, filepath.Join(dir, n), 1<<20)
		ok(t, err)
		if !bytes.Equal(d1, d2) {
			t.Fatalf("%s differs", n)
		}
	}
}
