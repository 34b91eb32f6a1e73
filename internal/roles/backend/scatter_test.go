package backend

import (
	"errors"
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

func runOne(t *testing.T, text string, in []*tensor.Tensor, attrs ...*onnx.AttributeProto) (*tensor.Tensor, error) {
	t.Helper()
	names := []string{"a", "b", "c"}[:len(in)]
	p, err := Compile(graphOf([]*onnx.NodeProto{nodeOf(text, attrs...)}, names, in, []string{"z"}, false), Options{})
	if err != nil {
		return nil, err
	}
	out, err := p.Run(in)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// Updates of one place are added one after the other, in their order: 1 + 2^24 - 2^24 is 0 in float32, and 2^24 - 2^24
// + 1 is 1. An index outside of its dimension is refused with its place; one from the end is not.
func TestScatterAddsInOrder(t *testing.T) {
	zero := must(tensor.FromFloat32([]int{2}, []float32{0, 0}))
	updates := must(tensor.FromFloat32([]int{6}, []float32{1, 1 << 24, -1 << 24, 1 << 24, -1 << 24, 1}))
	add := onnx.AttrString("reduction", "add")
	list := must(tensor.FromInt64([]int{6}, []int64{0, 0, 0, 1, -1, 1}))
	column := must(list.Reshape([]int{6, 1}))
	for text, index := range map[string]*tensor.Tensor{"z = ScatterElements a b c": list,
		"z = ScatterND a b c": column} {
		got, err := runOne(t, text, []*tensor.Tensor{zero, index, updates}, add)
		if err != nil || got.Float32()[0] != 0 || got.Float32()[1] != 1 {
			t.Errorf("%s: %v, %v; want 0 and 1", text, got.Float32(), err)
		}
		bad := must(must(tensor.FromInt64([]int{6}, []int64{0, 0, 2, 1, 1, -3})).Reshape(index.Shape()))
		var outside *kernel.IndexError
		if _, err := runOne(t, text, []*tensor.Tensor{zero, bad, updates}, add); !errors.As(err, &outside) ||
			outside.Position != 2 || outside.Index != 2 {
			t.Errorf("%s: %v; want index 2 at position 2 refused", text, err)
		}
	}
}

// TopK takes what is no number first, as the greatest, and the first of equals first.
func TestTopKOrder(t *testing.T) {
	nan := float32(math.NaN())
	x := must(tensor.FromFloat32([]int{6}, []float32{2, 3, nan, 3, nan, 1}))
	for _, c := range []struct {
		largest int64
		want    []int64
	}{{1, []int64{2, 4, 1, 3, 0, 5}}, {0, []int64{5, 0, 1, 3, 2, 4}}} {
		got, err := runOne(t, "y z = TopK a b", []*tensor.Tensor{x, intTensor(6)}, onnx.AttrInt("largest", c.largest))
		if want := intTensor(c.want...); err != nil || !got.Equal(want) {
			t.Errorf("largest %d: %v, %v; want %v", c.largest, got.Int64(), err, c.want)
		}
	}
}
