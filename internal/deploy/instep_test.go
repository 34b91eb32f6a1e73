package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// TestInStepFails: the job of a node in step whose training makes no number has failed: that is what the node ends
// with, what its directory says, and what each further start ends with.
func TestInStepFails(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	dir := t.TempDir()
	file, text := filepath.Join(dir, "rows.csv"), "a,b,y\n"
	for i := range 100 {
		text += fmt.Sprintf("%d.5,%d,%d.25\n", i%7, i%11, i)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := job.With(gossip.Default(), map[string]string{"strategy": "d-psgd", "mlp": "12, 8", "nodes": "2",
		"degree": "1", "topology": "ring", "rounds": "3", "learning_rate": "10", "batch": "2", "data": file,
		"label": "y", "reader": `{"label_kind":"quantity"}`})
	if err != nil {
		t.Fatal(err)
	}
	fsys := vfs.OS()
	other, err := OpenDir(fsys, filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	neighbour := "/memory/other/p2p/" + string(other.ID.Peer())
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	o := PeerOptions{Job: j, Bootstrap: []string{neighbour}, Data: file, Options: Options{
		Dir: filepath.Join(dir, "node"), FS: fsys, Listen: []string{"/memory/node"}, Network: memoryNet(net),
		Notify: func(any) {}}}
	var first string
	for start := range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := RunPeer(ctx, o)
		cancel()
		var failed *job.FailedError
		if !errors.As(err, &failed) || failed.Round != 1 || !strings.Contains(failed.Reason, "what the training made") {
			t.Fatalf("start %d ended with %v", start+1, err)
		}
		if start == 0 {
			first = err.Error()
		} else if err.Error() != first {
			t.Errorf("start %d says %v, the first %s", start+1, err, first)
		}
		reply, err := callStopped(o.Options, Request{Op: OpStatus})
		if err != nil {
			t.Fatal(err)
		}
		if s := reply.Status; s.State != StateFailed || s.Failed == nil || s.Waits != nil {
			t.Errorf("after start %d its state is %s, failed %v, and it waits for %v", start+1, s.State, s.Failed, s.Waits)
		}
	}
}
