package conformance

import (
	"fmt"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

func tensors(all [][]byte) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(all))
	for i, b := range all {
		if b == nil {
			continue
		}
		var err error
		if out[i], err = tensor.Parse(b, tensor.DefaultLimits()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fits says whether a shape is one that a type with open dimensions allows.
func fits(shape, want []int) bool {
	return slices.EqualFunc(shape, want, func(d, w int) bool { return d == w || w < 0 })
}

// near says where got is not within atol + rtol·|want| of want, or not equal where elements are no floats; atol is at
// least a unit of float32 at the greatest element.
func near(got, want *tensor.Tensor, rtol, atol float64) error {
	if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
		return fmt.Errorf("is %v; want %v", onnxop.Of(got), onnxop.Of(want))
	}
	g, w := floatsOf(got), floatsOf(want)
	if g == nil {
		if !got.Equal(want) {
			return fmt.Errorf("values differ: %v; want %v", short(got), short(want))
		}
		return nil
	}
	for _, x := range w { // what cancels is known to a unit of the greatest alone
		if got.DType() == tensor.Float32 && math.Abs(x) <= math.MaxFloat32 {
			atol = max(atol, 0x1p-23*math.Abs(x))
		}
	}
	for i := range w {
		if g[i] == w[i] || (g[i] != g[i] && w[i] != w[i]) {
			continue
		}
		if !(math.Abs(g[i]-w[i]) <= max(atol+rtol*math.Abs(w[i]), twoUnits(got.DType(), w[i]))) {
			return fmt.Errorf("element %d of %v is %g; want %g", i, onnxop.Of(got), g[i], w[i])
		}
	}
	return nil
}

// twoUnits is the size of two units in the last place of a float of 16 bits: its parts may be rounded one by one, or at
// once. It is 0 for other types.
func twoUnits(d tensor.DType, x float64) float64 {
	_, e := math.Frexp(x)
	switch d {
	case tensor.Float16:
		return math.Ldexp(2, e-11)
	case tensor.BFloat16:
		return math.Ldexp(2, e-8)
	}
	return 0
}

// short shows the first elements of a tensor, as bytes.
func short(t *tensor.Tensor) string {
	return fmt.Sprintf("%v %x", t, t.AppendRaw(nil, 0, min(t.RawBytes(), 64)))
}

// floatsOf returns the elements of a float tensor as float64, or nil.
func floatsOf(t *tensor.Tensor) []float64 {
	if t.DType() == tensor.Float64 {
		return t.Float64()
	}
	var out []float64
	for _, v := range t.Float32() {
		out = append(out, float64(v))
	}
	for _, v := range t.Float16() {
		out = append(out, float64(v.Float32()))
	}
	for _, v := range t.BFloat16() {
		out = append(out, float64(v.Float32()))
	}
	return out
}
