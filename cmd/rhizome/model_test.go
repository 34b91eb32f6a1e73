package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/importer"
)

const zooDir = "../../internal/importer/testdata/zoo"

// TestModelInspect: what can be trained is told, and what cannot ends with exit code 2 and all reasons.
func TestModelInspect(t *testing.T) {
	o := rhizome(t, "model", "inspect", filepath.Join(zooDir, "tabular_two_inputs.onnx"), "--freeze", "e.*")
	for _, want := range []string{"float32[?,5]", "int64[?,2]", "trained: 4 tensors, 123 numbers",
		"frozen, as you said", "it can be trained", "pkg.torch.onnx.stack_trace", "open, called \"batch\""} {
		if !strings.Contains(o.Out, want) {
			t.Errorf("want %q in %s", want, o.Out)
		}
	}
	if o.Code != 0 || o.Err != "" {
		t.Errorf("exit code %d: %s", o.Code, o.Err)
	}

	o = rhizome(t, "model", "inspect", filepath.Join(zooDir, "cnn_qdq.onnx"))
	if o.Code != exitBad || !strings.Contains(o.Out,
		"weights are int8, only scales are float; export the float model") ||
		!strings.Contains(o.Err, "cannot be trained") {
		t.Errorf("exit code %d: %s\n%s", o.Code, o.Err, o.Out)
	}

	o = rhizome(t, "model", "inspect", "--json", filepath.Join(zooDir, "sk_logreg_zipmap.onnx"))
	var r importer.Report
	if err := json.Unmarshal([]byte(o.Out), &r); err != nil || o.Code != 0 {
		t.Fatalf("exit code %d, %v: %s", o.Code, err, o.Out)
	}
	if r.Trained != 2 || r.Elements != 15 || r.Output != "output_probability" || r.Ends != "softmax" || !r.Trainable {
		t.Errorf("%+v", r)
	}
}

// TestModelInspectRefuses: a file that is no model, that is not there, or whose other file is not there.
func TestModelInspectRefuses(t *testing.T) {
	dir := t.TempDir()
	b, err := os.ReadFile(filepath.Join(zooDir, "mlp_external.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"external.onnx": string(b), "text.onnx": "no model\n", "empty.onnx": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"external.onnx": `"mlp_external.onnx.data", which is not there`,
		"text.onnx":     "onnx: ModelProto at byte 0",
		"empty.onnx":    "there is no graph",
		"none.onnx":     "no such file",
	} {
		o := rhizome(t, "model", "inspect", filepath.Join(dir, name))
		if o.Code != exitBad || !strings.Contains(o.Err, want) {
			t.Errorf("%s: exit code %d, %q; want one that says %q", name, o.Code, o.Err, want)
		}
	}
	o := rhizome(t, "model", "inspect", "--freeze", "nothing.*", filepath.Join(zooDir, "mlp_plain.onnx"))
	if o.Code != exitBad || !strings.Contains(o.Err, "names no parameter; want one of") {
		t.Errorf("exit code %d, %q", o.Code, o.Err)
	}
}
