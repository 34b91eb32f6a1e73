package bench

import (
	"sync/atomic"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// meter is a file system that counts the bytes that are handed to it to be written: what WriteAt is given, and the
// zeros that Preallocate writes; and the syncs of journals. Names, sizes and times are not counted. It is safe for
// concurrent use.
type meter struct {
	vfs.FS
	written, syncs *atomic.Int64
}

func newMeter(fsys vfs.FS) meter { return meter{fsys, new(atomic.Int64), new(atomic.Int64)} }

// during returns what is written while f runs.
func (m meter) during(f func() error) (int64, error) {
	before := m.written.Load()
	err := f()
	return m.written.Load() - before, err
}

func (m meter) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return meteredFile{f, m.written, m.syncs}, nil
}

// Create counts what is written to the file.
func (m meter) Create(name string) (vfs.File, error) { return m.file(m.FS.Create(name)) }

// OpenFile counts what is written to the file.
func (m meter) OpenFile(name string) (vfs.File, error) { return m.file(m.FS.OpenFile(name)) }

type meteredFile struct {
	vfs.File
	written, syncs *atomic.Int64
}

func (f meteredFile) Datasync() error {
	f.syncs.Add(1)
	return f.File.Datasync()
}

func (f meteredFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	f.written.Add(int64(n))
	return n, err
}

func (f meteredFile) Preallocate(size int64) error {
	before, err := f.File.Size()
	if err != nil {
		return err
	}
	if err := f.File.Preallocate(size); err != nil {
		return err
	}
	f.written.Add(max(0, size-before))
	return nil
}
