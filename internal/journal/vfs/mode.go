package vfs

import (
	"io/fs"
	"os"
	"runtime"
)

// Mode returns who may do what with a file, and whether the file system can tell: that of a machine with such
// permissions can.
func Mode(fsys FS, name string) (mode fs.FileMode, known bool, err error) {
	if _, ok := fsys.(osFS); !ok || runtime.GOOS == "windows" {
		return 0, false, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return 0, false, err
	}
	return info.Mode().Perm(), true, nil
}
