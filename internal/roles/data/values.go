package data

import (
	"github.com/rhizome-ml/rhizome/dataset"
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

// tensors returns n samples as values. Labels of samples that have none are zeros.
func tensors(s dataset.Schema, n int, b dataset.Batch) ([]value.Value, error) {
	x, err := tensorOf(append([]int{n}, s.Shape...), b.Features)
	if err != nil {
		return nil, err
	}
	if s.Label == 0 {
		b.Labels.Int64 = make([]int64, n)
	}
	y, err := tensorOf(append([]int{n}, s.LabelShape...), b.Labels)
	if err != nil {
		return nil, err
	}
	return []value.Value{value.Tensor{Tensor: x}, value.Tensor{Tensor: y}}, nil
}

func tensorOf(shape []int, c dataset.Column) (*tensor.Tensor, error) {
	if c.Int64 != nil {
		return tensor.FromInt64(shape, c.Int64)
	}
	return tensor.FromFloat32(shape, c.Float32)
}
