package vfs_test

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestLockSoon: a lock that is given back within a while is taken, and one that is not is told.
func TestLockSoon(t *testing.T) {
	for _, held := range []time.Duration{0, time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "lock")
			first, err := vfs.OS().Lock(name)
			if err != nil {
				t.Fatal(err)
			}
			given := time.AfterFunc(held, func() { first.Close() })
			second, err := vfs.LockSoon(vfs.OS(), name)
			if took := held < time.Minute; took != (err == nil) || !took && !errors.As(err, new(*vfs.LockedError)) {
				t.Errorf("a lock that is held for %v: %v", held, err)
			}
			if given.Stop() {
				first.Close()
			}
			if err == nil {
				second.Close()
			}
		})
	}
}
