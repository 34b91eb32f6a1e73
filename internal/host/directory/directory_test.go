package directory_test

import (
	"errors"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
)

// TestInUse tells a directory in which a node runs, and leaves others as they are.
func TestInUse(t *testing.T) {
	r, err := rig.New(rig.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	var locked *vfs.LockedError
	if err := directory.InUse(r.FS[0], "n"); !errors.As(err, &locked) {
		t.Errorf("a node runs: %v", err)
	}
	r.Nodes[0].Close()
	names := r.FS[0].Names()
	for _, dir := range []string{"n", "none"} {
		if err := directory.InUse(r.FS[0], dir); err != nil || len(r.FS[0].Names()) != len(names) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
