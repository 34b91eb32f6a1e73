package local_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// merged writes a model of two LayerNormalizations and a Linear layer, of which an exporter made one scale and one bias
// for both, since they were equal before training.
func merged(t *testing.T, path string) {
	t.Helper()
	weights := make([]float32, 12)
	for i := range weights {
		weights[i] = float32(i%5) * 0.1
	}
	var values []*onnx.TensorProto
	for _, v := range []struct {
		name  string
		shape []int
		data  []float32
	}{{"a.weight", []int{4}, []float32{1, 1, 1, 1}}, {"a.bias", []int{4}, []float32{.5, .5, .5, .5}},
		{"l.weight", []int{4, 3}, weights}} {
		x, err := tensor.FromFloat32(v.shape, v.data)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, x.Proto(v.name))
	}
	norm := func(from, to string) *onnx.NodeProto {
		return onnx.Node("", "LayerNormalization", to, []string{from, "a.weight", "a.bias"}, []string{to})
	}
	b, err := onnx.Marshal(&onnx.ModelProto{IrVersion: 10, OpsetImport: []*onnx.OperatorSetIdProto{{Version: 20}},
		Graph: &onnx.GraphProto{Name: "net", Initializer: values,
			Input:  []*onnx.ValueInfoProto{onnx.ValueInfo("x", tensor.Float32, -1, 4)},
			Output: []*onnx.ValueInfoProto{onnx.ValueInfo("y", tensor.Float32, -1, 3)},
			Node: []*onnx.NodeProto{norm("x", "p"), norm("p", "q"),
				onnx.Node("", "MatMul", "l", []string{"q", "l.weight"}, []string{"y"})}}})
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatTheExporterDidIsUndone: a job that says so trains tensors that an exporter merged apart, and the file that
// comes out has them apart; one that does not trains the file as it is. What cannot be undone is refused by its word.
func TestWhatTheExporterDidIsUndone(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	merged(t, in("net.onnx"))
	var rows strings.Builder
	rows.WriteString("a,b,c,d,kind\n")
	for i := range 240 {
		fmt.Fprintf(&rows, "%d,%d,%d,%d,%s\n", i%7, i%5, i%3, i%2, []string{"u", "v", "w"}[i%3])
	}
	file := func(undo string) string {
		text := "name: undone\nmodel: {onnx: net.onnx" + undo + "}\n" +
			"data: {train: t.csv, label: kind, partition: iid}\n" +
			"train: {epochs: 1, batch: 8, learning_rate: 0.1}\nrounds: 2\nclients: 2\n"
		for name, b := range map[string]string{"t.csv": rows.String(), "job.yaml": text} {
			if err := os.WriteFile(in(name), []byte(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return in("job.yaml")
	}
	for undo, want := range map[string]int{"": 3, ", undo: [split-shared]": 5} {
		j, err := kinds.FindServed(file(undo))
		if err != nil {
			t.Fatal(err)
		}
		l, err := local.Open(local.Options{Job: j, Dir: in(fmt.Sprint("run", want))})
		if err != nil {
			t.Fatal(err)
		}
		res, err := l.Run(t.Context())
		l.Close()
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(res.Model)
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Load(b, onnx.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		different := map[string]bool{}
		for _, p := range m.GetGraph().GetInitializer() {
			different[string(p.GetRawData())] = true
		}
		if len(m.GetGraph().GetInitializer()) != want || len(different) != want {
			t.Errorf("undo %q: %d tensors, %d of them different; want %d", undo, len(m.GetGraph().GetInitializer()),
				len(different), want)
		}
	}
	if _, err := kinds.FindServed(file(", undo: [share]")); err == nil ||
		!strings.Contains(err.Error(), `undo is "share"; want split-shared or add-bias`) {
		t.Errorf("undo of another word: %v", err)
	}
}
