//go:build !linux

package vfs

import "os"

// Datasync is a whole fsync where the system has nothing weaker that is safe.
func (f *osFile) Datasync() error { return f.Sync() }

// reserve does nothing here: Preallocate writes zeros anyway.
func reserve(*os.File, int64, int64) error { return nil }
