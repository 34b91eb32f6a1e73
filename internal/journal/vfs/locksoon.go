package vfs

import (
	"errors"
	"io"
	"time"
)

// lockPatience is how long LockSoon waits for who holds a lock. A process that was killed gives its locks back when the
// system has ended it, which takes a while where it had much memory or a write under way.
const lockPatience = 2 * time.Second

// LockSoon takes a lock as Lock does, and waits a little for one that is held: whoever is killed and started again at
// once meets the locks of his last life. Errors are those of Lock.
func LockSoon(fsys FS, name string) (io.Closer, error) {
	late := time.NewTimer(lockPatience)
	defer late.Stop()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		l, err := fsys.Lock(name)
		if !errors.As(err, new(*LockedError)) {
			return l, err
		}
		again := time.NewTimer(pause) // no system says when a lock is given back
		select {
		case <-again.C:
		case <-late.C:
			again.Stop()
			return nil, err
		}
	}
}
