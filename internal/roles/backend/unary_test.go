package backend

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Operators of float32 that have a loop in the set take that loop.
func TestOperatorsTakeTheLoopsOfTheSet(t *testing.T) {
	x := []*tensor.Tensor{floatTensor(rand.New(rand.NewPCG(1, 1)), 2, 5)}
	for _, op := range []string{"Exp", "Log", "Tanh", "Sigmoid", "Erf", "Sqrt", "Softmax", "LogSoftmax"} {
		g := graphOf([]*onnx.NodeProto{nodeOf("y = " + op + " x")}, []string{"x"}, x, []string{"y"}, true)
		p, err := Compile(g, Options{})
		if err != nil {
			t.Fatal(err)
		}
		seen, set := 0, *kernel.Scalar(kernel.Rounded)
		mark := func(dst, x []float32) { seen++ }
		set.Soft.Exp = func(e []float64, x []float32, m, sum float64) float64 { seen++; return 1 }
		if f := reflect.ValueOf(&set).Elem().FieldByName(op); f.IsValid() {
			f.Set(reflect.ValueOf(mark))
		}
		p.set = &set
		if _, err := p.Run(x); err != nil || seen == 0 {
			t.Errorf("%s did not run its loop (%v)", op, err)
		}
	}
}
