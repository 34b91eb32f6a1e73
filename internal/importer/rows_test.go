package importer

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// tokens is a file as exporters write it at a batch of two: the class token is a row for each sample.
func tokens(t *testing.T) *Model {
	t.Helper()
	token, err := tensor.FromFloat32([]int{2, 1, 3}, []float32{1, -2, 3, 1, -2, 3})
	if err != nil {
		t.Fatal(err)
	}
	w, err := tensor.FromFloat32([]int{3, 2}, []float32{1, 2, 3, 4, 5, 6})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Import(&onnx.ModelProto{IrVersion: 10, OpsetImport: []*onnx.OperatorSetIdProto{{Version: 20}},
		Graph: &onnx.GraphProto{Name: "g",
			Input:       []*onnx.ValueInfoProto{onnx.ValueInfo("x", tensor.Float32, 2, 4, 3)},
			Output:      []*onnx.ValueInfoProto{onnx.ValueInfo("y", tensor.Float32, 2, 5, 2)},
			Initializer: []*onnx.TensorProto{token.Proto("expand"), w.Proto("w")},
			Node: []*onnx.NodeProto{
				onnx.Node("", "Concat", "cat", []string{"expand", "x"}, []string{"both"}, onnx.AttrInt("axis", 1)),
				onnx.Node("", "MatMul", "m", []string{"both", "w"}, []string{"y"}),
			}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestClassTokens: a parameter that has a row for each sample, and was trained for another batch by its first row, is
// exported with that row in the place of all (fact 13); rows that were trained apart stay as they are.
func TestClassTokens(t *testing.T) {
	m := tokens(t)
	if _, err := m.At(3); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ rows, want []float32 }{
		"trained by the first row": {[]float32{7, 8, 9, 1, -2, 3}, []float32{7, 8, 9, 7, 8, 9}},
		"and decayed":              {[]float32{7, 8, 9, 0.5, -1, 1.5}, []float32{7, 8, 9, 7, 8, 9}},
		"each row trained":         {[]float32{7, 8, 9, 1.5, -2, 3}, []float32{7, 8, 9, 1.5, -2, 3}},
		"not trained":              {[]float32{1, -2, 3, 1, -2, 3}, []float32{1, -2, 3, 1, -2, 3}},
	} {
		v, err := tensor.FromFloat32([]int{2, 1, 3}, c.rows)
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.Export([]*tensor.Tensor{v, m.Trained()[1].Value}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tensor.FromProto(out.Graph.Initializer[0], tensor.DefaultLimits())
		if err != nil || !slices.Equal(got.Float32(), c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
}
