package model

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// TestFileIsTheExport writes models in pieces and holds them against Export byte for byte: every field of a file that
// was loaded, constants among the initializers, and a tensor of several pieces.
func TestFileIsTheExport(t *testing.T) {
	large, err := MLP(300, 400, 3)
	if err != nil {
		t.Fatal(err)
	}
	full := large.Proto()
	full.Domain, full.ModelVersion, full.DocString = "d", 7, "doc"
	full.MetadataProps = onnx.SetMeta(nil, "key", "value")
	full.Graph.DocString, full.Graph.MetadataProps = "graph doc", onnx.SetMeta(nil, "k", "v")
	full.Graph.ValueInfo = []*onnx.ValueInfoProto{onnx.ValueInfo("dense1.sum", tensor.Float32, -1, 400)}
	shape, _ := tensor.FromInt64([]int{1}, []int64{5})
	full.Graph.Initializer = append(full.Graph.Initializer[:1], append([]*onnx.TensorProto{shape.Proto("constant")},
		full.Graph.Initializer[1:]...)...)
	raw, err := onnx.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]*Graph{"built": large, "loaded": loaded} {
		params, err := g.initial(5, "model", InitHe, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := g.Export(params)
		if err != nil {
			t.Fatal(err)
		}
		f, err := g.File(params)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		n, err := f.WriteTo(&got)
		if err != nil || n != f.Size() || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %d bytes (%v), want the %d of Export", name, n, err, len(want))
		}
		if _, err := g.File(params[1:]); err == nil {
			t.Errorf("%s: wrote a file with a parameter too few", name)
		}
	}
	if m := large.Proto(); proto.Size(m) < 4*300*400 {
		t.Error("Proto leaves out the parameters that are zero")
	}
}
