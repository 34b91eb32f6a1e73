package gradient

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// softmaxRules: sums run along the axis of the operator.
var softmaxRules = map[string]rule{
	"Softmax":                   softmax,
	"LogSoftmax":                logSoftmax,
	"SoftmaxCrossEntropyLoss":   crossEntropy,
	"NegativeLogLikelihoodLoss": likelihood,
}

// softmax: dx = (d - Σ d·z)·z.
func softmax(c *call) ([]string, error) {
	axis, err := c.axis(c.types[c.in[0]].Rank())
	if err != nil {
		return nil, err
	}
	e := &chain{b: c.builder}
	z, d := c.out[0], c.d[0]
	return []string{e.op("Mul", e.op("Sub", d, e.along(axis, e.op("Mul", d, z))), z)}, e.err
}

// logSoftmax: dx = d - e^z·Σ d.
func logSoftmax(c *call) ([]string, error) {
	axis, err := c.axis(c.types[c.in[0]].Rank())
	if err != nil {
		return nil, err
	}
	e := &chain{b: c.builder}
	return []string{e.logSoftmax(axis, c.out[0], c.d[0])}, e.err
}

func (e *chain) logSoftmax(axis int64, z, d string) string {
	return e.op("Sub", d, e.op("Mul", e.op("Exp", z), e.along(axis, d)))
}

// along sums along one axis, which stays with the length 1.
func (e *chain) along(axis int64, x string) string {
	return e.with("ReduceSum", []string{x, e.ints(axis)}, onnx.AttrInt("keepdims", 1))
}

// crossEntropy: dx = (softmax(x) - onehot(labels))·s, where s is what one position's loss counts for. What arrives at
// the second output, the logarithms of the probabilities, is added.
func crossEntropy(c *call) ([]string, error) {
	if len(c.in) > 2 && c.wants[2] {
		return nil, c.fail("the weights depend on a value to differentiate by; want constant weights")
	}
	e := &chain{b: c.builder}
	x, g := c.in[0], ""
	if c.d[0] != "" {
		p := e.with("Softmax", []string{x}, onnx.AttrInt("axis", 1))
		g = e.op("Mul", e.op("Sub", p, c.hot(e)), c.share(e))
	}
	if len(c.d) > 1 && c.d[1] != "" {
		l := e.logSoftmax(1, c.out[1], c.d[1])
		if g == "" {
			g = l
		} else {
			g = e.op("Add", g, l)
		}
	}
	return []string{g}, e.err
}

// likelihood: dx = -onehot(labels)·s.
func likelihood(c *call) ([]string, error) {
	if len(c.in) > 2 && c.wants[2] {
		return nil, c.fail("the weights depend on a value to differentiate by; want constant weights")
	}
	e := &chain{b: c.builder}
	return []string{e.op("Neg", e.op("Mul", c.hot(e), c.share(e)))}, e.err
}

// hot is 1 at the class of each label and 0 elsewhere, in the shape of the scores.
func (c *call) hot(e *chain) string {
	x, labels := c.in[0], c.in[1]
	var depth string
	if t := c.types[x]; !t.Unranked && len(t.Shape) > 1 && t.Shape[1] >= 0 {
		depth = e.ints(int64(t.Shape[1]))
	} else {
		depth = e.op("Gather", e.op("Shape", x), e.ints(1))
	}
	values, err := tensor.FromFloat32([]int{2}, []float32{0, 1})
	if c.types[x].DType == tensor.Float64 {
		values, err = tensor.FromFloat64([]int{2}, []float64{0, 1})
	}
	both := e.constant(values, err)
	if d := c.types[x].DType; d != tensor.Float32 && d != tensor.Float64 {
		both = e.with("Cast", []string{both}, onnx.AttrInt("to", int64(d)))
	}
	return e.with("OneHot", []string{labels, depth, both}, onnx.AttrInt("axis", 1))
}

// share is the derivative of y by the unweighted loss of each position: a scalar where all are the same, and otherwise
// one number for each position, with a dimension of 1 for the classes.
func (c *call) share(e *chain) string {
	d, labels := c.d[0], c.in[1]
	weights := c.positionWeights(e)
	switch onnxop.String(c.node, "reduction") {
	case "none":
		if weights != "" {
			d = e.op("Mul", d, weights)
		}
		return e.op("Unsqueeze", d, e.ints(1))
	case "mean":
		switch n := c.types[labels].Elements(); {
		case weights != "":
			d = e.op("Div", d, e.with("ReduceSum", []string{weights}, onnx.AttrInt("keepdims", 0)))
		case n >= 0:
			d = e.op("Div", d, e.number(d, float64(n)))
		default:
			d = e.op("Div", d, e.with("Cast", []string{e.op("Size", labels)},
				onnx.AttrInt("to", int64(c.types[d].DType))))
		}
	}
	if weights == "" {
		return d
	}
	return e.op("Unsqueeze", e.op("Mul", weights, d), e.ints(1))
}

// positionWeights is the weight of each position's label, 0 for an ignored one, or "" when all are 1.
func (c *call) positionWeights(e *chain) string {
	labels := c.in[1]
	weighted := len(c.in) > 2 && c.in[2] != ""
	ignore, ignores := onnx.GetInt(c.node, "ignore_index")
	if c.types[labels].DType == tensor.Int32 && int64(int32(ignore)) != ignore {
		ignores = false // no label is this
	}
	var ignored, w string
	if ignores {
		ignored = e.op("Equal", labels, e.label(labels, ignore))
	}
	if weighted {
		safe := labels // an ignored label need not be a class
		if ignores {
			safe = e.op("Where", ignored, e.label(labels, 0), labels)
		}
		w = e.op("Gather", c.in[2], safe)
	}
	if ignores {
		kept := w
		if !weighted {
			kept = e.number(c.in[0], 1)
		}
		w = e.op("Where", ignored, e.number(c.in[0], 0), kept)
	}
	return w
}

// label returns a scalar of the type of the labels.
func (e *chain) label(labels string, v int64) string {
	if e.b.types[labels].DType == tensor.Int32 {
		return e.constant(tensor.FromInt32([]int{}, []int32{int32(v)}))
	}
	return e.constant(tensor.FromInt64([]int{}, []int64{v}))
}
