package tensor_test

import (
	"math"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
	"pgregory.net/rapid"
)

var dtypes = []tensor.DType{
	tensor.Float32, tensor.Uint8, tensor.Int8, tensor.Int32,
	tensor.Int64, tensor.Bool, tensor.Float64,
	tensor.Float16, tensor.BFloat16, tensor.Int16, tensor.Uint16, tensor.Uint32, tensor.Uint64,
}

// must fails the test on an error of a constructor whose input is sound.
func must(t testing.TB, x *tensor.Tensor, err error) *tensor.Tensor {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// draw makes any small tensor, with floats of all bit patterns.
func draw(t *rapid.T) *tensor.Tensor {
	shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 4).Draw(t, "shape")
	n := 1
	for _, d := range shape {
		n *= d
	}
	var x *tensor.Tensor
	var err error
	switch rapid.SampledFrom(dtypes).Draw(t, "dtype") {
	case tensor.Float32:
		x, err = tensor.FromFloat32(shape, list(t, n, rapid.Map(rapid.Uint32(), math.Float32frombits)))
	case tensor.Float64:
		x, err = tensor.FromFloat64(shape, list(t, n, rapid.Map(rapid.Uint64(), math.Float64frombits)))
	case tensor.Int64:
		x, err = tensor.FromInt64(shape, list(t, n, rapid.Int64()))
	case tensor.Int32:
		x, err = tensor.FromInt32(shape, list(t, n, rapid.Int32()))
	case tensor.Uint8:
		x, err = tensor.FromUint8(shape, list(t, n, rapid.Uint8()))
	case tensor.Int8:
		x, err = tensor.FromInt8(shape, list(t, n, rapid.Int8()))
	case tensor.Float16:
		x, err = tensor.FromFloat16(shape,
			list(t, n, rapid.Map(rapid.Uint16(), func(x uint16) tensor.F16 { return tensor.F16(x) })))
	case tensor.BFloat16:
		x, err = tensor.FromBFloat16(shape,
			list(t, n, rapid.Map(rapid.Uint16(), func(x uint16) tensor.BF16 { return tensor.BF16(x) })))
	case tensor.Int16:
		x, err = tensor.FromInt16(shape, list(t, n, rapid.Int16()))
	case tensor.Uint16:
		x, err = tensor.FromUint16(shape, list(t, n, rapid.Uint16()))
	case tensor.Uint32:
		x, err = tensor.FromUint32(shape, list(t, n, rapid.Uint32()))
	case tensor.Uint64:
		x, err = tensor.FromUint64(shape, list(t, n, rapid.Uint64()))
	case tensor.Bool:
		x, err = tensor.FromBool(shape, list(t, n, rapid.Bool()))
	}
	if err != nil {
		t.Fatalf("shape %v: %v", shape, err)
	}
	return x
}

func list[E any](t *rapid.T, n int, g *rapid.Generator[E]) []E {
	return rapid.SliceOfN(g, n, n).Draw(t, "data")
}
