package node

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestNewerSnapshot: a snapshot of a newer version is refused by its version, although it holds fields that this
// version does not know.
func TestNewerSnapshot(t *testing.T) {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType),
		snapshot.CurrentSnapshotSpecVersion+1)
	b = protowire.AppendBytes(protowire.AppendTag(b, 99, protowire.BytesType), []byte("of a later day"))
	_, err := Decode(&Config{Values: value.NewRegistry()}, b)
	var version *SpecVersionError
	if !errors.As(err, &version) || version.Got != snapshot.CurrentSnapshotSpecVersion+1 ||
		version.Want != snapshot.CurrentSnapshotSpecVersion {
		t.Fatalf("a newer snapshot is refused with %v", err)
	}
	if _, err := Decode(&Config{Values: value.NewRegistry()}, nil); err == nil {
		t.Fatal("no bytes at all were taken for a snapshot")
	}
}
