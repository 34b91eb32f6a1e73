package model

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

const zoo = "../../importer/testdata/zoo"

// TestImported: what exporters write is a model like any other: it has what is trained as its parameters, a forward
// pass for a batch, and it is written as the author's file; and so is its bare form, whose graph is the same.
func TestImported(t *testing.T) {
	for name, want := range map[string][]string{
		"tabular_two_inputs": {"e.weight", "a.weight", "a.bias", "b.weight", "b.bias"},
		"sk_pipeline_mlp":    {"coefficient", "intercepts", "coefficient1", "intercepts1"},
		"mlp_plain":          {"0.weight", "0.bias", "2.weight", "2.bias"},
		"mlp_train_dropout":  {"0.weight", "0.bias", "3.weight", "3.bias"},
	} {
		b, err := os.ReadFile(filepath.Join(zoo, name+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		g, err := Load(b)
		if err != nil {
			t.Fatal(err)
		}
		bytesOf, err := g.Imported().Bare()
		if err != nil {
			t.Fatal(err)
		}
		bare, err := Load(bytesOf)
		if err != nil {
			t.Fatalf("%s: the bare form is refused: %v", name, err)
		}
		var names []string
		for _, p := range g.params {
			names = append(names, p.Name)
		}
		if !slices.Equal(names, want) || !sameParams(g, bare) {
			t.Errorf("%s: parameters %q, want %q", name, names, want)
		}
		for _, batch := range []int{1, 2, 5} {
			a, err := g.At(batch)
			if err != nil {
				t.Fatalf("%s for a batch of %d: %v", name, batch, err)
			}
			if _, shape := a.Result(); shape[0] != batch || a.Batch() != batch {
				t.Errorf("%s for a batch of %d gives %v", name, batch, shape)
			}
			c, err := bare.At(batch)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(text(t, a), text(t, c)) {
				t.Errorf("%s for a batch of %d: the bare form runs other nodes", name, batch)
			}
		}
		params := initial(t, g, InitHe)
		file, err := g.Export(params)
		if err != nil {
			t.Fatal(err)
		}
		f, err := g.File(params)
		if err != nil {
			t.Fatal(err)
		}
		var w bytes.Buffer
		if _, err := f.WriteTo(&w); err != nil || !bytes.Equal(w.Bytes(), file) || f.Size() != int64(len(file)) {
			t.Errorf("%s: the file in pieces is another one: %v", name, err)
		}
		again, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range initial(t, again, InitFile) {
			if !p.Equal(params[i]) {
				t.Errorf("%s: %s was not exported", name, want[i])
			}
		}
		z, err := bare.initial(1, "model", InitFile, nil)
		if err != nil || !slices.Equal(z[0].Shape(), g.params[0].Shape) {
			t.Errorf("%s: the bare form begins with %v (%v)", name, z, err)
		}
	}
}

// text writes a forward pass.
func text(t *testing.T, g *Graph) []byte {
	t.Helper()
	nodes, _, output, _ := g.Forward()
	b, err := onnx.Marshal(&onnx.ModelProto{Graph: &onnx.GraphProto{Name: output, Node: nodes, Input: g.Inputs(),
		Initializer: g.Constants()}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestImportedKeepsToFloat32: what is trained is float32; the message says what is not.
func TestImportedKeepsToFloat32(t *testing.T) {
	w, err := tensor.FromFloat64([]int{2, 2}, []float64{1, 2, 3, 4})
	if err != nil {
		t.Fatal(err)
	}
	b, err := onnx.Marshal(&onnx.ModelProto{
		IrVersion: 8, OpsetImport: []*onnx.OperatorSetIdProto{{Version: 17}},
		Graph: &onnx.GraphProto{
			Name: "g", Input: []*onnx.ValueInfoProto{onnx.ValueInfo("in", tensor.Float64, 1, 2)},
			Output:      []*onnx.ValueInfoProto{onnx.ValueInfo("out", tensor.Float64, 1, 2)},
			Initializer: []*onnx.TensorProto{w.Proto("w")},
			Node:        []*onnx.NodeProto{onnx.Node("", "MatMul", "n", []string{"in", "w"}, []string{"out"})},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(b); err == nil {
		t.Error("a model of float64 was loaded")
	}
}
