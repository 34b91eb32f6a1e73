package backup

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// taken says whether a file of a directory belongs into a backup: not locks, sockets, what is being written, the mark
// of a directory that is only looked at, and what no node names so.
func taken(name string) bool {
	switch name {
	case "lock", "process.lock", "control.sock", restoringFile, directory.LookFile, manifestName:
		return false
	}
	return sound(name) && !strings.HasSuffix(name, ".tmp")
}

// frozen is a file system that shows directories as they were when they were taken, and all else as it is. It is read
// only.
type frozen struct {
	vfs.FS
	dirs map[string]map[string]*kept // by folder and name
}

// Beside returns the file system of all that was not taken, such as files of data.
func (f *frozen) Beside() vfs.FS { return f.FS }

// kept is a file that was taken: in memory, or open, where it never changes.
type kept struct {
	data []byte
	file vfs.File
	size int64
}

// segmentMax bounds a segment that is read into memory.
const segmentMax = 2 << 30

// take takes the files of a folder. What vanishes meanwhile is an fs.ErrNotExist: then the folder is to be
// taken anew.
//
// The order matters. Snapshots come first, so that the journal reaches beyond them; then the segments, oldest first;
// then all else: blobs, which are there before the records that name them, and what the node writes down before it acts
// on it.
func (f *frozen) take(dir string) error {
	dir = filepath.Clean(dir)
	f.drop(dir)
	files := map[string]*kept{}
	f.dirs[dir] = files
	for _, mine := range []func(string) bool{journal.OwnsSnapshotFile, journal.OwnsSegmentFile, taken} {
		names, err := f.FS.List(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if files[name] != nil || !mine(name) || !taken(name) {
				continue
			}
			k, err := keep(f.FS, filepath.Join(dir, name), journal.OwnsSegmentFile(name))
			if err != nil {
				return err
			}
			files[name] = k
		}
	}
	return nil
}

// keep opens a file, and where its bytes may change, reads it. What was read of a segment is made durable: a backup is
// not to hold what the machine may yet lose.
func keep(fsys vfs.FS, path string, read bool) (*kept, error) {
	file, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	k := &kept{file: file}
	if k.size, err = file.Size(); err == nil && read {
		if k.size > segmentMax {
			err = &vfs.TooLargeError{Path: path, Size: k.size, Max: segmentMax}
		} else {
			k.data = make([]byte, k.size)
			err = vfs.ReadFull(file, k.data, 0)
		}
		if err == nil {
			file.Datasync() // not every system syncs what is open for reading
		}
	}
	if err == nil && !read {
		return k, nil
	}
	file.Close()
	k.file = nil
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist} // it became another file
	}
	return k, err
}

func (f *frozen) drop(dir string) {
	for _, k := range f.dirs[dir] {
		if k.file != nil {
			k.file.Close()
		}
	}
	delete(f.dirs, dir)
}

// close closes all files.
func (f *frozen) close() {
	for dir := range f.dirs {
		f.drop(dir)
	}
}

// find returns a file that was taken; mine is false where its folder was not.
func (f *frozen) find(name string) (k *kept, mine bool) {
	dir, base := filepath.Split(filepath.Clean(name))
	files, mine := f.dirs[filepath.Clean(dir)]
	return files[base], mine
}

// Open opens a file for reading.
func (f *frozen) Open(name string) (vfs.File, error) {
	k, mine := f.find(name)
	switch {
	case !mine:
		return f.FS.Open(name)
	case k == nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &keptFile{k, name}, nil
}

// List returns the names of the files in a folder, sorted.
func (f *frozen) List(dir string) ([]string, error) {
	files, mine := f.dirs[filepath.Clean(dir)]
	if !mine {
		return f.FS.List(dir)
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Stat returns the size of a file.
func (f *frozen) Stat(name string) (int64, error) {
	k, mine := f.find(name)
	switch {
	case !mine:
		return f.FS.Stat(name)
	case k == nil:
		return 0, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return k.size, nil
}

func frozenError(path string) error {
	return &vfs.ReadOnlyError{Path: path, Err: fs.ErrPermission}
}

// Create refuses: so do all that would write.
func (f *frozen) Create(name string) (vfs.File, error) { return nil, frozenError(name) }

// OpenFile refuses.
func (f *frozen) OpenFile(name string) (vfs.File, error) { return nil, frozenError(name) }

// Rename refuses.
func (f *frozen) Rename(_, to string) error { return frozenError(to) }

// Remove refuses.
func (f *frozen) Remove(name string) error { return frozenError(name) }

// MkdirAll refuses.
func (f *frozen) MkdirAll(dir string) error { return frozenError(dir) }

// SyncDir refuses.
func (f *frozen) SyncDir(dir string) error { return frozenError(dir) }

// Lock refuses.
func (f *frozen) Lock(name string) (io.Closer, error) { return nil, frozenError(name) }

// ReadAt reads what was taken, and nothing that was appended since.
func (k *kept) ReadAt(b []byte, off int64) (int, error) {
	if off >= k.size || off < 0 {
		return 0, io.EOF
	}
	short := int64(len(b)) > k.size-off
	if short {
		b = b[:k.size-off]
	}
	var n int
	var err error
	if k.file != nil {
		n, err = k.file.ReadAt(b, off)
	} else {
		n = copy(b, k.data[off:])
	}
	if err == nil && short {
		err = io.EOF
	}
	return n, err
}

// keptFile is a file that was taken, open for reading.
type keptFile struct {
	*kept
	name string
}

// WriteAt refuses: so do all that would write.
func (k *keptFile) WriteAt([]byte, int64) (int, error) { return 0, frozenError(k.name) }

// Close does nothing: the file stays open as long as it is kept.
func (k *keptFile) Close() error { return nil }

// Sync refuses.
func (k *keptFile) Sync() error { return frozenError(k.name) }

// Datasync refuses.
func (k *keptFile) Datasync() error { return frozenError(k.name) }

// Preallocate refuses.
func (k *keptFile) Preallocate(int64) error { return frozenError(k.name) }

// Truncate refuses.
func (k *keptFile) Truncate(int64) error { return frozenError(k.name) }

// Size returns the size that it had.
func (k *keptFile) Size() (int64, error) { return k.size, nil }
