package vfs

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// memFile is an open file of a Mem.
type memFile struct {
	fs       *Mem
	ino      *inode
	name     string
	writable bool
	closed   bool
}

// begin is Mem.begin for a file; the caller holds the lock.
func (f *memFile) begin(o operation) (apply bool, err error) {
	if f.closed {
		return false, pathError("use", f.name, errClosedFile)
	}
	if o.writes() && !f.writable {
		return false, pathError("write", f.name, syscall.EBADF)
	}
	return f.fs.begin(o)
}

// injected tells a failure that was asked for from a crash and from misuse.
func injected(err error) bool {
	e, ok := err.(*InjectedError)
	return ok && !e.Crashed
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, err := f.begin(operation{kind: opRead, verb: "read", path: f.name}); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, pathError("read", f.name, fs.ErrInvalid)
	}
	n := f.ino.read(p, off)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes all, or, when it is made to fail, the first half, or a first part that was drawn, or what has room.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	o := operation{kind: opWrite, verb: "write", path: f.name, off: off, n: len(p)}
	apply, err := f.begin(o)
	if off < 0 {
		return 0, pathError("write", f.name, fs.ErrInvalid)
	}
	switch {
	case !apply && !injected(err):
		return 0, err
	case !apply && errors.Is(err, io.ErrShortWrite) && f.fs.rng != nil:
		p = p[:f.fs.rng.IntN(len(p))]
	case !apply:
		p = p[:len(p)/2]
	case err == nil:
		var room int64
		if room, err = f.fs.room(o, off+int64(len(p))-f.ino.size); err != nil {
			p = p[:max(0, min(int64(len(p)), f.ino.size+room-off))]
		}
	}
	if len(p) > 0 { // a write of nothing does not even make the file longer
		f.ino.write(off, p)
	}
	return len(p), err
}

func (f *memFile) resize(verb string, size int64, onlyGrow bool) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	o := operation{kind: opSize, verb: verb, path: f.name, off: size}
	apply, err := f.begin(o)
	if !apply {
		return err
	}
	if size < 0 {
		return pathError(verb, f.name, fs.ErrInvalid)
	}
	if onlyGrow && size <= f.ino.size {
		return err
	}
	if err == nil {
		if _, err = f.fs.room(o, size-f.ino.size); err != nil {
			return err
		}
	}
	f.ino.cut(size)
	return err
}

func (f *memFile) Truncate(size int64) error    { return f.resize("truncate", size, false) }
func (f *memFile) Preallocate(size int64) error { return f.resize("preallocate", size, true) }

func (f *memFile) flush(verb string) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, err := f.begin(operation{kind: opSync, verb: verb, path: f.name}); err != nil {
		if injected(err) {
			f.ino.failSync()
		}
		return err
	}
	f.ino.sync(f.fs.keepOld)
	return nil
}

func (f *memFile) Sync() error     { return f.flush("sync") }
func (f *memFile) Datasync() error { return f.flush("datasync") }

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, err := f.begin(operation{kind: opRead, verb: "size", path: f.name}); err != nil {
		return 0, err
	}
	return f.ino.size, nil
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
