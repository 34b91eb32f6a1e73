package tensor_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
	"pgregory.net/rapid"
)

func TestDTypeNumbersAreTheStandards(t *testing.T) {
	want := map[tensor.DType]onnx.TensorProto_DataType{
		tensor.Float32: onnx.TensorProto_FLOAT, tensor.Uint8: onnx.TensorProto_UINT8,
		tensor.Int8: onnx.TensorProto_INT8, tensor.Int32: onnx.TensorProto_INT32,
		tensor.Int64: onnx.TensorProto_INT64, tensor.Bool: onnx.TensorProto_BOOL,
		tensor.Float64: onnx.TensorProto_DOUBLE, tensor.Float16: onnx.TensorProto_FLOAT16,
		tensor.BFloat16: onnx.TensorProto_BFLOAT16, tensor.Int16: onnx.TensorProto_INT16,
		tensor.Uint16: onnx.TensorProto_UINT16, tensor.Uint32: onnx.TensorProto_UINT32,
		tensor.Uint64: onnx.TensorProto_UINT64,
	}
	valid := 0
	for i := range 256 {
		d := tensor.DType(i)
		if d.Valid() {
			valid++
			if int32(d) != int32(want[d]) {
				t.Errorf("%v is %d, the standard says %d", d, d, want[d])
			}
		}
		back, ok := tensor.ParseDType(d.String())
		if ok != d.Valid() || (ok && back != d) {
			t.Errorf("ParseDType(%q) = %v, %v", d.String(), back, ok)
		}
	}
	if valid != len(want) {
		t.Errorf("%d valid types, want %d", valid, len(want))
	}
	if s := tensor.DType(8).String(); s != "dtype(8)" {
		t.Errorf("String of an unsupported type is %q", s)
	}
}

func TestAccessors(t *testing.T) {
	x, err := tensor.FromFloat32([]int{2, 3}, []float32{1, 2, 3, 4, 5, 6})
	must(t, x, err)
	if x.DType() != tensor.Float32 || x.Rank() != 2 || x.Len() != 6 || !slices.Equal(x.Shape(), []int{2, 3}) {
		t.Fatalf("got %v %v", x.DType(), x.Shape())
	}
	if x.Bytes() != 24+128 {
		t.Errorf("Bytes is %d", x.Bytes())
	}
	if !slices.Equal(x.Float32(), []float32{1, 2, 3, 4, 5, 6}) {
		t.Errorf("Float32 is %v", x.Float32())
	}
	if x.Float64() != nil || x.Int64() != nil || x.Int32() != nil || x.Uint8() != nil || x.Int8() != nil ||
		x.Bool() != nil {
		t.Error("a view of another type is not nil")
	}
	scalar, err := tensor.FromInt64(nil, []int64{7})
	if must(t, scalar, err).Len() != 1 || scalar.Rank() != 0 {
		t.Errorf("scalar has length %d, rank %d", scalar.Len(), scalar.Rank())
	}
}

// The shape is copied in and the views are clipped, so no append or later
// write of the caller's reaches a tensor.
func TestShapeIsCopied(t *testing.T) {
	shape := []int{2}
	x, err := tensor.FromUint8(shape, append(make([]uint8, 0, 8), 1, 2))
	must(t, x, err)
	shape[0] = 9
	if x.Shape()[0] != 2 {
		t.Fatal("the tensor follows the caller's shape")
	}
	if cap(x.Uint8()) != 2 || cap(x.Shape()) != 1 {
		t.Fatal("a view has room to append in place")
	}
}

func TestUnsoundShapes(t *testing.T) {
	huge := math.MaxInt / 2
	for _, shape := range [][]int{
		{-1}, {2, -3}, {0, -1}, {3}, {2, 2}, {0}, {}, {huge, huge}, {huge, 0, huge},
		{1 << 30, 1 << 30, 1 << 30}, make([]int, tensor.MaxRank+1),
	} {
		_, err := tensor.FromFloat32(shape, make([]float32, 2))
		var se *tensor.ShapeError
		if !errors.As(err, &se) || se.Error() == "" {
			t.Errorf("shape %v: got %v, want a ShapeError", shape, err)
		}
	}
}

func TestReshape(t *testing.T) {
	x, err := tensor.FromInt32([]int{2, 3}, []int32{1, 2, 3, 4, 5, 6})
	must(t, x, err)
	y, err := x.Reshape([]int{3, 2})
	must(t, y, err)
	if &x.Int32()[0] != &y.Int32()[0] {
		t.Error("Reshape copies the data")
	}
	if x.Equal(y) {
		t.Error("tensors of two shapes are equal")
	}
	back, err := y.Reshape(x.Shape())
	if !must(t, back, err).Equal(x) {
		t.Error("the way back is not equal")
	}
	var se *tensor.ShapeError
	for _, bad := range [][]int{{5}, {-6}, {}, {6, 0}} {
		if _, err := x.Reshape(bad); !errors.As(err, &se) {
			t.Errorf("Reshape(%v): got %v, want a ShapeError", bad, err)
		}
	}
}

func TestEqualComparesBits(t *testing.T) {
	f := func(v float32) *tensor.Tensor {
		x, err := tensor.FromFloat32([]int{1}, []float32{v})
		return must(t, x, err)
	}
	nan := float32(math.NaN())
	other := math.Float32frombits(math.Float32bits(nan) ^ 1)
	if !f(nan).Equal(f(nan)) {
		t.Error("a NaN does not equal itself")
	}
	if f(nan).Equal(f(other)) {
		t.Error("two NaNs of different bits are equal")
	}
	if f(0).Equal(f(float32(math.Copysign(0, -1)))) {
		t.Error("0 equals -0")
	}
	if f(0).Equal(nil) || (*tensor.Tensor)(nil).Equal(f(0)) || !(*tensor.Tensor)(nil).Equal(nil) {
		t.Error("nil is not compared as nil")
	}
	i, err := tensor.FromInt32([]int{1}, []int32{0})
	if must(t, i, err).Equal(f(0)) {
		t.Error("two types are equal")
	}
}

func TestEqualIsByteEquality(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := draw(t), draw(t)
		if same := string(x.Append(nil)) == string(y.Append(nil)); same != x.Equal(y) {
			t.Fatalf("equal bytes %v, Equal %v", same, x.Equal(y))
		}
	})
}
