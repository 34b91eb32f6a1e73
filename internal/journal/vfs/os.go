package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const (
	fileMode = 0o600 // what a node keeps is its user's own
	dirMode  = 0o700
)

// OS returns the file system of the machine.
func OS() FS { return osFS{} }

type osFS struct{}

// writeError tells a refusal to write from other errors.
func writeError(path string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) {
		return &ReadOnlyError{Path: path, Err: err}
	}
	return err
}

func openOS(name string, flag int) (File, error) {
	f, err := os.OpenFile(name, flag, fileMode)
	if err != nil {
		if flag != os.O_RDONLY {
			err = writeError(name, err)
		}
		return nil, err
	}
	return &osFile{f}, nil
}

func (osFS) Create(name string) (File, error) {
	return openOS(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (osFS) OpenFile(name string) (File, error) { return openOS(name, os.O_RDWR) }

func (osFS) Open(name string) (File, error) { return openOS(name, os.O_RDONLY) }

func (osFS) Rename(from, to string) error { return writeError(to, os.Rename(from, to)) }

func (osFS) Remove(name string) error { return writeError(name, os.Remove(name)) }

// MkdirAll makes one folder after the other from the top, and syncs the parent of each that it made.
func (o osFS) MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	if info, err := os.Stat(dir); err == nil {
		if info.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := o.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return writeError(dir, err)
	}
	return o.SyncDir(parent)
}

// List returns the names of the files in a folder, sorted.
func (osFS) List(dir string) ([]string, error) { return entries(dir, false) }

// Folders returns the names of the folders in a folder, sorted.
func (osFS) Folders(dir string) ([]string, error) { return entries(dir, true) }

func entries(dir string, folders bool) ([]string, error) {
	all, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range all {
		if e.IsDir() == folders {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (osFS) Stat(name string) (int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (osFS) SyncDir(dir string) error { return writeError(dir, syncDir(dir)) }

func (osFS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, writeError(name, err)
	}
	busy, err := tryLock(f)
	switch {
	case err != nil:
		f.Close()
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	case busy:
		f.Close()
		return nil, &LockedError{Path: name}
	}
	return f, nil // closing the file gives the lock back
}

type osFile struct{ *os.File }

func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	return n, writeError(f.Name(), err)
}

func (f *osFile) Truncate(size int64) error { return writeError(f.Name(), f.File.Truncate(size)) }

func (f *osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// zeros is what Preallocate writes from.
var zeros [256 << 10]byte

// Preallocate reserves the room first, so that a full disk is known before anything is written, and then writes zeros:
// a block that was reserved and never written still costs a change of metadata at its first write.
func (f *osFile) Preallocate(size int64) error {
	have, err := f.Size()
	if err != nil || have >= size {
		return err
	}
	if err := reserve(f.File, have, size-have); err != nil {
		return writeError(f.Name(), &fs.PathError{Op: "preallocate", Path: f.Name(), Err: err})
	}
	for off := have; off < size; {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-off)], off)
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
