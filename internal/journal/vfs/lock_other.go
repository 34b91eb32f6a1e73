//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package vfs

import (
	"errors"
	"os"
)

// tryLock refuses: without a lock that ends with its process, two processes could write one directory.
func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }
