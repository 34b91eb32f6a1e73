package bench

import (
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/internal/compile/gradient"
	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/lower"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/tensor"
)

// stepRate is the rate of the steps. It is low, so that a batch that is trained on for seconds is not learned by heart.
const stepRate = 0.001

// stepModel is a model of which a step is measured: its name and how its forward part is written, from its samples to
// its logits, one row for each label.
type stepModel struct {
	name  string
	write func(n *net) (logits string)
}

// stepModels returns the models of the bench, each as its users write it: the perceptrons as the built-in jobs do, the
// others as an exporter does. torch_kernels.py has them once more.
func stepModels() []stepModel {
	return []stepModel{
		{"mlp_64_32_10_b32", func(n *net) string { return n.perceptron(32, 64, 32, 10) }},
		{"mlp_784_128_10_b64", func(n *net) string { return n.perceptron(64, 784, 128, 10) }},
		{"mlp_64_4962_4962_10_b256", func(n *net) string { return n.perceptron(256, 64, 4962, 4962, 10) }},
		{"cnn_32x32x3_b50", func(n *net) string { return n.convolutional(50, 3, 32, 512, 32, 64) }},
		{"cnn_28x28x1_b32", func(n *net) string { return n.convolutional(32, 1, 28, 512, 32, 64) }},
		{"transformer_d64_t32_b16", func(n *net) string { return n.transformer() }},
	}
}

// net is the forward part of a model while it is written. The first error stays.
type net struct {
	nodes  []*onnx.NodeProto
	types  map[string]onnxop.Type
	consts []*onnx.TensorProto
	inputs []*tensor.Tensor // samples, labels, parameters
	names  []string         // of inputs
	macs   float64          // products that a step adds up in its matrix products and convolutions
	chance draw.Key
	drawn  uint64
	err    error
}

func newNet() *net {
	return &net{types: map[string]onnxop.Type{}, chance: draw.NewKey(1, "bench/kernels")}
}

func (n *net) keep(t *tensor.Tensor, err error) *tensor.Tensor {
	if err != nil && n.err == nil {
		n.err = err
	}
	return t
}

// input is a tensor that a step is given.
func (n *net) input(name string, t *tensor.Tensor) string {
	if n.err == nil {
		n.inputs, n.names = append(n.inputs, t), append(n.names, name)
		n.types[name] = onnxop.Type{DType: t.DType(), Shape: t.Shape()}
	}
	return name
}

// real draws numbers from -most to most.
func (n *net) real(most float64, shape ...int) *tensor.Tensor {
	v := make([]float32, elements(shape))
	for i := range v {
		v[i] = float32(most * (float64(n.chance.At(n.drawn)>>11)*0x1p-52 - 1))
		n.drawn++
	}
	return n.keep(tensor.FromFloat32(shape, v))
}

// whole draws whole numbers below a bound.
func (n *net) whole(below int, shape ...int) *tensor.Tensor {
	v := make([]int64, elements(shape))
	for i := range v {
		v[i] = int64(n.chance.Below(n.drawn, below))
		n.drawn++
	}
	return n.keep(tensor.FromInt64(shape, v))
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// param is a parameter. It begins as PyTorch's layers begin: within 1/√(what flows into one output).
func (n *net) param(into int, shape ...int) string {
	return n.input(fmt.Sprintf("p%d", len(n.inputs)), n.real(1/math.Sqrt(float64(into)), shape...))
}

// op is a node with one output.
func (n *net) op(op string, in []string, attrs ...*onnx.AttributeProto) string {
	out := fmt.Sprintf("v%d", len(n.nodes))
	n.nodes = append(n.nodes, onnx.Node("", op, "", in, []string{out}, attrs...))
	return out
}

// shaped is x in another shape.
func (n *net) shaped(x string, shape ...int64) string {
	name := fmt.Sprintf("c%d", len(n.consts))
	if t := n.keep(tensor.FromInt64([]int{len(shape)}, shape)); n.err == nil {
		n.types[name], n.consts = onnxop.Of(t), append(n.consts, t.Proto(name))
	}
	return n.op("Reshape", []string{x, name})
}

// product counts a matrix product or a convolution: forward, for the gradient of its weights, and for that of x, but
// where x is what the model is given.
func (n *net) product(x string, macs int) {
	times := 3
	if x == n.names[0] {
		times = 2
	}
	n.macs += float64(times * macs)
}

// perceptron has dense layers as the built-in jobs write them.
func (n *net) perceptron(batch int, widths ...int) string {
	x := n.input("x", n.real(1, batch, widths[0]))
	n.input("labels", n.whole(widths[len(widths)-1], batch))
	for i, out := range widths[1:] {
		in := widths[i]
		n.product(x, batch*in*out)
		if x = n.op("Gemm", []string{x, n.param(in, in, out), n.param(in, out)}); i < len(widths)-2 {
			x = n.op("Relu", []string{x})
		}
	}
	return x
}

// linear is a layer as exporters write it: y = x·Wᵀ + b.
func (n *net) linear(rows int, x string, in, out int) string {
	n.product(x, rows*in*out)
	return n.op("Gemm", []string{x, n.param(in, out, in), n.param(in, out)}, onnx.AttrInt("transB", 1))
}

// convolutional has convolutions of 3×3 with so many channels each, with ReLU and a maximum of 2×2, a dense layer with
// ReLU, and 10 classes.
func (n *net) convolutional(batch, channels, side, dense int, filters ...int) string {
	x := n.input("x", n.real(1, batch, channels, side, side))
	n.input("labels", n.whole(10, batch))
	for _, out := range filters {
		in := 9 * channels
		n.product(x, batch*side*side*in*out)
		x = n.op("Conv", []string{x, n.param(in, out, channels, 3, 3), n.param(in, out)},
			onnx.AttrInts("kernel_shape", 3, 3), onnx.AttrInts("pads", 1, 1, 1, 1))
		x = n.op("MaxPool", []string{n.op("Relu", []string{x})}, onnx.AttrInts("kernel_shape", 2, 2),
			onnx.AttrInts("strides", 2, 2))
		channels, side = out, side/2
	}
	x = n.op("Flatten", []string{x})
	x = n.op("Relu", []string{n.linear(batch, x, channels*side*side, dense)})
	return n.linear(batch, x, dense, 10)
}

// The transformer: layers, width, heads, width of the feed-forward part, tokens of a text, texts, words that there are.
const (
	tfLayers, tfWidth, tfHeads, tfForward = 2, 64, 4, 256
	tfTokens, tfBatch, tfWords            = 32, 16, 128
)

// transformer is an encoder that says a word for each token: embeddings of words and of places, both learned, layers
// whose norms are behind, no mask, no dropout.
func (n *net) transformer() string {
	const rows = tfBatch * tfTokens
	tokens := n.input("x", n.whole(tfWords, tfBatch, tfTokens))
	n.input("labels", n.whole(tfWords, rows))
	x := n.op("Gather", []string{n.param(1, tfWords, tfWidth), tokens})
	x = n.op("Add", []string{x, n.param(1, tfTokens, tfWidth)})
	x = n.shaped(x, rows, tfWidth)
	for range tfLayers {
		x = n.normed(n.op("Add", []string{x, n.attention(rows, x)}))
		h := n.op("Relu", []string{n.linear(rows, x, tfWidth, tfForward)})
		x = n.normed(n.op("Add", []string{x, n.linear(rows, h, tfForward, tfWidth)}))
	}
	return n.linear(rows, x, tfWidth, tfWords)
}

func (n *net) attention(rows int, x string) string {
	var in []string
	for range 3 { // queries, keys, values
		in = append(in, n.shaped(n.linear(rows, x, tfWidth, tfWidth), tfBatch, tfTokens, tfWidth))
	}
	n.product(x, 2*rows*tfTokens*tfWidth) // scores, and values by their weights
	y := n.op("Attention", in, onnx.AttrInt("q_num_heads", tfHeads), onnx.AttrInt("kv_num_heads", tfHeads))
	return n.linear(rows, n.shaped(y, int64(rows), tfWidth), tfWidth, tfWidth)
}

func (n *net) normed(x string) string {
	return n.op("LayerNormalization", []string{x, n.param(1, tfWidth), n.param(1, tfWidth)})
}

// trainingStep is a step of a model, ready to run: gradient descent on one batch.
type trainingStep struct {
	plan  *backend.Plan
	in    []*tensor.Tensor // samples, labels, parameters
	macs  float64          // products that a step adds up
	bytes int              // of the parameters
	tidy  bool             // whether garbage is collected before each step
	loss  float64          // of the last step
}

// newTrainingStep makes the step of a model as a job makes it: compound operators are written as primitive ones, the
// gradient is more nodes, and so is what the optimizer does.
func newTrainingStep(m stepModel, o backend.Options) (*trainingStep, error) {
	n := newNet()
	logits := m.write(n)
	if n.err != nil {
		return nil, n.err
	}
	nodes := append(n.nodes, onnx.Node("", "SoftmaxCrossEntropyLoss", "", []string{logits, "labels"},
		[]string{"loss"}))
	given := make(map[string]onnxop.Type, len(n.types))
	for name, t := range n.types {
		given[name] = t
	}
	nodes, err := lower.Graph(nodes, given, "low")
	if err != nil {
		return nil, err
	}
	params := n.names[2:]
	extra, grads, err := gradient.Build(nodes, n.types, "loss", params, "grad")
	if err != nil {
		return nil, err
	}
	g := &onnx.GraphProto{Name: m.name, Node: append(nodes, extra...), Initializer: n.consts,
		Output: []*onnx.ValueInfoProto{{Name: "loss"}}}
	for _, name := range n.names {
		t := n.types[name]
		dims := make([]int64, len(t.Shape))
		for i, d := range t.Shape {
			dims[i] = int64(d)
		}
		g.Input = append(g.Input, onnx.ValueInfo(name, t.DType, dims...))
	}
	g.Initializer = append(g.Initializer, n.keep(tensor.FromFloat32(nil, []float32{stepRate})).Proto("rate"))
	s := &trainingStep{in: n.inputs, macs: n.macs}
	for i, p := range params {
		g.Node = append(g.Node,
			onnx.Node("", "Mul", "", []string{grads[i], "rate"}, []string{p + "/step"}),
			onnx.Node("", "Sub", "", []string{p, p + "/step"}, []string{p + "/new"}))
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: p + "/new"})
		s.bytes += 4 * n.inputs[i+2].Len()
	}
	s.plan, err = backend.Compile(g, o)
	return s, err
}

// run does a step.
func (s *trainingStep) run() error {
	out, err := s.plan.Run(s.in)
	if err != nil {
		return err
	}
	s.loss = float64(out[0].Float32()[0])
	copy(s.in[2:], out[1:])
	return nil
}
