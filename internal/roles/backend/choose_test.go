package backend

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Unique takes zeros of both signs as one, and so all that is no number, which comes last; whole numbers are told apart
// where floats would not tell them.
func TestUniqueOrder(t *testing.T) {
	nan, zero := float32(math.NaN()), float32(math.Copysign(0, -1))
	floats := must(tensor.FromFloat32([]int{8}, []float32{3, nan, zero, -1, 0, nan, 3, float32(math.Inf(-1))}))
	large := must(tensor.FromUint64([]int{4}, []uint64{1<<63 + 1, 1 << 63, 1, 1<<63 + 1}))
	rows := must(tensor.FromInt8([]int{3, 2}, []int8{1, -2, 1, -3, 1, -2}))
	for _, c := range []struct {
		name             string
		x                *tensor.Tensor
		attrs            []*onnx.AttributeProto
		first, of, count []int64
	}{
		{"floats", floats, nil, []int64{7, 3, 2, 0, 1}, []int64{3, 4, 2, 1, 2, 4, 3, 0}, []int64{1, 1, 2, 2, 2}},
		{"as they stand", floats, []*onnx.AttributeProto{onnx.AttrInt("sorted", 0)}, []int64{0, 1, 2, 3, 7},
			[]int64{0, 1, 2, 3, 2, 1, 0, 4}, []int64{2, 2, 2, 1, 1}},
		{"large", large, nil, []int64{2, 1, 0}, []int64{2, 1, 0, 2}, []int64{1, 1, 2}},
		{"rows", rows, []*onnx.AttributeProto{onnx.AttrInt("axis", 0)}, []int64{1, 0}, []int64{1, 0, 1}, []int64{1, 2}},
		{"columns", rows, []*onnx.AttributeProto{onnx.AttrInt("axis", -1)}, []int64{1, 0}, []int64{1, 0},
			[]int64{1, 1}},
	} {
		p, err := Compile(graphOf([]*onnx.NodeProto{nodeOf("y f o n = Unique a", c.attrs...)}, []string{"a"},
			[]*tensor.Tensor{c.x}, []string{"y", "f", "o", "n"}, false), Options{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Run([]*tensor.Tensor{c.x})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range [][]int64{c.first, c.of, c.count} {
			if got := out[i+1].Int64(); !slices.Equal(got, want) {
				t.Errorf("%s: output %d is %v; want %v", c.name, i+1, got, want)
			}
		}
		if c.name == "large" && !slices.Equal(out[0].Uint64(), []uint64{1, 1 << 63, 1<<63 + 1}) {
			t.Errorf("large: %v", out[0].Uint64())
		}
	}
}

// A score that is no number is chosen last, equal ones in the order of their boxes, and a box of no area suppresses
// none. More pairs than it compares are refused before one is, and what the run makes is too.
func TestNonMaxSuppression(t *testing.T) {
	nan := float32(math.NaN())
	boxes := must(tensor.FromFloat32([]int{1, 5, 4}, []float32{0, 0, 1, 1, 5, 5, 6, 6, 6, 6, 5, 5, 2, 2, 2, 3,
		2, 2, 2, 3}))
	scores := must(tensor.FromFloat32([]int{1, 1, 5}, []float32{nan, 0.5, 0.5, 0.1, 0.1}))
	got, err := runOne(t, "z = NonMaxSuppression a b c", []*tensor.Tensor{boxes, scores, intTensor(9)})
	if want := []int64{0, 0, 1, 0, 0, 3, 0, 0, 4, 0, 0, 0}; err != nil || !slices.Equal(got.Int64(), want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	got, err = runOne(t, "z = NonMaxSuppression a b", []*tensor.Tensor{boxes, scores})
	if err != nil || got.Len() != 0 {
		t.Errorf("none asked for: %v, %v; want nothing", got, err)
	}
	const many = 1 << 14
	boxes = must(tensor.FromFloat32([]int{1, many, 4}, make([]float32, 4*many)))
	scores = must(tensor.FromFloat32([]int{1, 1, many}, make([]float32, many)))
	var rule *RuleError
	if _, err := onnxop.Infer(nodeOf("z = NonMaxSuppression a b"), []onnxop.Type{onnxop.Of(boxes),
		onnxop.Of(scores)}); !errors.As(err, &rule) {
		t.Errorf("%d boxes: %v; want a RuleError", many, err)
	}
	g := graphOf([]*onnx.NodeProto{nodeOf("n = Neg a"), nodeOf("z = Unique n")}, []string{"a"},
		[]*tensor.Tensor{scores}, []string{"z"}, false)
	if p, err := Compile(g, Options{}); err == nil {
		if _, err = p.Run([]*tensor.Tensor{scores}); err == nil {
			t.Error("what the run makes decides a shape, and nothing refuses it")
		}
	}
}
