package forward

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Fit is what is done to a batch of samples before a model sees them, for each of its inputs. It is immutable.
type Fit []one

// one is what is done for one input.
type one struct {
	input    string
	label    bool  // it is the labels, in the place of samples
	from, to int   // the piece of each row; 0 and 0: all of it
	view     []int // with the batch, where the piece has more dimensions; nil: none
	cast     tensor.DType
	perm     []int // nil: none
	reshape  []int // with the batch; nil: none
}

// FitOf says what makes samples of a form the inputs of a model, for one size of batches: a piece of each row, another
// element type, images by planes in place of rows, or another shape of as many numbers. The error says both shapes.
func FitOf(s dataset.Schema, inputs []*onnx.ValueInfoProto, batch int) (Fit, error) {
	if len(s.Parts) == 0 {
		if len(inputs) != 1 {
			return nil, fmt.Errorf("data of which each part is one of its %d inputs (%s), and %v for a sample as a whole "+
				"was found", len(inputs), Inputs(inputs), s.Shape)
		}
		f, err := fitOf(s.Features, s.Features, s.Shape, inputs[0], batch)
		return Fit{f}, err
	}
	var out Fit
	for _, in := range inputs {
		i := slices.IndexFunc(s.Parts, func(p dataset.Part) bool { return p.Name == in.GetName() })
		if i < 0 {
			return nil, fmt.Errorf("data for its input %q; it takes %s", in.GetName(), Inputs(inputs))
		}
		p := s.Parts[i]
		of := s.Features
		if p.Label {
			of, p.Shape, p.Type = s.Label, s.LabelShape, s.Label
		}
		f, err := fitOf(of, p.Type, p.Shape, in, batch)
		if err != nil {
			return nil, fmt.Errorf("%w (%s)", err, in.GetName())
		}
		f.label = p.Label
		if !p.Label {
			for _, before := range s.Parts[:i] {
				f.from += before.Width()
			}
			if f.to = f.from + p.Width(); f.reshape == nil && len(p.Shape) != 1 {
				f.view = append([]int{batch}, p.Shape...)
			}
		}
		out = append(out, f)
	}
	return out, nil
}

// Inputs says in words what a model takes.
func Inputs(inputs []*onnx.ValueInfoProto) string {
	var out []string
	for _, in := range inputs {
		t, _ := onnxop.FromProto(in.GetType())
		out = append(out, fmt.Sprintf("%s %v%v", in.GetName(), t.DType, t.Shape))
	}
	return strings.Join(out, ", ")
}

// fitOf is FitOf for one input. Of is the type that the numbers have, and as that which they mean.
func fitOf(of, as tensor.DType, shape []int, input *onnx.ValueInfoProto, batch int) (one, error) {
	f := one{input: input.GetName()}
	in, _ := onnxop.FromProto(input.GetType())
	whole := in.DType == tensor.Int64 || in.DType == tensor.Int32 || in.DType == tensor.Bool
	switch {
	case in.DType == of:
	case in.DType == tensor.Float32, in.DType == tensor.Float64, whole && as == tensor.Int64:
		f.cast = in.DType
	default:
		return f, fmt.Errorf("an input of %v; it takes %v", as, in.DType)
	}
	if len(in.Shape) == 0 || in.Shape[0] != batch {
		return f, fmt.Errorf("an input whose first dimension is the batch; it takes %v", in.Shape)
	}
	want := in.Shape[1:]
	if slices.Equal(want, shape) {
		return f, nil
	}
	if len(want) == 3 && len(shape) == 3 {
		h, w, c := shape[0], shape[1], shape[2]
		switch { // images by rows for a model that takes planes, and the other way
		case slices.Equal(want, []int{c, h, w}) && c != h:
			f.perm = []int{0, 3, 1, 2}
			return f, nil
		case slices.Equal(want, []int{w, c, h}) && c != h:
			f.perm = []int{0, 2, 3, 1}
			return f, nil
		}
	}
	n := dataset.Schema{Shape: shape}.Width()
	if (dataset.Schema{Shape: want}).Width() != n {
		return f, fmt.Errorf("an input of %v for a sample; it takes %v", shape, want)
	}
	f.reshape = append([]int{batch}, want...)
	return f, nil
}

// Nodes returns what is done to batches of samples and their labels as nodes, which make the inputs of the model by
// their names.
func (f Fit) Nodes(samples, labels string) ([]*onnx.NodeProto, error) {
	var out []*onnx.NodeProto
	for _, o := range f {
		from := samples
		if o.label {
			from = labels
		}
		nodes, err := o.nodes(from)
		if err != nil {
			return nil, err
		}
		out = append(out, nodes...)
	}
	return out, nil
}

func (o one) nodes(from string) ([]*onnx.NodeProto, error) {
	var out []*onnx.NodeProto
	last := from
	add := func(op string, in []string, attrs ...*onnx.AttributeProto) string {
		last = fmt.Sprintf("%s.fit%d", o.input, len(out))
		out = append(out, onnx.Node("", op, last, in, []string{last}, attrs...))
		return last
	}
	constant := func(x ...int) (string, error) {
		t, err := tensor.FromInt64([]int{len(x)}, wide(x))
		if err != nil {
			return "", err
		}
		return add("Constant", nil, onnx.AttrTensor("value", t.Proto(""))), nil
	}
	if o.to > 0 {
		in := []string{last}
		for _, x := range []int{o.from, o.to, 1} {
			name, err := constant(x)
			if err != nil {
				return nil, err
			}
			in = append(in, name)
		}
		add("Slice", in)
	}
	reshape := func(shape []int) error {
		data := last
		to, err := constant(shape...)
		if err == nil {
			add("Reshape", []string{data, to})
		}
		return err
	}
	if o.view != nil {
		if err := reshape(o.view); err != nil {
			return nil, err
		}
	}
	if o.cast != 0 {
		add("Cast", []string{last}, onnx.AttrInt("to", int64(o.cast)))
	}
	if o.perm != nil {
		add("Transpose", []string{last}, onnx.AttrInts("perm", wide(o.perm)...))
	}
	if o.reshape != nil {
		if err := reshape(o.reshape); err != nil {
			return nil, err
		}
	}
	add("Identity", []string{last})
	out[len(out)-1].Output[0] = o.input
	return out, nil
}

// Record records what is done to values of a choreography, and returns the inputs of the model by name.
func (f Fit) Record(b *graph.Graph, x, y graph.Value) map[string]graph.Value {
	out := map[string]graph.Value{}
	for _, o := range f {
		from := x
		if o.label {
			from = y
		}
		out[o.input] = o.record(b, from)
	}
	return out
}

func (o one) record(b *graph.Graph, x graph.Value) graph.Value {
	nodes, err := o.nodes("from")
	if err != nil {
		panic("forward: " + err.Error()) // constants of as many elements as there are
	}
	known := map[string]graph.Value{"from": x, o.input: x}
	if nodes = nodes[:len(nodes)-1]; len(nodes) > 0 { // without the one that names it
		Record(b, nodes, known)
		return known[nodes[len(nodes)-1].GetOutput()[0]]
	}
	return x
}

func wide(x []int) []int64 {
	out := make([]int64, len(x))
	for i, d := range x {
		out[i] = int64(d)
	}
	return out
}

// Labels says whether an input is the labels.
func (f Fit) Labels() bool { return slices.ContainsFunc(f, func(o one) bool { return o.label }) }

// InputOf is what a reader is told of an input for a batch.
func InputOf(t tensor.DType, shape []int) dataset.FileInput {
	in := dataset.FileInput{Type: "float32", Shape: slices.Clone(shape[min(1, len(shape)):])}
	switch t {
	case tensor.Float16, tensor.BFloat16, tensor.Float32, tensor.Float64:
	default:
		in.Type = "int64"
	}
	return in
}
