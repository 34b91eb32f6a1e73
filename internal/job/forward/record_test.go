package forward_test

import (
	"testing"

	"github.com/rhizome-ml/rhizome"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job/forward"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
)

// TestRecord: nodes of a model become part of a choreography, constants and attributes that are tensors too, and inputs
// that are not given; what cannot be said is refused.
func TestRecord(t *testing.T) {
	two, err := tensor.FromInt64([]int{1}, []int64{2})
	if err != nil {
		t.Fatal(err)
	}
	half, err := tensor.FromFloat32([]int{1}, []float32{0.5})
	if err != nil {
		t.Fatal(err)
	}
	high, err := tensor.FromFloat32([]int{}, []float32{6})
	if err != nil {
		t.Fatal(err)
	}
	node := func(op string, in []string, out string, attrs ...*onnx.AttributeProto) *onnx.NodeProto {
		return onnx.Node("", op, "", in, []string{out}, attrs...)
	}
	record := func(nodes ...*onnx.NodeProto) (map[string]graph.Value, error) {
		g := graph.New("record")
		here := g.Place("here")
		g.Component(graph.Component{Name: "backend", Role: "backend", Kind: "cpu", At: []graph.Place{here}})
		known := map[string]graph.Value{"x": g.Input(here, "start", types.Tensors(tensor.Float32, 2))[0]}
		forward.Record(g, nodes, known)
		g.AppEmit("end", known["z"])
		_, err := rhizome.Compile(g)
		return known, err
	}
	known, err := record(node("Constant", nil, "n", onnx.AttrTensor("value", two.Proto(""))),
		node("ConstantOfShape", []string{"n"}, "h", onnx.AttrTensor("value", half.Proto(""))),
		node("Constant", nil, "most", onnx.AttrTensor("value", high.Proto(""))),
		node("Clip", []string{"x", "", "most"}, "c"), node("Clip", []string{"c", "", ""}, "d"),
		node("Mul", []string{"d", "h"}, "z"))
	if err != nil {
		t.Fatal(err)
	}
	if want := types.Tensors(tensor.Float32, 2); !known["z"].Type().Tensor.Equal(want.Tensor) {
		t.Errorf("the result is %v; want %v", known["z"].Type(), want)
	}
	if _, err := record(node("Mul", []string{"", "x"}, "z")); err == nil {
		t.Error("an input that is missing is recorded")
	}
}
