package backend

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// A pool of quarters takes the Relu before it in, and its gradient that Relu's, unless what lies between is wanted too;
// each bit is the same then.
func TestQuartersTakeTheirReluIn(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	x, d := floatTensor(r, 2, 3, 6, 34), floatTensor(r, 2, 3, 3, 17)
	for i, v := range []float64{math.NaN(), math.Inf(-1), math.Copysign(0, -1), math.Inf(1), 0} {
		for j := i; j < x.Len(); j += 29 {
			x.Float32()[j] = float32(v)
		}
		d.Float32()[i] = float32(v)
	}
	two := []*onnx.AttributeProto{onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2)}
	odd := []*onnx.AttributeProto{onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2),
		onnx.AttrInts("dilations", 1, 1), onnx.AttrInts("pads", 0, 0, 0, 0)}
	compile := func(first []*onnx.AttributeProto, outs ...string) ([]*tensor.Tensor, int) {
		nodes := []*onnx.NodeProto{nodeOf("r = Relu x"), nodeOf("y = MaxPool r", first...),
			nodeOf("z p = MaxPool r", two...), nodeOf("n = Shape r"), nodeOf("s = ScatterAdd d p n"),
			nodeOf("o = Constant", onnx.AttrFloat("value_float", 0)), nodeOf("c = Greater r o"),
			nodeOf("g = Where c s o")}
		in := []*tensor.Tensor{x, d}
		p, err := Compile(graphOf(nodes, []string{"x", "d"}, in, outs, false), Options{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Run(in)
		if err != nil {
			t.Fatal(err)
		}
		return out, len(p.fixed.steps)
	}
	want, _ := compile(odd, "y", "g", "r", "s", "c", "z", "p")
	for _, c := range []struct {
		outs  []string
		of    []int
		first []*onnx.AttributeProto
		steps int
	}{
		{[]string{"y", "g"}, []int{0, 1}, two, 2}, {[]string{"g"}, []int{1}, two, 2},
		{[]string{"y"}, []int{0}, two, 1},
		{[]string{"y", "g", "r"}, []int{0, 1, 2}, two, 3}, {[]string{"y", "g", "s"}, []int{0, 1, 3}, two, 4},
		{[]string{"y", "p", "s"}, []int{0, 6, 3}, two, 2}, {[]string{"y", "g", "z"}, []int{0, 1, 5}, odd, 4},
	} {
		got, steps := compile(c.first, c.outs...)
		for i, o := range got {
			if !o.Equal(want[c.of[i]]) {
				t.Errorf("%v: %s differs", c.outs, c.outs[i])
			}
		}
		if steps != c.steps {
			t.Errorf("%v: %d steps; want %d", c.outs, steps, c.steps)
		}
	}
}
