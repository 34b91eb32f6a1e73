package backend

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// An operator on floats of 16 bits gives the float32 result, rounded once: 1 + 2^-11 + 2^-11 is 1 + 2^-10 when its
// parts are added at once, and 1 when each step is rounded. Elements that are only moved stay as they are.
func TestHalvesAreRoundedOnce(t *testing.T) {
	small := must(tensor.FromFloat16([]int{1}, []tensor.F16{0x1000})) // 2^-11
	one := must(tensor.FromFloat16([]int{1}, []tensor.F16{0x3c00}))
	nan := must(tensor.FromFloat16([]int{3}, []tensor.F16{0x7c01, 0x8000, 0x0001}))
	for _, c := range []struct {
		nodes []string
		in    []*tensor.Tensor // a, b
		want  []tensor.F16
	}{
		{[]string{"z = Sum a b b"}, []*tensor.Tensor{one, small}, []tensor.F16{0x3c01}},
		{[]string{"y = Add a b", "z = Add y b"}, []*tensor.Tensor{one, small}, []tensor.F16{0x3c00}},
		{[]string{"y = Neg a", "z = Neg y"}, []*tensor.Tensor{nan}, []tensor.F16{0x7e00, 0x8000, 0x0001}},
		{[]string{"z = Transpose a"}, []*tensor.Tensor{nan}, []tensor.F16{0x7e00, 0x8000, 0x0001}},
	} {
		for _, scalar := range []bool{false, true} {
			for _, constant := range []bool{false, true} {
				var nodes []*onnx.NodeProto
				for _, n := range c.nodes {
					nodes = append(nodes, nodeOf(n))
				}
				g, in := graphOf(nodes, []string{"a", "b"}[:len(c.in)], c.in, []string{"z"}, false), c.in
				if constant {
					g.Input, in = nil, nil
					for i, x := range c.in {
						g.Initializer = append(g.Initializer, x.Proto([]string{"a", "b"}[i]))
					}
				}
				got := must(must(Compile(g, Options{Scalar: scalar})).Run(in))[0]
				if want := must(tensor.FromFloat16(got.Shape(), c.want)); !got.Equal(want) {
					t.Errorf("%v: %x; want %x", c.nodes, got.Float16(), c.want)
				}
			}
		}
	}
}
