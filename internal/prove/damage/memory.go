package damage

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// memory is a folder of files that can be read, and of which one is damaged in place: as cheap as a file system can be.
// Whatever would write fails.
type memory struct {
	names []string // sorted
	files map[string][]byte
}

var errWrites = errors.New("this disk is only read")

// folder is where the files are.
const folder = "d"

func newMemory(files map[string][]byte) *memory {
	m := &memory{files: files}
	for name := range files {
		m.names = append(m.names, name)
	}
	slices.Sort(m.names)
	return m
}

func (m *memory) Open(path string) (vfs.File, error) {
	b, ok := m.files[filepath.Base(path)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return &file{b}, nil
}

func (m *memory) List(string) ([]string, error) { return m.names, nil }

func (m *memory) Folders(string) ([]string, error) { return nil, nil }

func (m *memory) Stat(path string) (int64, error) {
	b, ok := m.files[filepath.Base(path)]
	if !ok {
		return 0, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	return int64(len(b)), nil
}

func (m *memory) Create(string) (vfs.File, error)   { return nil, errWrites }
func (m *memory) OpenFile(string) (vfs.File, error) { return nil, errWrites }
func (m *memory) Rename(string, string) error       { return errWrites }
func (m *memory) Remove(string) error               { return errWrites }
func (m *memory) MkdirAll(string) error             { return errWrites }
func (m *memory) SyncDir(string) error              { return errWrites }
func (m *memory) Lock(string) (io.Closer, error)    { return nil, errWrites }

type file struct{ b []byte }

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.b)) {
		return 0, io.EOF
	}
	n := copy(p, f.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Size() (int64, error)               { return int64(len(f.b)), nil }
func (f *file) Close() error                       { return nil }
func (f *file) WriteAt([]byte, int64) (int, error) { return 0, errWrites }
func (f *file) Sync() error                        { return errWrites }
func (f *file) Datasync() error                    { return errWrites }
func (f *file) Preallocate(int64) error            { return errWrites }
func (f *file) Truncate(int64) error               { return errWrites }
