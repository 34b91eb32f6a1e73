package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/importer"
)

// TestExportOfAModel: parameters leave under the names of the module, what cannot be undone is told on stderr and with
// --json, the same model gives the same bytes, and no file is replaced unless it is said.
func TestExportOfAModel(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.safetensors")
	o := rhizome(t, "export", filepath.Join(zooDir, "transformer_fresh.onnx"), "--to", "safetensors", "-o", file)
	for _, want := range []string{"14 parameters and buffers", "under the names of the module",
		"transposed: l.self_attn.in_proj_weight (val_0), l.linear1.weight (val_86)",
		"shared: l.norm2.weight (l.norm1.weight)", "zero: l.self_attn.out_proj.bias"} {
		if !strings.Contains(o.Out, want) {
			t.Errorf("want %q in %s", want, o.Out)
		}
	}
	if o.Code != exitOK || o.Err != "" {
		t.Errorf("exit code %d: %s", o.Code, o.Err)
	}
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o = rhizome(t, "export", filepath.Join(zooDir, "transformer_fresh.onnx"), "--to", "safetensors", "-o", file)
	if o.Code != exitBad || !strings.Contains(o.Err, "is there already; want another name by -o, or --force") {
		t.Errorf("exit code %d: %s", o.Code, o.Err)
	}
	o = rhizome(t, "export", filepath.Join(zooDir, "transformer_fresh.onnx"), "--to", "safetensors", "-o", file,
		"--force")
	if again, err := os.ReadFile(file); o.Code != exitOK || err != nil || !bytes.Equal(first, again) {
		t.Errorf("exit code %d, %v: the same model gives other bytes", o.Code, err)
	}

	o = rhizome(t, "export", filepath.Join(zooDir, "cnn_bn_folded.onnx"), "--to", "npz", "-o",
		filepath.Join(dir, "b.npz"))
	if o.Code != exitOK || !strings.Contains(o.Err, "folded: 1.weight, 1.bias, 1.running_mean, 1.running_var") ||
		!strings.Contains(o.Err, "export with optimize=False") {
		t.Errorf("exit code %d: %s", o.Code, o.Err)
	}
	o = rhizome(t, "export", filepath.Join(zooDir, "cnn_bn_folded.onnx"), "--to", "npz", "--json", "-o",
		filepath.Join(dir, "c.npz"))
	var line exportLine
	if err := json.Unmarshal([]byte(o.Out), &line); err != nil || o.Code != exitOK || o.Err != "" {
		t.Fatalf("exit code %d, %v: %s%s", o.Code, err, o.Out, o.Err)
	}
	if len(line.Tensors) != 8 || line.Names != "module" || line.Bytes == 0 || !slices.ContainsFunc(line.Told,
		func(x importer.Told) bool { return x.What == "folded" && !x.Undone }) {
		t.Errorf("%+v", line)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 3 {
		t.Errorf("there are %q (%v)", left, err)
	}
}

// TestExportRefuses: what cannot be exported is refused by what would be right, and leaves no file.
func TestExportRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.npz")
	for want, args := range map[string][]string{
		"want safetensors or npz": {filepath.Join(zooDir, "mlp_plain.onnx"), "--to", "pt"},
		"no such file":            {filepath.Join(dir, "none.onnx"), "--to", "npz"},
		"holds no model.onnx":     {dir, "--to", "npz"},
		"has no parameters":       {filepath.Join(zooDir, "cnn_qdq.onnx"), "--to", "npz"},
		"is a directory":          {filepath.Join(zooDir, "mlp_plain.onnx"), "--to", "npz", "-o", dir},
		"which is not there":      {lone(t, dir), "--to", "npz"},
	} {
		if !slices.Contains(args, "-o") {
			args = append(args, "-o", file)
		}
		o := rhizome(t, append([]string{"export"}, args...)...)
		if o.Code != exitBad || !strings.Contains(o.Err, want) {
			t.Errorf("%q: exit code %d: %s; want %q", args, o.Code, o.Err, want)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a refused export left a file")
	}
}

// lone returns a model without the file that holds its tensors.
func lone(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(zooDir, "mlp_external.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "lone.onnx")
	write(t, name, string(b))
	return name
}

// TestExportIsReadByOthers: numpy reads both formats, and modules of PyTorch, written out in numpy, give with the
// parameters what onnxruntime gave for the files.
func TestExportIsReadByOthers(t *testing.T) {
	python := os.Getenv("RHIZOME_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import numpy").CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: %s has no numpy, so no other tool read what was exported; pip install numpy, or name a "+
			"Python in RHIZOME_PYTHON: %v %.200s", python, err, out)
	}
	dir := t.TempDir()
	for _, name := range []string{"lstm_last", "gru_last_dyn", "transformer_fresh", "cnn_bn_folded", "mlp_plain",
		"mlp_opset13_torchscript"} {
		for _, to := range []string{"safetensors", "npz"} {
			if o := rhizome(t, "export", filepath.Join(zooDir, name+".onnx"), "--to", to, "-o",
				filepath.Join(dir, name+"."+to)); o.Code != exitOK {
				t.Fatalf("exit code %d: %s", o.Code, o.Err)
			}
		}
	}
	out, err := exec.Command(python, "testdata/originals.py", dir, zooDir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "6 modules are right") {
		t.Errorf("%v\n%s", err, out)
	}
}
