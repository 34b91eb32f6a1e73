package vfs

import "io"

// SectorBytes is the unit in which a crash tears a write: a sector holds its old bytes or its new ones, never a
// mixture.
const SectorBytes = 512

// FS is a file system; its methods may be called from several goroutines at once. Names are paths as of package
// path/filepath. A missing file or folder is an error for which errors.Is(err, fs.ErrNotExist) holds; a refusal to
// write is a *ReadOnlyError.
type FS interface {
	// Create makes the file, or empties it when it is there, and opens it for reading and writing.
	Create(name string) (File, error)
	// OpenFile opens a file that is there for reading and writing.
	OpenFile(name string) (File, error)
	// Open opens a file that is there for reading only.
	Open(name string) (File, error)
	// Rename gives a file another name in one step, in place of the file that had that name.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// MkdirAll makes a folder with all its parents, durably; it is no error when they are there.
	MkdirAll(dir string) error
	// List returns the names of the files in a folder (folders in it are left out), sorted.
	List(dir string) ([]string, error)
	// Folders returns the names of the folders in a folder, sorted.
	Folders(dir string) ([]string, error)
	// Stat returns the size of a file in bytes.
	Stat(name string) (size int64, err error)
	// SyncDir makes all changes of names in a folder durable.
	SyncDir(dir string) error
	// Lock makes the file if need be and takes its exclusive lock, until the Closer is closed or the process ends. It
	// does not wait: a lock that another holder has is a *LockedError.
	Lock(name string) (io.Closer, error)
}

// File is an open file; ReadAt, WriteAt and the two syncs may be called from several goroutines at once, on ranges that
// do not overlap. WriteAt beyond the end makes the file longer, with zeros between.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes the content and the size of the file durable (fsync).
	Sync() error
	// Datasync does so too, and may skip what is not needed to read the content back, such as times (fdatasync).
	Datasync() error
	// Preallocate makes the file at least so many bytes long, with real zeros, so that later writes inside change no
	// metadata.
	Preallocate(size int64) error
	// Truncate cuts the file, or fills it with zeros, to so many bytes.
	Truncate(size int64) error
	// Size returns the present size in bytes.
	Size() (int64, error)
}
