package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"
)

// inode is the content of one file: as the program sees it, as it was last synced, and the changes between the two.
type inode struct {
	id      int
	data    []byte
	durable []byte
	pending []change
}

// change is one write, or a cut: the new size of the file, with zeros where it grows.
type change struct {
	off    int64 // of a cut: the new size
	data   []byte
	cut    bool
	doomed bool // a sync failed after it: no later sync will write it
}

func (c change) apply(b []byte) []byte {
	end := c.off + int64(len(c.data))
	if c.cut && end < int64(len(b)) {
		return b[:end:end]
	}
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[c.off:], c.data)
	return b
}

func (n *inode) change(c change) {
	n.data = c.apply(n.data)
	n.pending = append(n.pending, c)
}

// sync makes the pending changes durable, except those that an earlier failed sync has lost.
func (n *inode) sync() {
	for _, c := range n.pending {
		if !c.doomed {
			n.durable = c.apply(n.durable)
		}
	}
	n.pending = nil
}

// failSync does what a kernel does after a write-back error: the pages are marked clean and stay readable, so that the program
// sees its data and a second sync succeeds, while the disk never gets them.
func (n *inode) failSync() {
	for i := range n.pending {
		n.pending[i].doomed = true
	}
}

// injected tells a failure that was asked for from a crash and from misuse.
func injected(err error) bool {
	e, ok := err.(*InjectedError)
	return ok && !e.Crashed
}

// memFile is an open file of a Mem.
type memFile struct {
	fs       *Mem
	ino      *inode
	name     string
	writable bool
	closed   bool
}

// begin is Mem.begin for a file; the caller holds the lock.
func (f *memFile) begin(write bool, what string) (apply bool, err error) {
	if f.closed {
		return false, pathError("use", f.name, errClosedFile)
	}
	if write && !f.writable {
		return false, pathError("write", f.name, syscall.EBADF)
	}
	return f.fs.begin(write, f.name, what)
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, err := f.begin(false, ""); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("read", f.name, fs.ErrInvalid)
	}
	if off >= int64(len(f.ino.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.ino.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes all, or, when it is made to fail, the first half.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	apply, err := f.begin(true, fmt.Sprintf("write %s %d+%d", f.name, off, len(p)))
	if off < 0 {
		return 0, pathError("write", f.name, fs.ErrInvalid)
	}
	if !apply {
		if !injected(err) {
			return 0, err
		}
		p = p[:len(p)/2]
	}
	if len(p) > 0 { // a write of nothing does not even make the file longer
		f.ino.change(change{off: off, data: slices.Clone(p)})
	}
	return len(p), err
}

func (f *memFile) resize(what string, size int64, onlyGrow bool) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	apply, err := f.begin(true, fmt.Sprintf("%s %s %d", what, f.name, size))
	if !apply {
		return err
	}
	if size < 0 {
		return pathError(what, f.name, fs.ErrInvalid)
	}
	if !onlyGrow || size > int64(len(f.ino.data)) {
		f.ino.change(change{off: size, cut: true})
	}
	return err
}

func (f *memFile) Truncate(size int64) error    { return f.resize("truncate", size, false) }
func (f *memFile) Preallocate(size int64) error { return f.resize("preallocate", size, true) }

func (f *memFile) flush(what string) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, err := f.begin(true, what+" "+f.name); err != nil {
		if injected(err) {
			f.ino.failSync()
		}
		return err
	}
	f.ino.sync()
	return nil
}

func (f *memFile) Sync() error     { return f.flush("sync") }
func (f *memFile) Datasync() error { return f.flush("datasync") }

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, err := f.begin(false, ""); err != nil {
		return 0, err
	}
	return int64(len(f.ino.data)), nil
}

// Close ends the use of the file; it is no operation, and syncs nothing.
func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return pathError("close", f.name, errClosedFile)
	}
	f.closed = true
	return nil
}
