package local

import (
	"errors"
	"io"
	"sync"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// errCut is what every operation on a disk that was cut off returns.
var errCut = errors.New("job: the disk was cut off")

// cut is a vfs.FS that can be cut off: from then on every operation fails, and what was written stays as it was, synced
// or not. For a node this is the same as the end of its process. Files and locks can still be given back. It is safe
// for concurrent use.
type cut struct {
	fs vfs.FS

	mu  sync.RWMutex // held for reading during each operation, so that off waits for those under way
	off bool
}

func newCut(fs vfs.FS) *cut { return &cut{fs: fs} }

// cutOff makes all later operations fail.
func (c *cut) cutOff() {
	c.mu.Lock()
	c.off = true
	c.mu.Unlock()
}

func (c *cut) isOff() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.off
}

// do runs an operation unless the disk is cut off.
func (c *cut) do(op func() error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.off {
		return errCut
	}
	return op()
}

func (c *cut) open(open func(string) (vfs.File, error), name string) (f vfs.File, err error) {
	err = c.do(func() error {
		f, err = open(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cutFile{f, c}, nil
}

func (c *cut) Create(name string) (vfs.File, error)   { return c.open(c.fs.Create, name) }
func (c *cut) OpenFile(name string) (vfs.File, error) { return c.open(c.fs.OpenFile, name) }
func (c *cut) Open(name string) (vfs.File, error)     { return c.open(c.fs.Open, name) }

func (c *cut) Rename(from, to string) error {
	return c.do(func() error { return c.fs.Rename(from, to) })
}

func (c *cut) Remove(name string) error {
	return c.do(func() error { return c.fs.Remove(name) })
}

func (c *cut) MkdirAll(dir string) error {
	return c.do(func() error { return c.fs.MkdirAll(dir) })
}

func (c *cut) List(dir string) (names []string, err error) {
	err = c.do(func() error {
		names, err = c.fs.List(dir)
		return err
	})
	return names, err
}

func (c *cut) Folders(dir string) (names []string, err error) {
	err = c.do(func() error {
		names, err = c.fs.Folders(dir)
		return err
	})
	return names, err
}

func (c *cut) Stat(name string) (size int64, err error) {
	err = c.do(func() error {
		size, err = c.fs.Stat(name)
		return err
	})
	return size, err
}

func (c *cut) SyncDir(dir string) error {
	return c.do(func() error { return c.fs.SyncDir(dir) })
}

func (c *cut) Lock(name string) (l io.Closer, err error) {
	err = c.do(func() error {
		l, err = c.fs.Lock(name)
		return err
	})
	return l, err
}

// cutFile is a file on a disk that can be cut off. Close and Size come from the file itself.
type cutFile struct {
	vfs.File
	c *cut
}

func (f *cutFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.c.do(func() error {
		n, err = f.File.ReadAt(p, off)
		return err
	})
	return n, err
}

func (f *cutFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.c.do(func() error {
		n, err = f.File.WriteAt(p, off)
		return err
	})
	return n, err
}

func (f *cutFile) Sync() error { return f.c.do(f.File.Sync) }

func (f *cutFile) Datasync() error { return f.c.do(f.File.Datasync) }

func (f *cutFile) Preallocate(size int64) error {
	return f.c.do(func() error { return f.File.Preallocate(size) })
}

func (f *cutFile) Truncate(size int64) error {
	return f.c.do(func() error { return f.File.Truncate(size) })
}
