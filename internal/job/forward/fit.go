package forward

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Fit is what is done to a batch of samples before a model sees them. It is immutable.
type Fit struct {
	cast    bool
	perm    []int // nil: none
	reshape []int // with the batch; nil: none
}

// FitOf says what makes samples of a form the input of a model, for one size of batches: another element type, images
// by planes in place of rows, or another shape of as many numbers. The error says both shapes.
func FitOf(s dataset.Schema, input *onnx.ValueInfoProto, batch int) (Fit, error) {
	var f Fit
	in, _ := onnxop.FromProto(input.GetType())
	switch {
	case in.DType == s.Features:
	case in.DType == tensor.Float32:
		f.cast = true
	default:
		return f, fmt.Errorf("an input of %v; it takes %v", s.Features, in.DType)
	}
	if len(in.Shape) == 0 || in.Shape[0] != batch {
		return f, fmt.Errorf("an input whose first dimension is the batch; it takes %v", in.Shape)
	}
	want := in.Shape[1:]
	if slices.Equal(want, s.Shape) {
		return f, nil
	}
	if len(want) == 3 && len(s.Shape) == 3 {
		h, w, c := s.Shape[0], s.Shape[1], s.Shape[2]
		switch { // images by rows for a model that takes planes, and the other way
		case slices.Equal(want, []int{c, h, w}) && c != h:
			f.perm = []int{0, 3, 1, 2}
			return f, nil
		case slices.Equal(want, []int{w, c, h}) && c != h:
			f.perm = []int{0, 2, 3, 1}
			return f, nil
		}
	}
	size := 1
	for _, d := range want {
		size *= d
	}
	if size != s.Width() {
		return f, fmt.Errorf("an input of %v for a sample; it takes %v", s.Shape, want)
	}
	f.reshape = append([]int{batch}, want...)
	return f, nil
}

// Nodes returns what is done to a value as nodes, of which the last one makes the other value.
func (f Fit) Nodes(from, to string) ([]*onnx.NodeProto, error) {
	var out []*onnx.NodeProto
	last := from
	add := func(op string, in []string, attrs ...*onnx.AttributeProto) {
		name := fmt.Sprintf("%s.fit%d", to, len(out))
		out = append(out, onnx.Node("", op, name, in, []string{name}, attrs...))
		last = name
	}
	if f.cast {
		add("Cast", []string{last}, onnx.AttrInt("to", int64(tensor.Float32)))
	}
	if f.perm != nil {
		add("Transpose", []string{last}, onnx.AttrInts("perm", wide(f.perm)...))
	}
	if f.reshape != nil {
		t, err := tensor.FromInt64([]int{len(f.reshape)}, wide(f.reshape))
		if err != nil {
			return nil, err
		}
		data := last
		add("Constant", nil, onnx.AttrTensor("value", t.Proto("")))
		add("Reshape", []string{data, last})
	}
	add("Identity", []string{last})
	out[len(out)-1].Output[0] = to
	return out, nil
}

// Record records what is done to a value of a choreography.
func (f Fit) Record(b *graph.Graph, x graph.Value) graph.Value {
	if f.cast {
		x = b.Tensor("Cast", graph.Attrs{"to": int(tensor.Float32)}, x)
	}
	if f.perm != nil {
		x = b.Tensor("Transpose", graph.Attrs{"perm": f.perm}, x)
	}
	if f.reshape != nil {
		t, err := tensor.FromInt64([]int{len(f.reshape)}, wide(f.reshape))
		if err != nil {
			panic("forward: " + err.Error()) // as many as there are
		}
		x = b.Tensor("Reshape", nil, x, b.Constant(value.Tensor{Tensor: t}))
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
