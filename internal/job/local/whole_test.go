package local

import (
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestLargeModel trains a model of more than a message takes, with nodes dropped on the way: it travels in chunks
// although nobody said so, the result is streamed from the server's component, and it is made again from there when it
// was lost.
func TestLargeModel(t *testing.T) {
	c := jobtest.Tiny()
	c.Hidden, c.Layers, c.Batch, c.Rounds = 520, 2, 256, 2
	if c.ModelBytes() <= 1<<20 {
		t.Fatalf("a model of %d bytes is not large", c.ModelBytes())
	}
	mem := vfs.NewMem()
	want := run(t, Options{Dir: "run", FS: mem, Job: c})
	if size, err := mem.Stat(want.Model); err != nil || size < int64(c.ModelBytes()) {
		t.Errorf("a model of %d bytes (%v), its parameters have %d", size, err, c.ModelBytes())
	}
	if got := run(t, Options{Dir: "run", FS: vfs.NewMem(), Job: c, Chaos: 1}); got.ModelSHA256 != want.ModelSHA256 ||
		got.Restarts == 0 {
		t.Errorf("with nodes dropped: %+v, undisturbed %+v", got, want)
	}
	if err := mem.Remove(filepath.Join("run", rundir.ModelFile)); err != nil {
		t.Fatal(err)
	}
	if got := run(t, Options{Dir: "run", FS: mem, Job: c}); got.ModelSHA256 != want.ModelSHA256 || !got.Kept {
		t.Errorf("the lost model came back as %+v, it was %+v", got, want)
	}
}
