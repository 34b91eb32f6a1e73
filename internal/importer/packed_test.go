package importer

import (
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// TestPacked: weights of four bits and of two are read as the numbers that they are, of odd counts too, and in both
// forms; what would round to such a type is refused, and data of another length is.
func TestPacked(t *testing.T) {
	for _, c := range []struct {
		name  string
		dtype onnx.TensorProto_DataType
		raw   []byte
		want  []float32 // of three rows of one element less the zero point 1, times 0.5
	}{
		{"int4", onnx.TensorProto_INT4, []byte{0x8f, 0x07}, []float32{-1, -4.5, 3}},
		{"uint4", onnx.TensorProto_UINT4, []byte{0x8f, 0x07}, []float32{7, 3.5, 3}},
		{"int2", int2, []byte{0b_10_01_11}, []float32{-1, 0, -1.5}},
		{"uint2", uint2, []byte{0b_10_01_11}, []float32{1, 0, 0.5}},
	} {
		one := c.raw[:1]
		zero := &onnx.TensorProto{Name: "zero", DataType: int32(c.dtype), RawData: []byte{1}}
		w := &onnx.TensorProto{Name: "w", Dims: []int64{3, 1}, DataType: int32(c.dtype), RawData: c.raw}
		for _, form := range []string{"raw", "numbers", "short"} {
			switch form {
			case "numbers":
				for _, b := range c.raw {
					w.Int32Data = append(w.Int32Data, int32(b))
				}
				w.RawData = nil
			case "short":
				w.Int32Data, w.RawData = nil, append(one[:0:0], 1, 2, 3, 4)
			}
			m, err := Import(packedModel(w, zero, onnx.Node("", "DequantizeLinear", "dq", []string{"w", "s", "zero"},
				[]string{"d"})), Options{Evaluate: true})
			if form == "short" {
				if err == nil {
					t.Errorf("%s: data of another length is read", c.name)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s, %s: %v", c.name, form, err)
			}
			got := runPacked(t, m)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: %v; want %v", c.name, form, got, c.want)
			}
		}
		w.RawData = c.raw
		_, err := Import(packedModel(w, zero, onnx.Node("", "DequantizeLinear", "dq", []string{"w", "s", "zero"},
			[]string{"e"}), onnx.Node("", "QuantizeLinear", "q", []string{"e", "s", "zero"}, []string{"r"}),
			onnx.Node("", "DequantizeLinear", "back", []string{"r", "s", "zero"}, []string{"d"})),
			Options{Evaluate: true})
		if err == nil || !strings.Contains(err.Error(), "less than 8 bits") {
			t.Errorf("%s: rounding to it gives %v; want a refusal", c.name, err)
		}
	}
}

// packedModel is y = x·d, where nodes make d of w, a scale of 0.5 and a zero point.
func packedModel(w, zero *onnx.TensorProto, nodes ...*onnx.NodeProto) *onnx.ModelProto {
	scale, err := tensor.FromFloat32([]int{}, []float32{0.5})
	if err != nil {
		panic(err)
	}
	return &onnx.ModelProto{IrVersion: 10, OpsetImport: []*onnx.OperatorSetIdProto{{Version: 21}},
		Graph: &onnx.GraphProto{Name: "g", Input: []*onnx.ValueInfoProto{onnx.ValueInfo("x", tensor.Float32, 3, 3)},
			Output:      []*onnx.ValueInfoProto{onnx.ValueInfo("y", tensor.Float32, 3, 1)},
			Initializer: []*onnx.TensorProto{w, zero, scale.Proto("s")},
			Node:        append(nodes, onnx.Node("", "MatMul", "m", []string{"x", "d"}, []string{"y"}))}}
}

// runPacked runs a model on the unit matrix.
func runPacked(t *testing.T, m *Model) []float32 {
	t.Helper()
	g, err := m.At(3)
	if err != nil {
		t.Fatal(err)
	}
	p := &onnx.GraphProto{Name: "g", Node: g.Nodes}
	for _, i := range g.Inputs {
		p.Input = append(p.Input, onnx.ValueInfo(i.Name, i.DType, 3, 3))
	}
	for _, v := range g.Params {
		p.Initializer = append(p.Initializer, v.Value.Proto(v.Name))
	}
	for _, v := range g.Constants {
		p.Initializer = append(p.Initializer, v.Value.Proto(v.Name))
	}
	for _, o := range g.Outputs {
		p.Output = append(p.Output, &onnx.ValueInfoProto{Name: o.Name})
	}
	plan, err := backend.Compile(p, backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	unit, err := tensor.FromFloat32([]int{3, 3}, []float32{1, 0, 0, 0, 1, 0, 0, 0, 1})
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Run([]*tensor.Tensor{unit})
	if err != nil {
		t.Fatal(err)
	}
	return out[0].Float32()
}
