package onnx_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// corpus is where Debian's libonnx-testdata puts the standard's own models.
const corpus = "/usr/share/libonnx-testdata/data"

// TestCorpus loads every model of the standard's test data: each is whole, no
// field of it is unknown to the schema, and it comes back from its own bytes.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("NOT RUN: the models of the ONNX standard are not there; install libonnx-testdata")
	}
	loaded := 0
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".onnx" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		m, err := onnx.Load(b, onnx.DefaultLimits())
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		if name := unknown(m.ProtoReflect()); name != "" {
			t.Errorf("%s: %s has a field that the schema does not know", path, name)
		}
		if again, err := onnx.Load(marshal(t, m), onnx.DefaultLimits()); err != nil || !proto.Equal(again, m) {
			t.Errorf("%s: does not come back: %v", path, err)
		}
		loaded++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d models", loaded); loaded < 500 {
		t.Errorf("%d models loaded, want 500 or more", loaded)
	}
}

// unknown returns the name of a message within m that holds unknown fields.
func unknown(m protoreflect.Message) (name string) {
	if len(m.GetUnknown()) > 0 {
		return string(m.Descriptor().Name())
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := 0; i < v.List().Len() && name == ""; i++ {
				name = unknown(v.List().Get(i).Message())
			}
		default:
			name = unknown(v.Message())
		}
		return name == ""
	})
	return name
}
