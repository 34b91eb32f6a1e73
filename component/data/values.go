package data

import (
	"github.com/rhizome-ml/rhizome/component/data/digits"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// intAt returns input i when it is there and an Int.
func intAt(in []value.Value, i int) (int64, bool) {
	if i >= len(in) {
		return 0, false
	}
	n, ok := in[i].(value.Int)
	return int64(n), ok
}

// tensors returns n images and labels as values.
func tensors(n int, x []float32, y []int64) ([]value.Value, error) {
	tx, err := tensor.FromFloat32([]int{n, digits.Pixels}, x)
	if err != nil {
		return nil, err
	}
	ty, err := tensor.FromInt64([]int{n}, y)
	if err != nil {
		return nil, err
	}
	return []value.Value{value.Tensor{Tensor: tx}, value.Tensor{Tensor: ty}}, nil
}
