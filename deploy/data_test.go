package deploy

import (
	"errors"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/journal/vfs"
)

// TestAChangedDataFileIsRefused starts a client again with its file of data: as it was, elsewhere, changed, and gone.
func TestAChangedDataFileIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	write := func(name, text string) {
		if err := journal.WriteFileAtomic(fsys, name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := fsys.MkdirAll("d"); err != nil {
		t.Fatal(err)
	}
	write("d/rows.csv", "as it was")
	_, sum, err := readData(fsys, "d/rows.csv")
	if err != nil {
		t.Fatal(err)
	}
	d, rec := &Dir{FS: fsys, Path: "client"}, &Record{Data: &DataFile{Path: "d/rows.csv", SHA256: sum, Slot: "data"}}
	if b, err := sameData(d, rec, ""); err != nil || string(b) != "as it was" {
		t.Errorf("%q, %v", b, err)
	}
	write("d/moved.csv", "as it was")
	if b, err := sameData(d, rec, "d/moved.csv"); err != nil || string(b) != "as it was" {
		t.Errorf("moved: %q, %v", b, err)
	}
	write("d/rows.csv", "as it is")
	var de *DirError
	if _, err := sameData(d, rec, ""); !errors.As(err, &de) || !strings.Contains(err.Error(), "bring the file back") {
		t.Errorf("changed: %v", err)
	}
	if _, err := sameData(d, rec, "d/none.csv"); err == nil {
		t.Error("a file that is not there was taken")
	}
	if _, err := sameData(d, &Record{}, "d/moved.csv"); !errors.As(err, &de) {
		t.Errorf("data for a client that had none: %v", err)
	}
}
