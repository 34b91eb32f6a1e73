package program_test

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// TestHoldsIsFits: a value is held against a type as its own type would be, as it is and as what a loan of it lends.
func TestHoldsIsFits(t *testing.T) {
	zeros := func(d tensor.DType, shape ...int) value.Value {
		b, err := tensor.NewBlank(d, shape)
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: b.Whole()}
	}
	square, long, whole := zeros(tensor.Float32, 2, 2), zeros(tensor.Float32, 2, 3), zeros(tensor.Int64, 2, 2)
	values := []value.Value{
		value.Trigger{}, value.Bool(true), value.Int(1), value.Float(1), value.String("x"), value.NewBytes([]byte("x")),
		value.Peer("p"), square, long, whole, value.Fail(value.CodeError, "", ""), value.NewList(),
		value.NewList(value.Int(1)), value.NewList(value.Int(1), value.String("x")), value.NewList(square, long),
		value.NewList(value.NewList(square), value.Int(1)), value.NewList(value.NewBytes([]byte("x")), square),
	}
	of := []types.Type{
		types.Tensors(tensor.Float32, -1, 2), types.Tensors(tensor.Float32, 2, -1), types.Tensors(tensor.Float32, 2),
		types.List(), types.ListsOf(types.Int()), types.ListsOf(types.Tensor()), types.ListOf(types.Any(), types.Any()),
		types.ListOf(types.ListsOf(types.Tensor()), types.Int()), types.Any(), types.ListsOf(types.Any()),
	}
	for _, v := range values {
		of = append(of, types.OfValue(v).Forget())
	}
	fit := 0
	for _, v := range values {
		loan := value.NewLoan("p", 1, 1, 64, 1, v)
		for _, port := range of {
			want := types.OfValue(v).Fits(port)
			if got := program.Holds(&port, v); got != want {
				t.Errorf("%v holds %v: %v, want %v", port, types.OfValue(v), got, want)
			}
			if loan != nil && program.Holds(&port, loan) != want {
				t.Errorf("%v holds a loan of %v: %v, want %v", port, types.OfValue(v), !want, want)
			}
			if want {
				fit++
			}
		}
	}
	if fit < 2*len(values) || fit > len(values)*len(of)*3/4 {
		t.Errorf("%d of %d fit", fit, len(values)*len(of))
	}
}
