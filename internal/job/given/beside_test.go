package given

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFilesBesideAModel: what lies in a file beside a model is the model, so another one is another model.
func TestFilesBesideAModel(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mlp_external.onnx")
	for _, name := range []string{"mlp_external.onnx", "mlp_external.onnx.data"} {
		b, err := os.ReadFile(filepath.Join("../../importer/testdata/zoo", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(f); err != nil {
		t.Errorf("the same files: %v", err)
	}
	b, err := os.ReadFile(path + ".data")
	if err != nil {
		t.Fatal(err)
	}
	b[7] ^= 1
	if err := os.WriteFile(path+".data", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || got.SHA256 == f.SHA256 || got.Bytes != f.Bytes {
		t.Errorf("%+v, %v: other weights are the same model as %+v", got, err, f)
	}
	if _, err := Open(f); err == nil {
		t.Error("a model of other weights is opened as what it was")
	}
}
