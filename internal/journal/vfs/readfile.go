package vfs

import (
	"errors"
	"fmt"
	"io"
)

// ReadFile returns the whole content of a file of at most max bytes; a larger one is a *TooLargeError, and nothing is
// read.
func ReadFile(fsys FS, name string, max int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > max {
		return nil, &TooLargeError{Path: name, Size: size, Max: max}
	}
	buf := make([]byte, size)
	if err := ReadFull(f, buf, 0); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return buf, nil
}

// ReadFull fills buf with the bytes of r from off on; fewer bytes than that are io.ErrUnexpectedEOF.
func ReadFull(r io.ReaderAt, buf []byte, off int64) error {
	n, err := r.ReadAt(buf, off)
	switch {
	case n == len(buf):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}
