package outages

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// writes tells when files of a folder are written or made.
type writes struct {
	f   *os.File
	buf []byte
}

func watch(dir string) (*writes, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MODIFY|unix.IN_CREATE); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &writes{os.NewFile(uintptr(fd), "inotify"), make([]byte, 64<<10)}, nil
}

// wait returns when something was written, or after a while, and says whether the file of a snapshot was made.
func (w *writes) wait(most time.Duration) (snapshot bool, err error) {
	if err := w.f.SetReadDeadline(time.Now().Add(most)); err != nil {
		return false, err
	}
	n, err := w.f.Read(w.buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	for b := w.buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
		mask, size := binary.NativeEndian.Uint32(b[4:]), binary.NativeEndian.Uint32(b[12:])
		end := min(len(b), unix.SizeofInotifyEvent+int(size))
		name := string(bytes.TrimRight(b[unix.SizeofInotifyEvent:end], "\x00"))
		snapshot = snapshot || mask&unix.IN_CREATE != 0 && unnamed(name)
		b = b[end:]
	}
	return snapshot, err
}

func (w *writes) close() { w.f.Close() }
