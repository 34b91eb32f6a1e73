package emit

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Chain is a run of emits of which the first error stands; later ones do nothing and give "".
type Chain struct {
	*Builder
	Err error
}

// Op adds a node of one result.
func (e *Chain) Op(op string, in ...string) string { return e.With(op, in) }

// With is Op with attributes.
func (e *Chain) With(op string, in []string, attrs ...*onnx.AttributeProto) string {
	return e.Many(op, in, 1, attrs...)[0]
}

// Many adds a node of so many results.
func (e *Chain) Many(op string, in []string, outs int, attrs ...*onnx.AttributeProto) []string {
	if e.Err != nil {
		return make([]string, outs)
	}
	var names []string
	if names, e.Err = e.Emit(op, in, outs, attrs...); e.Err != nil {
		return make([]string, outs)
	}
	return names
}

// Constant returns a value that is t, the same one for the same tensor.
func (e *Chain) Constant(t *tensor.Tensor, err error) string {
	if e.Err == nil {
		e.Err = err
	}
	if e.Err != nil {
		return ""
	}
	key := string(t.Append(nil))
	if name, ok := e.constants[key]; ok {
		return name
	}
	name := e.With("Constant", nil, onnx.AttrTensor("value", t.Proto("")))
	if e.constants == nil {
		e.constants = map[string]string{}
	}
	e.constants[key] = name
	return name
}

// Number returns a scalar of the element type of another value.
func (e *Chain) Number(like string, v float64) string {
	switch d := e.Types[like].DType; d {
	case tensor.Float32, tensor.Float64:
		return e.Constant(Scalar(d, v))
	case tensor.Int64:
		return e.Constant(tensor.FromInt64([]int{}, []int64{int64(v)}))
	case tensor.Int32:
		return e.Constant(tensor.FromInt32([]int{}, []int32{int32(v)}))
	default:
		return e.Cast(e.Constant(tensor.FromFloat32([]int{}, []float32{float32(v)})), d)
	}
}

// Ints returns a list of int64.
func (e *Chain) Ints(v ...int64) string { return e.Constant(tensor.FromInt64([]int{len(v)}, v)) }

// Shape returns the shape of a value: a constant where it is known.
func (e *Chain) Shape(x string) string {
	t := e.Types[x]
	if !t.Static() {
		return e.Op("Shape", x)
	}
	dims := make([]int64, len(t.Shape))
	for i, d := range t.Shape {
		dims[i] = int64(d)
	}
	return e.Ints(dims...)
}

// Reshape returns a value in the shape of another.
func (e *Chain) Reshape(v, like string) string {
	if a, b := e.Types[v], e.Types[like]; a.Static() &&
		a.Equal(onnxop.Type{DType: a.DType, Shape: b.Shape, Unranked: b.Unranked}) {
		return v
	}
	name := e.With("Reshape", []string{v, e.Shape(like)}, onnx.AttrInt("allowzero", 1))
	if e.Err == nil {
		e.Types[name] = Refined(e.Types[name], e.Types[like])
	}
	return name
}

// Like returns a value of the type of another, filled with one number.
func (e *Chain) Like(x string, v float64) string {
	t := e.Types[x]
	fill, err := Scalar(t.DType, v)
	if len(t.Shape) == 0 && t.Static() {
		return e.Constant(fill, err)
	}
	return e.filled(e.Shape(x), fill, err)
}

// Zeros is a float tensor of zeros of a shape that another value lists.
func (e *Chain) Zeros(d tensor.DType, shape string) string {
	fill, err := Scalar(d, 0)
	return e.filled(shape, fill, err)
}

func (e *Chain) filled(shape string, fill *tensor.Tensor, err error) string {
	if err == nil {
		fill, err = fill.Reshape([]int{1})
	}
	if e.Err == nil {
		e.Err = err
	}
	if e.Err != nil {
		return ""
	}
	return e.With("ConstantOfShape", []string{shape}, onnx.AttrTensor("value", fill.Proto("")))
}

// Cast returns a value in another element type; itself, where it has it.
func (e *Chain) Cast(x string, to tensor.DType) string {
	if e.Err == nil && e.Types[x].DType == to {
		return x
	}
	return e.With("Cast", []string{x}, onnx.AttrInt("to", int64(to)))
}
