package gradient_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Gradients go through floats of 16 bits, also where a value of float32 passes through them: each operator rounds its
// result once, so that they are near those of the same graph in float32.
func TestGradientsOfHalves(t *testing.T) {
	for _, c := range []struct {
		through tensor.DType
		unit    float64
	}{{tensor.Float16, 0x1p-11}, {tensor.BFloat16, 0x1p-8}} {
		want, got := halfGradients(t, tensor.Float32), halfGradients(t, c.through)
		for i := range want {
			most, sum := 0.0, 0.0
			for j, w := range want[i] {
				most, sum = max(most, math.Abs(float64(w))), sum+math.Abs(float64(got[i][j]))
			}
			for j, w := range want[i] {
				if d := math.Abs(float64(got[i][j] - w)); !(d <= 32*c.unit*most) {
					t.Errorf("%v, gradient %d, element %d: %v; in float32 %v", c.through, i, j, got[i][j], w)
				}
			}
			if sum == 0 {
				t.Errorf("%v: gradient %d is 0", c.through, i)
			}
		}
	}
}

// halfGradients differentiates a graph whose inputs are float32 and whose inner values are of another type, by its
// inputs and by an inner value.
func halfGradients(t *testing.T, inner tensor.DType) [][]float32 {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	drawn := func(shape ...int) *tensor.Tensor {
		v := make([]float32, shape[0]*shape[1])
		for i := range v {
			v[i] = tensor.BF16Of(2*r.Float64() - 1).Float32()
		}
		x, err := tensor.FromFloat32(shape, v)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	labels, err := tensor.FromInt64([]int{4}, []int64{0, 2, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	in := []*tensor.Tensor{drawn(4, 3), drawn(3, 3), labels}
	types := map[string]onnxop.Type{}
	g := &onnx.GraphProto{Name: "test"}
	for i, name := range []string{"x", "w", "l"} {
		types[name] = onnxop.Type{DType: in[i].DType(), Shape: in[i].Shape()}
		dims := []int64{}
		for _, d := range in[i].Shape() {
			dims = append(dims, int64(d))
		}
		g.Input = append(g.Input, onnx.ValueInfo(name, in[i].DType(), dims...))
	}
	add := func(op, out string, attrs []*onnx.AttributeProto, in ...string) {
		n := onnx.Node("", op, out, in, []string{out}, attrs...)
		given := make([]onnxop.Type, len(in))
		for i, v := range in {
			given[i] = types[v]
		}
		made, err := onnxop.Infer(n, given)
		if err != nil {
			t.Fatal(err)
		}
		types[out], g.Node = made[0], append(g.Node, n)
	}
	to := func(d tensor.DType) []*onnx.AttributeProto {
		return []*onnx.AttributeProto{onnx.AttrInt("to", int64(d))}
	}
	add("Cast", "x16", to(inner), "x")
	add("Cast", "w16", to(inner), "w")
	add("MatMul", "a", nil, "x16", "w16")
	add("Tanh", "b", nil, "a")
	add("Exp", "e", nil, "b")
	add("ReduceMean", "m", nil, "e")
	add("Div", "q", nil, "e", "m")
	add("Max", "k", nil, "q", "b")
	add("Clip", "h", nil, "k")
	add("SoftmaxCrossEntropyLoss", "z", nil, "h", "l")
	add("Cast", "z32", to(tensor.Float32), "z")
	extra, grads, err := gradient.Build(g.Node, types, "z32", []string{"x", "w", "b"}, "g")
	if err != nil {
		t.Fatal(err)
	}
	g.Node = append(g.Node, extra...)
	for _, name := range grads {
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: name})
	}
	p, err := backend.Compile(g, backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	wide := make([][]float32, len(out))
	for i, v := range out {
		want := tensor.Float32
		if i == 2 {
			want = inner
		}
		if v.DType() != want {
			t.Fatalf("gradient %d is %v; want %v", i, v.DType(), want)
		}
		switch v.DType() {
		case tensor.Float16:
			for _, h := range v.Float16() {
				wide[i] = append(wide[i], h.Float32())
			}
		case tensor.BFloat16:
			for _, h := range v.BFloat16() {
				wide[i] = append(wide[i], h.Float32())
			}
		default:
			wide[i] = v.Float32()
		}
	}
	return wide
}
