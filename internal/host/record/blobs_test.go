package record

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestRecordsNameTheirBlobs: a record whose blobs do not fit its events is refused.
func TestRecordsNameTheirBlobs(t *testing.T) {
	m := vfs.NewMem()
	blobs, err := journal.OpenBlobs(m, "n", 1)
	if err != nil {
		t.Fatal(err)
	}
	completion := engine.Event{Completion: &snapshot.PendingCompletionSnapshot{Command: 1}}
	full := engine.Event{Completion: &snapshot.PendingCompletionSnapshot{Command: 1,
		Results: []snapshot.NamedResult{{Port: "out0", Value: value.Int(1)}}}}
	other := engine.Event{AppAck: &snapshot.AppAckEvent{UpTo: 1}}
	for name, r := range map[string]Record{
		"beyond the events": {Events: []engine.Event{completion}, Blobs: []ResultBlob{{Event: 1}}},
		"of another event":  {Events: []engine.Event{other}, Blobs: []ResultBlob{{}}},
		"of results there":  {Events: []engine.Event{full}, Blobs: []ResultBlob{{}}},
		"that is not there": {Events: []engine.Event{completion}, Blobs: []ResultBlob{{Size: 1 << 50}}},
	} {
		if err := r.fetch(blobs, value.NewRegistry(), 7); err == nil || !strings.Contains(err.Error(), "record 7") {
			t.Errorf("a blob %s: %v", name, err)
		}
	}
}
