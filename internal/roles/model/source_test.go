package model

import (
	"os"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// TestTensorsBesideTheFile: a model whose tensors lie in a file beside it, as exporters write it by default, is read
// for training, and one of too many is refused in words.
func TestTensorsBesideTheFile(t *testing.T) {
	file := node.Given{FS: os.DirFS("../../importer/testdata/zoo"), Name: "mlp_external.onnx"}
	g, err := ReadSource(file, importer.Options{})
	if err != nil || len(g.params) != 4 {
		t.Fatal(err)
	}
	m, err := readFile(file, importer.Options{}, 100)
	if err == nil || m != nil || !strings.Contains(err.Error(),
		"have more than 100 bytes; models of at most that are trained") {
		t.Errorf("got %v", err)
	}
}
