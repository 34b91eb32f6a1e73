package backend

import (
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// A product with a widened matrix of 16 bits has the bits of the product with the same numbers in float32, by both
// rules and both sets of loops, and never holds the matrix in float32.
func TestProductOfHalves(t *testing.T) {
	gemm := nodeOf("y = Gemm a w c")
	transposed := nodeOf("y = Gemm a w c")
	transposed.Attribute = append(transposed.Attribute, onnx.AttrInt("transB", 1))
	scaled := nodeOf("y = Gemm a w c")
	scaled.Attribute = append(scaled.Attribute, onnx.AttrFloat("alpha", 0.5), onnx.AttrFloat("beta", 0.25))
	for name, product := range map[string]*onnx.NodeProto{"Gemm": gemm, "transB": transposed, "alpha, beta": scaled,
		"MatMul": nodeOf("y = MatMul a w")} {
		for _, s := range [][3]int{{1, 1, 1}, {3, 5, 2}, {7, 300, 255}, {2, 0, 3}, {5, 257, 256}, {33, 64, 257},
			{6, 515, 513}, {17, 1, 600}} {
			m, k, n := s[0], s[1], s[2]
			shape := []int{k, n}
			if name == "transB" {
				shape = []int{n, k}
			}
			a, w, c := numbers([]int{m, k}, 1), numbers(shape, 2), numbers([]int{n}, 3)
			for _, d := range []tensor.DType{tensor.BFloat16, tensor.Float16} {
				stored := must(half.Narrow(w, d))
				wide := must(half.Widen(stored))
				names, in := []string{"a", "w", "c"}, []*tensor.Tensor{a, wide, c}
				given := []*tensor.Tensor{a, stored, c}
				if name == "MatMul" {
					names, in, given = names[:2], in[:2], given[:2]
				}
				relu := nodeOf("z = Relu y")
				plain := graphOf([]*onnx.NodeProto{product, relu}, names, in, []string{"z"}, false)
				cast := nodeOf("w = Cast h")
				cast.Attribute = append(cast.Attribute, onnx.AttrInt("to", int64(tensor.Float32)))
				halves := graphOf([]*onnx.NodeProto{cast, product, relu}, append([]string{"a", "h"}, names[2:]...),
					given, []string{"z"}, false)
				for _, o := range []Options{{}, {Scalar: true}, {Rules: kernel.Fused}, {Rules: kernel.Fused,
					Scalar: true}} {
					want := must(must(Compile(plain, o)).Run(in))[0]
					p := must(Compile(halves, o))
					if got := must(p.Run(given))[0]; !got.Equal(want) {
						t.Fatalf("%s of %v by %v, %v: other numbers than of float32", name, s, d, o)
					}
					if k > 0 && slices.Contains(stepsOf(t, p, given), "Cast") {
						t.Errorf("%s of %v: the matrix is widened whole", name, s)
					}
				}
			}
		}
	}
}

// numbers are some that sums round.
func numbers(shape []int, seed int) *tensor.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32((i*7919+seed*104729)%2003-1001) / 977
	}
	return must(tensor.FromFloat32(shape, x))
}

// stepsOf returns the operators of the steps that a plan runs for some inputs.
func stepsOf(t *testing.T, p *Plan, in []*tensor.Tensor) (out []string) {
	t.Helper()
	prog, err := p.program(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range prog.steps {
		out = append(out, s.node.GetOpType())
	}
	return out
}
