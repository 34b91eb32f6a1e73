package journal

import (
	"io"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// WriteFileAtomic gives a file the content data, durably: after any crash the file has its old content (or none) or the
// new one, and when it returns nil, the new one. The temporary file is path with .tmp behind it, so two writers of one
// path must not run at once.
func WriteFileAtomic(fsys vfs.FS, path string, data []byte) error {
	return writeAtomic(fsys, path, func(f vfs.File) error {
		_, err := f.WriteAt(data, 0)
		return err
	})
}

// StreamFileAtomic is WriteFileAtomic for content that is written piece by piece, each piece where it belongs, so that
// it is never in memory whole.
func StreamFileAtomic(fsys vfs.FS, path string, content io.WriterTo) error {
	return writeAtomic(fsys, path, func(f vfs.File) error {
		_, err := content.WriteTo(&fileWriter{f: f})
		return err
	})
}

// fileWriter writes a file from its beginning on.
type fileWriter struct {
	f   vfs.File
	off int64
}

func (w *fileWriter) Write(b []byte) (int, error) {
	n, err := w.f.WriteAt(b, w.off)
	w.off += int64(n)
	return n, err
}

// writeAtomic has fill write a new file, syncs it, gives it its name and syncs the folder. If anything fails, the
// temporary file is removed as well as can be; a sync is not tried again.
func writeAtomic(fsys vfs.FS, path string, fill func(vfs.File) error) error {
	tmp := path + tmpSuffix
	f, err := fsys.Create(tmp)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = fsys.Rename(tmp, path)
	}
	if err != nil {
		fsys.Remove(tmp) // what is left of it, the next writer of this path or Prune takes away
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}
