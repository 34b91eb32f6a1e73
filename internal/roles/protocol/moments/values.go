package moments

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// FeaturesMax bounds the features whose sums are asked for, and partsMax the numbers that a sum is: those of 2^50
// squares of float32 are at most 13 of 53 bits.
const (
	FeaturesMax = 1 << 16
	partsMax    = 14
)

// Values returns moments as three tensors: counts int64[n], and sums and sums of squares float64[n, k], each row one
// sum. Equal sums give equal tensors, whatever they were added up from.
func Values(m *dataset.Moments) ([]value.Value, error) {
	m.Plain()
	counts, err := tensor.FromInt64([]int{len(m.Counts)}, m.Counts)
	if err != nil {
		return nil, err
	}
	out := []value.Value{value.Tensor{Tensor: counts}}
	for _, list := range [][][]float64{m.Sums, m.Squares} {
		k := 1
		for _, parts := range list {
			k = max(k, len(parts))
		}
		flat := make([]float64, len(list)*k)
		for i, parts := range list {
			copy(flat[i*k:], parts)
		}
		t, err := tensor.FromFloat64([]int{len(list), k}, flat)
		if err != nil {
			return nil, err
		}
		out = append(out, value.Tensor{Tensor: t})
	}
	return out, nil
}

// parse reads what Values wrote, of n features, and holds it against what moments can be.
func parse(in []value.Value, n int) (*dataset.Moments, error) {
	if len(in) != 3 {
		return nil, fmt.Errorf("moments are three tensors, not %d values", len(in))
	}
	var t [3]*tensor.Tensor
	for i, want := range []tensor.DType{tensor.Int64, tensor.Float64, tensor.Float64} {
		x, ok := in[i].(value.Tensor)
		if !ok || x.DType() != want {
			return nil, fmt.Errorf("tensor %d of the moments is no tensor of %v", i, want)
		}
		t[i] = x.Tensor
		shape := t[i].Shape()
		switch {
		case i == 0 && (len(shape) != 1 || shape[0] != n):
			return nil, fmt.Errorf("counts have the shape %v; want [%d], one for each feature", shape, n)
		case i > 0 && (len(shape) != 2 || shape[0] != n || shape[1] < 1 || shape[1] > partsMax):
			return nil, fmt.Errorf("sums have the shape %v; want [%d, 1 to %d]", shape, n, partsMax)
		}
	}
	m := &dataset.Moments{Counts: append([]int64(nil), t[0].Int64()...), Sums: rows(t[1]), Squares: rows(t[2])}
	return m, m.Check(n)
}

// rows returns the rows of a matrix without the zeros at their end.
func rows(t *tensor.Tensor) [][]float64 {
	n, k := t.Shape()[0], t.Shape()[1]
	out, all := make([][]float64, n), t.Float64()
	for i := range out {
		row := all[i*k : (i+1)*k]
		for len(row) > 0 && row[len(row)-1] == 0 {
			row = row[:len(row)-1]
		}
		out[i] = append([]float64(nil), row...)
	}
	return out
}
