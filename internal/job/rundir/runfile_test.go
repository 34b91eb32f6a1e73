package rundir

import (
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// FuzzRunFile reads hostile run.json files: no panic, and what is not refused describes a job that can run.
func FuzzRunFile(f *testing.F) {
	mem := vfs.NewMem()
	if err := journal.WriteSealed(mem, RunFile, Record{State: StateNew, Job: federated.Default().Settings(),
		Set: map[string]string{"rounds": "3"}}); err != nil {
		f.Fatal(err)
	}
	good, err := vfs.ReadFile(mem, RunFile, 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"sha256":"","content":{}}`))
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		mem := vfs.NewMem()
		if err := mem.MkdirAll("run"); err != nil {
			t.Fatal(err)
		}
		if err := journal.WriteFileAtomic(mem, filepath.Join("run", RunFile), b); err != nil {
			t.Fatal(err)
		}
		if c, err := Stored(mem, "run"); err == nil && c.Validate() != nil {
			t.Fatalf("%+v from %q", c, b)
		}
	})
}
