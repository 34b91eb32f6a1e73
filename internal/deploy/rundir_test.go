package deploy

import (
	"errors"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// TestNoNodeInTheDirectoryOfARun: the directory of a run of all nodes is no node's. A server or a peer that is started
// there is refused, and makes nothing in it.
func TestNoNodeInTheDirectoryOfARun(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	fsys := vfs.NewMem()
	if err := fsys.MkdirAll("server"); err != nil {
		t.Fatal(err)
	}
	if err := journal.WriteFileAtomic(fsys, "server/run.json", []byte("{}\n")); err != nil {
		t.Fatal(err)
	}
	_, err := Serve(t.Context(), inMemory(net, fsys, federated.Default()))
	var de *DirError
	if !errors.As(err, &de) || !strings.Contains(de.Reason, "rhizome run --dir") {
		t.Fatalf("a server in the directory of a run: %v", err)
	}
	names, err := fsys.List("server")
	for _, name := range names {
		if name != "run.json" && name != lockFile {
			t.Errorf("it left %s there", name)
		}
	}
	if err != nil {
		t.Error(err)
	}
}
