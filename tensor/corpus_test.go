package tensor_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"google.golang.org/protobuf/proto"
)

// corpus is where Debian's libonnx-testdata puts the standard's node tests.
const corpus = "/usr/share/libonnx-testdata/data/node"

// TestCorpus parses every stored tensor of the standard's node tests: those of
// a supported type are read alike through both doors, the others are refused
// with a typed error.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob(corpus + "/*/test_data_set_*/*.pb")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("NOT RUN: the node tests of the ONNX standard are not there; install libonnx-testdata")
	}
	read := 0
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		x, err := tensor.Parse(b, tensor.DefaultLimits())
		if err != nil {
			// Sequences and optionals lie beside the tensors under the same ending.
			if !isTyped(err) {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		var p onnx.TensorProto
		if err := proto.Unmarshal(b, &p); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if y, err := tensor.FromProto(&p, tensor.DefaultLimits()); err != nil || !y.Equal(x) {
			t.Errorf("%s: FromProto disagrees: %v", path, err)
		}
		read++
	}
	if t.Logf("%d of %d read", read, len(files)); read < 2000 {
		t.Errorf("%d of %d tensors read, want 2000 or more", read, len(files))
	}
}
