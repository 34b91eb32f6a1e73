package deploy

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// keeping shows folders of the machine's disk as they were, as a backup does, and all else as it is.
type keeping struct{ vfs.FS }

func (k *keeping) Beside() vfs.FS { return k.FS }

// TestDataBesideABackup: a client's own file of data is on the machine's disk also for what shows the client's
// directory as it was, and is given to the node by its name and hash.
func TestDataBesideABackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.csv")
	if err := os.WriteFile(path, []byte("a,b,y\n1,2,p\n3,4,q\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, fsys := range map[string]vfs.FS{"the disk": vfs.OS(), "a backup": &keeping{vfs.OS()}} {
		o, err := readOwn(fsys, path)
		if err != nil || o.file == nil || o.file.SHA256 != o.sum {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
	mem := &keeping{vfs.NewMem()}
	if isDisk(mem) {
		t.Error("a disk in memory is taken for the machine's")
	}
}
