package backend

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
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

// So do the optimizers.
func TestOptimizersTakeTheLoopsOfTheSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	v := floatTensor(r, 9)
	in := []*tensor.Tensor{floatTensor(r), must(tensor.FromInt64([]int{}, []int64{1})), v, v, v, v}
	seen, set := 0, *kernel.Scalar(kernel.Rounded)
	set.Optimizers = kernel.Optimizers[float32]{
		Adagrad:  func(_ *kernel.AdagradStep[float32], _, _, _, _, _ []float32) { seen++ },
		Adam:     func(_ *kernel.AdamStep[float32], _, _, _, _, _, _, _ []float32) { seen++ },
		Momentum: func(_ *kernel.MomentumStep[float32], _ bool, _, _, _, _, _ []float32) { seen++ },
	}
	alpha, beta := onnx.AttrFloat("alpha", 0.9), onnx.AttrFloat("beta", 0.9)
	norm := onnx.AttrFloat("norm_coefficient", 0)
	for i, n := range []*onnx.NodeProto{nodeOf("y h = Adagrad r t x g v"), nodeOf("y u h = Adam r t x g v w"),
		nodeOf("y u = Momentum r t x g v", alpha, beta, norm, onnx.AttrString("mode", "standard"))} {
		n.Domain = onnxop.Training
		ins := in[:len(n.GetInput())]
		p, err := Compile(graphOf([]*onnx.NodeProto{n}, n.GetInput(), ins, n.GetOutput(), true), Options{})
		if err != nil {
			t.Fatal(err)
		}
		p.set = &set
		if _, err := p.Run(ins); err != nil || seen != i+1 {
			t.Errorf("%s did not run its loop (%v)", n.GetOpType(), err)
		}
	}
}
