// Package given opens the files and folders that a user gives to a job, and says what is in them by a hash, so that a
// node that comes back finds what it had, or says that it is something else.
package given

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/node"
)

// File is what a record keeps of a file or folder.
type File struct {
	Path   string `json:"path"` // absolute
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// ChangedError says that a file is not what it was.
type ChangedError struct {
	File File
	Got  string // its hash now
}

// Error names the file and both hashes.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s has changed: it had the SHA-256 %.12s, and has %.12s now; bring it back, or begin anew in "+
		"another directory", e.File.Path, e.File.SHA256, e.Got)
}

// filesMax bounds the files of a folder.
const filesMax = 10_000_000

// Read reads a file or a folder, and returns what a record keeps of it. It is safe for concurrent use.
func Read(path string) (File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return File{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return File{}, err
	}
	f := File{Path: path}
	if !info.IsDir() {
		f.Bytes = info.Size()
		if f.SHA256, err = hashed(path, info); err == nil && strings.HasSuffix(path, ".onnx") {
			err = f.beside()
		}
		return f, err
	}
	all, n := sha256.New(), 0
	all.Write([]byte("rhizome folder 1\n"))
	err = fs.WalkDir(os.DirFS(path), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := os.Stat(filepath.Join(path, filepath.FromSlash(name))) // of what a link names
		if err != nil || info.IsDir() {
			return err
		}
		if n++; n > filesMax {
			return fmt.Errorf("%s holds more than %d files", path, filesMax)
		}
		sum, err := hashed(filepath.Join(path, filepath.FromSlash(name)), info)
		f.Bytes += info.Size()
		var head [8]byte
		binary.BigEndian.PutUint64(head[:], uint64(len(name)))
		all.Write(head[:])
		io.WriteString(all, name)
		io.WriteString(all, sum)
		return err
	})
	f.SHA256 = hex.EncodeToString(all.Sum(nil))
	return f, err
}

// Open returns the file as a node is given it, if it still is what it was. Errors are *ChangedError and those of
// reading it.
func Open(f File) (node.Given, error) {
	got, err := Read(f.Path)
	if err != nil {
		return node.Given{}, err
	}
	if got.SHA256 != f.SHA256 {
		return node.Given{}, &ChangedError{f, got.SHA256}
	}
	return f.Given(), nil
}

// Given returns the file as a node is given it, by somebody who has opened it in this process.
func (f File) Given() node.Given {
	return node.Given{FS: os.DirFS(filepath.Dir(f.Path)), Name: filepath.Base(f.Path), SHA256: f.SHA256}
}

// stamp says whether a file can have changed.
type stamp struct {
	path string
	size int64
	at   time.Time
}

// known are the hashes of this process: a run of many nodes reads a file once.
var known sync.Map // stamp → string

// hashed returns the SHA-256 of a file in hex.
func hashed(path string, info fs.FileInfo) (string, error) {
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no file (%v); want a file or a folder of files", path, info.Mode().Type())
	}
	of := stamp{path, info.Size(), info.ModTime()}
	if sum, ok := known.Load(of); ok {
		return sum.(string), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err == nil && n != info.Size() {
		err = errors.New(path + " changes while it is read")
	}
	if err != nil {
		return "", err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if time.Since(info.ModTime()) > 2*time.Second { // else another write may not show in its time
		known.Store(of, sum)
	}
	return sum, nil
}
