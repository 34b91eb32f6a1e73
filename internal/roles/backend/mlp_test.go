package backend

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/fmath"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The network of the tests: 64 inputs, 32 hidden units with Relu, 10 classes, softmax cross-entropy.
const (
	mlpIn, mlpHidden, mlpOut = 64, 32, 10
	mlpBatch                 = 32
)

// mlpStep is one step of training as a graph: inputs x, labels, rate and the parameters; outputs the loss and the
// parameters after a step of gradient descent.
func mlpStep(t testing.TB, batch int64) *onnx.GraphProto {
	names := []string{"w1", "b1", "w2", "b2"}
	shapes := [][]int64{{mlpIn, mlpHidden}, {mlpHidden}, {mlpHidden, mlpOut}, {mlpOut}}
	g := &onnx.GraphProto{Name: "step", Input: []*onnx.ValueInfoProto{
		onnx.ValueInfo("x", tensor.Float32, batch, mlpIn), onnx.ValueInfo("labels", tensor.Int64, batch),
		onnx.ValueInfo("rate", tensor.Float32),
	}}
	for i, n := range names {
		g.Input = append(g.Input, onnx.ValueInfo(n, tensor.Float32, shapes[i]...))
	}
	g.Node = []*onnx.NodeProto{
		onnx.Node("", "Gemm", "", []string{"x", "w1", "b1"}, []string{"a"}),
		onnx.Node("", "Relu", "", []string{"a"}, []string{"h"}),
		onnx.Node("", "Gemm", "", []string{"h", "w2", "b2"}, []string{"scores"}),
		onnx.Node("", "SoftmaxCrossEntropyLoss", "", []string{"scores", "labels"}, []string{"loss"}),
	}
	types := map[string]onnxop.Type{}
	for _, in := range g.Input {
		types[in.Name], _ = onnxop.FromProto(in.Type)
	}
	extra, grads, err := gradient.Build(g.Node, types, "loss", names, "grad")
	if err != nil {
		t.Fatal(err)
	}
	g.Node = append(g.Node, extra...)
	g.Output = []*onnx.ValueInfoProto{{Name: "loss"}}
	for i, n := range names {
		g.Node = append(g.Node,
			onnx.Node("", "Mul", "", []string{grads[i], "rate"}, []string{n + "/step"}),
			onnx.Node("", "Sub", "", []string{n, n + "/step"}, []string{n + "/new"}))
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: n + "/new"})
	}
	return g
}

// mlpData draws parameters, and batches of a problem that can be learned.
func mlpData(seed uint64, batches int) (params [][]float32, xs [][]float32, labels [][]int64) {
	r := rand.New(rand.NewPCG(seed, 1))
	draw := func(n int, scale float32) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32((r.Float32() - 0.5) * scale)
		}
		return x
	}
	params = [][]float32{draw(mlpIn*mlpHidden, 0.3), draw(mlpHidden, 0.1), draw(mlpHidden*mlpOut, 0.3),
		draw(mlpOut, 0.1)}
	centre := draw(mlpOut*mlpIn, 2)
	for range batches {
		x, l := draw(mlpBatch*mlpIn, 1), make([]int64, mlpBatch)
		for i := range l {
			l[i] = int64(r.IntN(mlpOut))
			for j := range mlpIn {
				x[i*mlpIn+j] += centre[int(l[i])*mlpIn+j]
			}
		}
		xs, labels = append(xs, x), append(labels, l)
	}
	return params, xs, labels
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// train runs steps of a plan and returns the losses and the parameters.
func train(p *Plan, steps int) (losses []float32, params []*tensor.Tensor, err error) {
	w, xs, labels := mlpData(3, 16)
	in := []*tensor.Tensor{nil, nil, must(tensor.FromFloat32([]int{}, []float32{0.2}))}
	for i, s := range [][]int{{mlpIn, mlpHidden}, {mlpHidden}, {mlpHidden, mlpOut}, {mlpOut}} {
		in = append(in, must(tensor.FromFloat32(s, w[i])))
	}
	for s := range steps {
		in[0] = must(tensor.FromFloat32([]int{mlpBatch, mlpIn}, xs[s%len(xs)]))
		in[1] = must(tensor.FromInt64([]int{mlpBatch}, labels[s%len(xs)]))
		out, err := p.Run(in)
		if err != nil {
			return nil, nil, err
		}
		losses = append(losses, out[0].Float32()[0])
		copy(in[3:], out[1:])
	}
	return losses, in[3:], nil
}

func hashOf(losses []float32, params [][]float32) string {
	h := sha256.New()
	for _, p := range append(slices.Clone(params), losses) {
		must(0, binary.Write(h, binary.LittleEndian, p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func slicesOf(ts []*tensor.Tensor) (out [][]float32) {
	for _, t := range ts {
		out = append(out, t.Float32())
	}
	return out
}

// trainedHashes pin every bit of 200 steps of training by either rules, on every machine and for ever.
var trainedHashes = map[kernel.Rules]string{
	kernel.Rounded: "e3f9c0d601256a189e6f8453dba1231f9251ac5676b340f36bb4bc101e44130e",
	kernel.Fused:   "3f8cb468322ecc304da1cfb5b1db73603a16ef00295a8049e5b28bd934454155",
}

// Traps unordered-sum and fused-product: one training, one result to the bit: on the scalar and on the vector loops,
// with dimensions known and open, on one processor and on two, alone and beside others, and the same as plain loops
// written by hand.
func TestTrainingBits(t *testing.T) {
	for rules, want := range trainedHashes {
		trainingBits(t, rules, want)
	}
}

func trainingBits(t *testing.T, rules kernel.Rules, want string) {
	const steps = 200
	check := func(name string, losses []float32, params [][]float32) {
		t.Helper()
		if h := hashOf(losses, params); h != want {
			t.Errorf("rules %d, %s: hash %s; want %s", rules, name, h, want)
		}
		if last := losses[len(losses)-1]; !(last < losses[0]/4) {
			t.Errorf("%s: the loss went from %g to %g; want a quarter at most", name, losses[0], last)
		}
	}
	for _, c := range []struct {
		name  string
		o     Options
		batch int64
		procs int
	}{
		{"best", Options{}, mlpBatch, 1}, {"best, two processors", Options{}, mlpBatch, 2},
		{"scalar", Options{Scalar: true}, mlpBatch, 1}, {"open", Options{}, -1, 2},
		{"open scalar", Options{Scalar: true}, -1, 1},
	} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.procs))
		c.o.Rules = rules
		p, err := Compile(mlpStep(t, c.batch), c.o)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				losses, params, err := train(p, steps)
				if err != nil {
					t.Error(err)
					return
				}
				check(c.name, losses, slicesOf(params))
			})
		}
		wg.Wait()
	}
	m := newHandMLP(rules)
	w, xs, labels := mlpData(3, 16)
	m.params = w
	var losses []float32
	for s := range steps {
		losses = append(losses, m.step(xs[s%len(xs)], labels[s%len(xs)], 0.2))
	}
	check("by hand", losses, m.params)
}

// handMLP is the same training in plain loops: the slow, obvious second implementation, and what a step is measured by.
type handMLP struct {
	fused            bool
	params           [][]float32 // w1, b1, w2, b2
	grads            [][]float32
	h, scores, d, dh []float32
}

func newHandMLP(rules kernel.Rules) *handMLP {
	return &handMLP{
		fused: rules == kernel.Fused,
		grads: [][]float32{make([]float32, mlpIn*mlpHidden), make([]float32, mlpHidden),
			make([]float32, mlpHidden*mlpOut), make([]float32, mlpOut)},
		h: make([]float32, mlpBatch*mlpHidden), scores: make([]float32, mlpBatch*mlpOut),
		d: make([]float32, mlpBatch*mlpOut), dh: make([]float32, mlpBatch*mlpHidden),
	}
}

// add is s + a·b by the rules.
func (m *handMLP) add(s, a, b float32) float32 {
	if m.fused {
		return kernel.FMA32(a, b, s)
	}
	return s + float32(a*b)
}

func (m *handMLP) step(x []float32, labels []int64, rate float32) float32 {
	w1, b1, w2, b2 := m.params[0], m.params[1], m.params[2], m.params[3]
	m.layer(m.h, x, w1, b1, mlpIn, mlpHidden)
	for i, v := range m.h {
		if v < 0 {
			m.h[i] = 0
		}
	}
	m.layer(m.scores, m.h, w2, b2, mlpHidden, mlpOut)
	var loss float64
	var e [mlpOut]float64
	for i, label := range labels {
		row := m.scores[i*mlpOut : (i+1)*mlpOut]
		top := float64(slices.Max(row))
		var sum float64
		for j, v := range row {
			e[j] = fmath.Exp(float64(v) - top)
			sum += e[j]
		}
		loss += -(float64(row[label]) - top - fmath.Log(sum))
		for j := range row {
			p := float32(e[j] / sum)
			if j == int(label) {
				p -= 1
			}
			m.d[i*mlpOut+j] = p * (1.0 / mlpBatch)
		}
	}
	m.grad(m.grads[2], m.grads[3], m.h, m.d, mlpHidden, mlpOut)
	for i := range mlpBatch {
		for j := range mlpHidden {
			var s float32
			for p := range mlpOut {
				s = m.add(s, m.d[i*mlpOut+p], w2[j*mlpOut+p])
			}
			if !(m.h[i*mlpHidden+j] > 0) {
				s = 0
			}
			m.dh[i*mlpHidden+j] = s
		}
	}
	m.grad(m.grads[0], m.grads[1], x, m.dh, mlpIn, mlpHidden)
	for k, w := range m.params {
		for i, g := range m.grads[k] {
			w[i] -= float32(g * rate)
		}
	}
	return float32(loss / mlpBatch)
}

// layer is y = x·w + b.
func (m *handMLP) layer(y, x, w, b []float32, in, out int) {
	for i := range mlpBatch {
		row := y[i*out : (i+1)*out]
		clear(row)
		for p := range in {
			v := x[i*in+p]
			for j, u := range w[p*out : (p+1)*out] {
				row[j] = m.add(row[j], v, u)
			}
		}
		for j := range row {
			row[j] += b[j]
		}
	}
}

// grad is gw = xᵀ·d and gb = Σ d.
func (m *handMLP) grad(gw, gb, x, d []float32, in, out int) {
	clear(gw)
	for i := range mlpBatch {
		for p := range in {
			v := x[i*in+p]
			row := gw[p*out : (p+1)*out]
			for j, u := range d[i*out : (i+1)*out] {
				row[j] = m.add(row[j], v, u)
			}
		}
	}
	for j := range out {
		var s float64
		for i := range mlpBatch {
			s += float64(d[i*out+j])
		}
		gb[j] = float32(s)
	}
}

// A step of training (forward, loss, gradient, descent) beside the same step in plain loops.
func BenchmarkTrainingStep(b *testing.B) {
	w, xs, labels := mlpData(3, 1)
	for _, scalar := range []bool{false, true} {
		p, err := Compile(mlpStep(b, mlpBatch), Options{Scalar: scalar})
		if err != nil {
			b.Fatal(err)
		}
		in := []*tensor.Tensor{must(tensor.FromFloat32([]int{mlpBatch, mlpIn}, xs[0])),
			must(tensor.FromInt64([]int{mlpBatch}, labels[0])),
			must(tensor.FromFloat32([]int{}, []float32{0.01}))}
		for i, s := range [][]int{{mlpIn, mlpHidden}, {mlpHidden}, {mlpHidden, mlpOut}, {mlpOut}} {
			in = append(in, must(tensor.FromFloat32(s, slices.Clone(w[i]))))
		}
		b.Run("plan/"+p.set.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out, err := p.Run(in)
				if err != nil {
					b.Fatal(err)
				}
				copy(in[3:], out[1:])
			}
		})
	}
	b.Run("by hand", func(b *testing.B) {
		m := newHandMLP(kernel.Rounded)
		m.params = w
		for b.Loop() {
			m.step(xs[0], labels[0], 0.01)
		}
	})
}
