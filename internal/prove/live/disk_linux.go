package live

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Disk is a small disk in memory that only the processes of a World see, and that goes with them. It is safe for
// concurrent use.
type Disk struct {
	w          *World
	path, seen string
}

// NewDisk makes a disk of so many bytes below the world's folder. Processes that were started before do not see it. It
// wants the rights of root.
func (w *World) NewDisk(name string, size int64) (*Disk, error) {
	d := &Disk{w: w, path: filepath.Join(w.Dir, name)}
	err := w.own.do(func() error {
		if err := os.Mkdir(d.path, 0o700); err != nil {
			return err
		}
		if !w.apart {
			// From here on the thread has its own view of what is mounted where, and nobody else sees what it adds to
			// it.
			if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
				return err
			}
			if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
				return err
			}
			w.apart = true
		}
		d.seen = fmt.Sprintf("/proc/%d/task/%d/root%s", os.Getpid(), unix.Gettid(), d.path)
		return unix.Mount("tmpfs", d.path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=700", size))
	})
	if err != nil {
		return nil, fmt.Errorf("a small disk cannot be made: %w", err)
	}
	return d, nil
}

// Seen is where this process finds the disk, as long as its World lives.
func (d *Disk) Seen() string { return d.seen }

// Path is where the disk is, for the processes of its World and in Do.
func (d *Disk) Path() string { return d.path }

// Do calls f where the disk is seen.
func (d *Disk) Do(f func() error) error { return d.w.own.do(f) }

// filler takes all the room of a full disk.
const filler = "filler"

// Fill leaves no room on the disk: not a byte more can be written to it until Free.
func (d *Disk) Fill() error {
	return d.Do(func() error {
		f, err := os.OpenFile(filepath.Join(d.path, filler), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		for size := 1 << 20; size > 0; {
			n, err := f.Write(make([]byte, size))
			switch {
			case errors.Is(err, unix.ENOSPC) && n == 0:
				size /= 2
			case err != nil && !errors.Is(err, unix.ENOSPC):
				return err
			}
		}
		return nil
	})
}

// Free gives the room back that Fill took.
func (d *Disk) Free() error {
	return d.Do(func() error { return os.Remove(filepath.Join(d.path, filler)) })
}
