package importer

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// moved returns other values for what a model trains.
func moved(t testing.TB, m *Model) []*tensor.Tensor {
	t.Helper()
	var out []*tensor.Tensor
	for _, p := range m.Trained() {
		v := slices.Clone(p.Value.Float32())
		for i := range v {
			v[i] = v[i]/2 + 0.25
		}
		x, err := tensor.FromFloat32(p.Shape, v)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// TestExport: the exported file is the author's; only what is trained differs, in the form that it had, and what is
// exported with the values that it came with is the same file.
func TestExport(t *testing.T) {
	for _, name := range zooNames(t) {
		file := model(t, name)
		m, err := Inspect(proto.CloneOf(file), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var same []*tensor.Tensor
		for _, p := range m.Trained() {
			same = append(same, p.Value)
		}
		back, err := m.Export(same, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(marshal(t, back), marshal(t, file)) {
			t.Errorf("%s: exported as it was read, the file differs", name)
		}
		values := moved(t, m)
		other, err := m.Export(values, nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Inspect(other, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range again.Trained() {
			if d := distance(p.Value, values[i]); d > 1e-3 || d > 0 && name != "mlp_float16" {
				t.Errorf("%s: %s was exported %g away", name, p.Name, d)
			}
		}
		trained := map[string]bool{}
		for _, p := range m.Trained() {
			trained[p.Name] = true
		}
		for i, x := range file.Graph.Initializer {
			y := other.Graph.Initializer[i]
			if !trained[x.Name] && !proto.Equal(x, y) || len(x.RawData) != len(y.RawData) ||
				len(x.FloatData) != len(y.FloatData) || x.Name != y.Name {
				t.Errorf("%s: initializer %s is of another form", name, x.Name)
			}
		}
		if err := m.Check(values[:max(0, len(values)-1)]); err == nil && len(values) > 0 {
			t.Errorf("%s: values that are too few are taken", name)
		}
	}
}

func marshal(t testing.TB, m *onnx.ModelProto) []byte {
	t.Helper()
	b, err := onnx.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBare: what travels has no metadata, no names of the author's files, no values of what is trained, is the same
// bytes each time, and decides what the whole file decided (fact 21).
func TestBare(t *testing.T) {
	for _, name := range zooNames(t) {
		m := inspected(t, name, Options{Freeze: nil})
		if m.Refused() != nil {
			continue
		}
		b, err := m.Bare()
		if err != nil {
			t.Fatal(err)
		}
		twice, err := inspected(t, name, Options{}).Bare()
		if err != nil || !bytes.Equal(b, twice) {
			t.Errorf("%s: the bare form differs from one time to the next (%v)", name, err)
		}
		for _, leak := range []string{"stack_trace", "File \"", ".py", "pkg.torch", "namespace"} {
			if bytes.Contains(b, []byte(leak)) {
				t.Errorf("%s: %q travels", name, leak)
			}
		}
		got, err := Load(b, onnx.DefaultLimits(), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, p := range m.Trained() {
			q := got.Trained()[i]
			if q.Name != p.Name || !slices.Equal(q.Shape, p.Shape) {
				t.Errorf("%s: parameter %d is %s, want %s", name, i, q.Name, p.Name)
			}
		}
		x, err := m.At(3)
		if err != nil {
			t.Fatal(err)
		}
		y, err := got.At(3)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(x.Nodes, y.Nodes, func(a, b *onnx.NodeProto) bool { return proto.Equal(a, b) }) ||
			!slices.EqualFunc(x.Constants, y.Constants, func(a, b Constant) bool {
				return a.Name == b.Name && a.Value.Equal(b.Value)
			}) {
			t.Errorf("%s: the bare form runs other nodes", name)
		}
	}
}

// TestExportElsewhere: onnx's checker, with full check, and onnxruntime take what is exported.
func TestExportElsewhere(t *testing.T) {
	python := os.Getenv("RHIZOME_PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import onnx, onnxruntime").CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: %s has no onnx and onnxruntime, so no other tool opened the exported files; "+
			"pip install onnx onnxruntime, or name a Python in RHIZOME_PYTHON: %v %.200s", python, err, out)
	}
	dir := t.TempDir()
	for _, name := range zooNames(t) {
		m := inspected(t, name, Options{})
		split := inspected(t, name, Options{SplitShared: true, AddBias: true})
		for k, m := range map[string]*Model{"": m, ".split": split} {
			out, err := m.Export(moved(t, m), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name+k+".onnx"), marshal(t, out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, err := exec.Command(python, "testdata/check.py", dir).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "76 files are right") {
		t.Errorf("%v\n%s", err, out)
	}
}
