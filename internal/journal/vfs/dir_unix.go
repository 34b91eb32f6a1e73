//go:build !windows

package vfs

import "os"

// syncDir is fsync of the folder.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
