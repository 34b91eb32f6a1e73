package bench

import (
	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/fmath"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The network of the digits: 64 inputs, 32 hidden units, 10 classes, a batch of 32.
const (
	inputs, hidden, classes = 64, 32, 10
	batch                   = 32
	rate                    = 0.1
)

// trainings measures steps of gradient descent by the backend, as a graph with its gradient, beside the same
// mathematics written as scalar loops by hand.
func trainings(emit func(Metric)) error {
	g, err := stepGraph()
	if err != nil {
		return err
	}
	plan, err := backend.Compile(g, backend.Options{})
	if err != nil {
		return err
	}
	m := newScalarMLP()
	in, err := m.tensors()
	if err != nil {
		return err
	}
	var failed error
	scalar := 1e9 / perCall(m.step)
	steps := 1e9 / perCall(func() {
		out, err := plan.Run(in)
		if err != nil {
			failed = err
			return
		}
		copy(in[2:], out[1:])
	})
	emit(metric(engineBench, "training_steps_per_s", steps, "1/s", scalar, "the same step as scalar loops").higher())
	return failed
}

// stepGraph is one step: x, labels and the parameters in; the loss and the parameters after the step out.
func stepGraph() (*onnx.GraphProto, error) {
	names := []string{"w1", "b1", "w2", "b2"}
	shapes := [][]int64{{inputs, hidden}, {hidden}, {hidden, classes}, {classes}}
	step, err := tensor.FromFloat32(nil, []float32{rate})
	if err != nil {
		return nil, err
	}
	g := &onnx.GraphProto{Name: "step", Initializer: []*onnx.TensorProto{step.Proto("rate")},
		Input: []*onnx.ValueInfoProto{
			onnx.ValueInfo("x", tensor.Float32, batch, inputs), onnx.ValueInfo("labels", tensor.Int64, batch),
		}}
	for i, n := range names {
		g.Input = append(g.Input, onnx.ValueInfo(n, tensor.Float32, shapes[i]...))
	}
	g.Node = []*onnx.NodeProto{
		onnx.Node("", "Gemm", "", []string{"x", "w1", "b1"}, []string{"a"}),
		onnx.Node("", "Relu", "", []string{"a"}, []string{"h"}),
		onnx.Node("", "Gemm", "", []string{"h", "w2", "b2"}, []string{"logits"}),
		onnx.Node("", "SoftmaxCrossEntropyLoss", "", []string{"logits", "labels"}, []string{"loss"}),
	}
	types := map[string]onnxop.Type{}
	for _, in := range g.Input {
		types[in.Name], _ = onnxop.FromProto(in.Type) // a tensor's type, made above
	}
	extra, grads, err := gradient.Build(g.Node, types, "loss", names, "grad")
	if err != nil {
		return nil, err
	}
	g.Node = append(g.Node, extra...)
	g.Output = []*onnx.ValueInfoProto{{Name: "loss"}}
	for i, n := range names {
		g.Node = append(g.Node,
			onnx.Node("", "Mul", "", []string{grads[i], "rate"}, []string{n + "/step"}),
			onnx.Node("", "Sub", "", []string{n, n + "/step"}, []string{n + "/new"}))
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: n + "/new"})
	}
	return g, nil
}

// scalarMLP is the network as a person would write it: loops, one sample after the other.
type scalarMLP struct {
	w1, b1, w2, b2, x []float32
	labels            []int64
}

func newScalarMLP() *scalarMLP {
	m := &scalarMLP{
		w1: make([]float32, inputs*hidden), b1: make([]float32, hidden), w2: make([]float32, hidden*classes),
		b2: make([]float32, classes),
		x:  make([]float32, batch*inputs), labels: make([]int64, batch),
	}
	for k, s := range [][]float32{m.w1, m.w2, m.x} {
		for i := range s {
			s[i] = float32((i*7+k)%11-5) / 50
		}
	}
	for i := range m.labels {
		m.labels[i] = int64(i % classes)
	}
	return m
}

func (m *scalarMLP) tensors() ([]*tensor.Tensor, error) {
	var out []*tensor.Tensor
	x, err := tensor.FromFloat32([]int{batch, inputs}, append([]float32(nil), m.x...))
	if err != nil {
		return nil, err
	}
	labels, err := tensor.FromInt64([]int{batch}, m.labels)
	if err != nil {
		return nil, err
	}
	out = append(out, x, labels)
	shapes := [][]int{{inputs, hidden}, {hidden}, {hidden, classes}, {classes}}
	for i, s := range [][]float32{m.w1, m.b1, m.w2, m.b2} {
		t, err := tensor.FromFloat32(shapes[i], append([]float32(nil), s...))
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// step goes forward and back over the batch and applies the mean gradient.
func (m *scalarMLP) step() {
	var g1 [inputs * hidden]float32
	var gb1 [hidden]float32
	var g2 [hidden * classes]float32
	var gb2 [classes]float32
	for s := range batch {
		x := m.x[s*inputs : (s+1)*inputs]
		var h [hidden]float32
		for j := range hidden {
			sum := m.b1[j]
			for i := range inputs {
				sum += float32(x[i] * m.w1[i*hidden+j])
			}
			h[j] = max(0, sum)
		}
		d := m.outputGradient(h[:], m.labels[s])
		for k := range classes {
			gb2[k] += d[k]
		}
		for j := range hidden {
			var back float32
			for k := range classes {
				g2[j*classes+k] += float32(h[j] * d[k])
				back += float32(d[k] * m.w2[j*classes+k])
			}
			if h[j] > 0 {
				gb1[j] += back
				for i := range inputs {
					g1[i*hidden+j] += float32(x[i] * back)
				}
			}
		}
	}
	for _, p := range []struct{ w, g []float32 }{{m.w1, g1[:]}, {m.b1, gb1[:]}, {m.w2, g2[:]}, {m.b2, gb2[:]}} {
		for i := range p.w {
			p.w[i] -= float32(rate * p.g[i])
		}
	}
}

// outputGradient is the gradient of the mean loss by the logits of one sample: softmax less the label.
func (m *scalarMLP) outputGradient(h []float32, label int64) [classes]float32 {
	var logits [classes]float32
	top := float32(-1e30)
	for k := range classes {
		sum := m.b2[k]
		for j := range hidden {
			sum += float32(h[j] * m.w2[j*classes+k])
		}
		logits[k] = sum
		top = max(top, sum)
	}
	var total float64
	var e [classes]float64
	for k := range classes {
		e[k] = fmath.Exp(float64(logits[k] - top))
		total += e[k]
	}
	var d [classes]float32
	for k := range classes {
		d[k] = float32(e[k] / total / batch)
	}
	d[label] -= 1.0 / batch
	return d
}
