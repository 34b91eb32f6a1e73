package gradient_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// cnn is a step of gradient descent of a network on 28 by 28 images: two convolutions with a pool behind each, and a
// layer of ten classes. It gives the parameters after the step, and the loss.
func cnn(t testing.TB, batch int) ([]*onnx.NodeProto, []input, []string) {
	r := rand.New(rand.NewPCG(3, 4))
	in := as32([]input{floatIn(r, "x", 0, 1, batch, 1, 28, 28), floatIn(r, "k1", -0.3, 0.3, 16, 1, 3, 3),
		floatIn(r, "b1", -0.1, 0.1, 16), floatIn(r, "k2", -0.1, 0.1, 32, 16, 3, 3), floatIn(r, "b2", -0.1, 0.1, 32),
		floatIn(r, "k3", -0.05, 0.05, 32*7*7, 10), floatIn(r, "b3", -0.1, 0.1, 10), floatIn(r, "rate", 0.01, 0.01)})
	labels := make([]int64, batch)
	for i := range labels {
		labels[i] = int64(i % 10)
	}
	in = append(in, intIn("l", []int{batch}, labels...))
	pads := onnx.AttrInts("pads", 1, 1, 1, 1)
	pool := []*onnx.AttributeProto{onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrInts("strides", 2, 2)}
	nodes := []*onnx.NodeProto{node("c1 = Conv x k1 b1", pads), node("r1 = Relu c1"), node("p1 = MaxPool r1", pool...),
		node("c2 = Conv p1 k2 b2", pads), node("r2 = Relu c2"), node("p2 = MaxPool r2", pool...),
		node("f = Flatten p2"),
		node("z = Gemm f k3 b3"), node("y = SoftmaxCrossEntropyLoss z l")}
	types, xs := map[string]onnxop.Type{}, []string{"k1", "b1", "k2", "b2", "k3", "b3"}
	for _, i := range in {
		types[i.name] = typeOf(i, false)
	}
	extra, grads, err := gradient.Build(nodes, types, "y", xs, "grad")
	if err != nil {
		t.Fatal(err)
	}
	nodes, outs := slices.Concat(nodes, extra), []string{"y"}
	for i, x := range xs {
		s, n := fmt.Sprintf("s%d", i), fmt.Sprintf("n%d", i)
		nodes, outs = append(nodes, node(s+" = Mul rate "+grads[i]), node(n+" = Sub "+x+" "+s)), append(outs, n)
	}
	return nodes, in, outs
}

// The loss of the network falls, and every bit is the same on the vector loops and the scalar ones, by both rules.
func TestNetworkOnImages(t *testing.T) {
	for _, rules := range []kernel.Rules{kernel.Rounded, kernel.Fused} {
		networkOnImages(t, rules)
	}
}

func networkOnImages(t *testing.T, rules kernel.Rules) {
	nodes, in, outs := cnn(t, 4)
	first := 0.0
	var last []*tensor.Tensor
	for _, scalar := range []bool{false, true} {
		vs, plan := values(in), step(t, nodes, in, outs, backend.Options{Rules: rules, Scalar: scalar})
		var loss float64
		for i := range 5 {
			out, err := plan.Run(vs)
			if err != nil {
				t.Fatal(err)
			}
			if loss = float64(out[0].Float32()[0]); i == 0 {
				first = loss
			}
			copy(vs[1:7], out[1:])
			if i == 4 && last == nil {
				last = out
			} else if i == 4 {
				for j := range out {
					if !out[j].Equal(last[j]) {
						t.Errorf("%s differs on the scalar loops", outs[j])
					}
				}
			}
		}
		if !(loss < first-0.05) {
			t.Errorf("the loss went from %v to %v", first, loss)
		}
	}
}

func step(t testing.TB, nodes []*onnx.NodeProto, in []input, outs []string, o backend.Options) *backend.Plan {
	g := &onnx.GraphProto{Name: "step", Node: nodes}
	for _, i := range in {
		dims := []int64{}
		for _, d := range i.t.Shape() {
			dims = append(dims, int64(d))
		}
		g.Input = append(g.Input, onnx.ValueInfo(i.name, i.t.DType(), dims...))
	}
	for _, o := range outs {
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: o})
	}
	p, err := backend.Compile(g, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// One step of the network at batch 32.
func BenchmarkNetworkOnImages(b *testing.B) {
	nodes, in, outs := cnn(b, 32)
	plan, vs := step(b, nodes, in, outs, backend.Options{Rules: kernel.Fused}), values(in)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := plan.Run(vs); err != nil {
			b.Fatal(err)
		}
	}
}

// A step of training takes three times the parameters, before, after and for gradients, and the values of the forward
// pass; beside that, what one convolution works in.
func TestMemoryOfAStep(t *testing.T) {
	const batch = 32
	nodes, in, outs := cnn(t, batch)
	parameters := 0
	for _, i := range in[1:7] {
		parameters += 4 * i.t.Len()
	}
	pixels := 2*16*28*28 + 16*14*14 + 2*32*14*14 + 32*7*7 // of convolutions, Relus and pools
	m := step(t, nodes, in, outs, backend.Options{}).Memory()
	if all, most := m.Inputs+m.Outputs+m.Arena, 3*parameters+4*batch*pixels; all > most || m.Scratch > 1<<20 {
		t.Errorf("a step takes %d bytes (%v), want at most %d, and 1 MiB of scratch memory", all, m, most)
	}
}
