// Package loss has the losses that a job can train by: how far the outputs of a model are from the labels, as one
// number. A loss says whether it fits a model and its data, in words, and records itself in a choreography.
package loss

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/job/forward"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/emit"
	"github.com/rhizome-ml/rhizome/internal/op/lower"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Loss is a loss with its settings, as Of returns it. It is immutable.
type Loss struct {
	kind
	set strategy.Chosen
}

// kind is a loss without settings.
type kind struct {
	name, doc string
	settings  []strategy.Setting
	// fits says what is wrong with the types of outputs and labels, "" where nothing is.
	fits func(out, labels onnxop.Type) string
	// mean writes the loss of outputs x and labels y, which have one type, at each element; its mean is the loss. nil:
	// the loss is recorded by itself.
	mean func(l Loss, e *emit.Chain, x, y string) string
}

// Error says that a text names no loss, or that a loss does not fit.
type Error struct {
	Got  string
	Want string
}

// Error says what stands there and what would be right.
func (e *Error) Error() string { return fmt.Sprintf("loss %q; want %s", e.Got, e.Want) }

// The losses by name.
const (
	CrossEntropy = "cross-entropy"
	BCE          = "bce"
	MSE          = "mse"
	MAE          = "mae"
	Huber        = "huber"
	Given        = "given"
)

var kinds = []kind{
	{name: CrossEntropy, doc: "For one class of several: the mean of -log of the probability, by softmax, of the " +
		"right class. Outputs [N, C, …], labels the number of a class [N, …].", fits: classes},
	{name: BCE, doc: "For yes or no, one or several at once: the mean binary cross entropy of sigmoid of the " +
		"outputs. Labels 0 to 1, as many as outputs.", fits: alike,
		mean: func(_ Loss, e *emit.Chain, x, y string) string {
			return e.Op("Sub", e.Op("Softplus", x), e.Op("Mul", x, y))
		}},
	{name: MSE, doc: "For numbers: the mean squared error. Labels as many as outputs.", fits: alike,
		mean: func(_ Loss, e *emit.Chain, x, y string) string {
			d := e.Op("Sub", x, y)
			return e.Op("Mul", d, d)
		}},
	{name: MAE, doc: "For numbers, of which some are far off: the mean absolute error. Labels as many as outputs.",
		fits: alike, mean: func(_ Loss, e *emit.Chain, x, y string) string {
			return e.Op("Abs", e.Op("Sub", x, y))
		}},
	{name: Huber, doc: "For numbers: half the squared error up to delta, and a straight line beyond it.", fits: alike,
		settings: []strategy.Setting{{Name: "delta", Doc: "Where the line begins.", Default: 1, Least: 1e-6,
			Most: 1e6}}, mean: huber},
	{name: Given, doc: "The model computes its loss: its output has one element, or the mean of its elements is meant.",
		fits: func(out, _ onnxop.Type) string {
			if !isFloat(out) {
				return fmt.Sprintf("an output of float32 or float64, not %v", out)
			}
			return ""
		}},
}

// Names returns the names of the losses, the most used first.
func Names() []string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.name)
	}
	return out
}

// Doc says in a sentence or two what a loss is for.
func (l Loss) Doc() string { return l.doc }

// Name returns the name of the loss.
func (l Loss) Name() string { return l.name }

// String returns the text that Of reads.
func (l Loss) String() string { return l.set.String() }

// Of reads the name of a loss and, behind it, its settings: "cross-entropy", "huber delta=2". Errors are *Error.
func Of(text string) (Loss, error) {
	name, settings, _ := strings.Cut(strings.TrimSpace(text), " ")
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return Loss{}, &Error{name[:min(len(name), 64)], "one of " + strings.Join(Names(), ", ")}
	}
	set, err := strategy.Strategy{Name: name, Settings: kinds[i].settings}.With(settings)
	var wrong *strategy.ParseError
	if errors.As(err, &wrong) {
		return Loss{}, &Error{wrong.Got, wrong.Want}
	}
	return Loss{kinds[i], set}, err
}

// Fits returns nil where the loss can say how far outputs of that type are from such labels, and an *Error that says
// what would be right. Dimensions that are not known may be anything.
func (l Loss) Fits(output, labels onnxop.Type) error {
	if want := l.fits(output, labels); want != "" {
		return &Error{l.name, want}
	}
	return nil
}

// Record records the loss of values whose types are known: a scalar. The loss Given does not look at the labels. Errors
// are *Error and those of package lower.
func (l Loss) Record(b *graph.Graph, output, labels graph.Value) (graph.Value, error) {
	if err := l.Fits(output.Type().Tensor, labels.Type().Tensor); err != nil {
		return graph.Value{}, err
	}
	switch l.name {
	case CrossEntropy:
		return b.CrossEntropy(output, labels), nil
	case Given:
		if t := output.Type().Tensor; t.Static() && len(t.Shape) == 0 {
			return output, nil
		}
		return b.Tensor("ReduceMean", graph.Attrs{"keepdims": 0}, output), nil
	}
	nodes, err := l.Nodes(output.Type().Tensor, labels.Type().Tensor)
	if err != nil {
		return graph.Value{}, err
	}
	known := map[string]graph.Value{"output": output, "labels": labels}
	forward.Record(b, nodes, known)
	return known["loss"], nil
}

// RecordEach records the loss of each sample of a batch, the first dimension of the output: the mean of Record's is
// their mean. Errors are *Error and those of package lower.
func (l Loss) RecordEach(b *graph.Graph, output, labels graph.Value) (graph.Value, error) {
	out := output.Type().Tensor
	if err := l.Fits(out, labels.Type().Tensor); err != nil {
		return graph.Value{}, err
	}
	if !out.Static() || len(out.Shape) == 0 {
		return graph.Value{}, &Error{l.name, fmt.Sprintf("outputs of a known batch, not %v", out)}
	}
	nodes, err := l.nodes(out, labels.Type().Tensor, out.Shape[0])
	if err != nil {
		return graph.Value{}, err
	}
	known := map[string]graph.Value{"output": output, "labels": labels}
	forward.Record(b, nodes, known)
	return known["loss"], nil
}

// crossEntropy is log Σ exp(x) - x[label], by the greatest score, so that no power is beyond what float32 holds.
func crossEntropy(e *emit.Chain, x, y string) string {
	classes := e.Types[x].Shape[1]
	z := e.Op("Sub", x, e.With("ReduceMax", []string{x}, onnx.AttrInts("axes", 1), onnx.AttrInt("keepdims", 1)))
	all := e.With("ReduceSum", []string{e.Op("Exp", z), e.Ints(1)}, onnx.AttrInt("keepdims", 0))
	hot := e.With("OneHot", []string{y, e.Ints(int64(classes)), e.Constant(tensor.FromFloat32([]int{2},
		[]float32{0, 1}))}, onnx.AttrInt("axis", 1))
	own := e.With("ReduceSum", []string{e.Op("Mul", hot, z), e.Ints(1)}, onnx.AttrInt("keepdims", 0))
	return e.Op("Sub", e.Op("Log", all), own)
}

// Nodes returns nodes that compute the value loss, a scalar, of the values output and labels. Errors are *Error and
// those of package lower.
func (l Loss) Nodes(output, labels onnxop.Type) ([]*onnx.NodeProto, error) {
	if err := l.Fits(output, labels); err != nil {
		return nil, err
	}
	return l.nodes(output, labels, 0)
}

// nodes is Nodes, or, where each is above 0, the losses of so many samples.
func (l Loss) nodes(output, labels onnxop.Type, each int) ([]*onnx.NodeProto, error) {
	output.Value, labels.Value = nil, nil
	if l.mean == nil && (l.name != CrossEntropy || each == 0 || output.Rank() != 2 || output.DType != tensor.Float32) {
		return nil, &Error{l.name, "to be recorded by itself"}
	}
	types := map[string]onnxop.Type{"output": output, "labels": labels}
	e := &emit.Chain{Builder: &emit.Builder{Prefix: "loss", Types: types, NodesMax: 64,
		Fail: func(where, reason string) error { return &Error{where, reason} }}}
	lower.Into(e.Builder)
	z := ""
	if l.name == CrossEntropy {
		z = crossEntropy(e, "output", "labels")
	} else {
		x, y := "output", e.Cast("labels", output.DType)
		if labels.Rank() != output.Rank() { // [N] for [N, 1], or the other way
			x, y = e.With("Reshape", []string{x, e.Ints(-1)}), e.With("Reshape", []string{y, e.Ints(-1)})
		}
		z = l.mean(l, e, x, y)
	}
	if each > 0 {
		z = e.With("Reshape", []string{z, e.Ints(int64(each), -1)})
		e.With("ReduceMean", []string{z}, onnx.AttrInts("axes", 1), onnx.AttrInt("keepdims", 0))
	} else {
		e.With("ReduceMean", []string{z}, onnx.AttrInt("keepdims", 0))
	}
	if e.Err != nil {
		return nil, e.Err
	}
	last := e.Nodes[len(e.Nodes)-1]
	last.Output = []string{"loss"}
	return e.Nodes, nil
}

// huber is d·c - c²/2 with c, the difference d within ±delta: half of d² where it is within, delta·(|d| - delta/2)
// beyond.
func huber(l Loss, e *emit.Chain, x, y string) string {
	delta := l.set.Get("delta")
	d := e.Op("Sub", x, y)
	c := e.Op("Clip", d, e.Number(d, -delta), e.Number(d, delta))
	return e.Op("Sub", e.Op("Mul", d, c), e.Op("Mul", e.Op("Mul", c, c), e.Number(d, 0.5)))
}

func isFloat(t onnxop.Type) bool { return t.DType == tensor.Float32 || t.DType == tensor.Float64 }

// classes says what is wrong with scores and class numbers.
func classes(out, labels onnxop.Type) string {
	switch {
	case !isFloat(out) || !out.Unranked && len(out.Shape) < 2:
		return fmt.Sprintf("an output of one score for each class, [N, C], not %v", out)
	case labels.DType != tensor.Int64 && labels.DType != tensor.Int32:
		return fmt.Sprintf("labels that are numbers of classes, not %v", labels)
	case !out.Unranked && !labels.Unranked && !fits(labels.Shape, slices.Delete(slices.Clone(out.Shape), 1, 2)):
		return fmt.Sprintf("one class for each position of the output %v, not labels of %v", out, labels)
	}
	return ""
}

// alike says what is wrong with outputs and labels of which there are as many.
func alike(out, labels onnxop.Type) string {
	switch {
	case !isFloat(out):
		return fmt.Sprintf("an output of float32 or float64, not %v", out)
	case labels.Absent():
		return "labels that are numbers, as many as outputs"
	case out.Unranked || labels.Unranked || fits(out.Shape, labels.Shape):
		return ""
	case len(out.Shape) == len(labels.Shape)+1 && fits(out.Shape, append(slices.Clone(labels.Shape), 1)):
		return ""
	case len(labels.Shape) == len(out.Shape)+1 && fits(labels.Shape, append(slices.Clone(out.Shape), 1)):
		return ""
	}
	return fmt.Sprintf("as many labels as the output %v has numbers, not %v", out, labels)
}

// fits says whether two shapes can be equal.
func fits(a, b []int) bool {
	return slices.EqualFunc(a, b, func(x, y int) bool { return x == y || x < 0 || y < 0 })
}
