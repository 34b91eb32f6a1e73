package backend

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Trap hostile-length: whatever the bytes of a model say, compiling and running it gives a result or an error, and
// never asks for more memory than it may.
func FuzzCompile(f *testing.F) {
	for _, m := range seedModels(f) {
		b, err := onnx.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	lim := onnx.Limits{Bytes: 1 << 16, Depth: 32, Nodes: 64, Tensors: 64, Attributes: 256, Messages: 1024,
		Strings: 1024}
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		m, err := onnx.Load(b, lim)
		if err != nil {
			return
		}
		p, err := Compile(m.GetGraph(), Options{BytesMax: 1 << 20})
		if err != nil {
			return
		}
		var in []*tensor.Tensor
		for _, port := range p.Inputs() {
			x := zeros(port.Type)
			if x == nil {
				return
			}
			in = append(in, x)
		}
		out, err := p.Run(in)
		if err != nil {
			return
		}
		for i, o := range out {
			if typ := p.Outputs()[i].Type; !typ.Absent() &&
				(typ.DType != o.DType() || !(typ.Unranked || fits(o.Shape(), typ.Shape))) {
				t.Fatalf("output %d is %v and was announced as %v", i, onnxop.Of(o), typ)
			}
		}
	})
}

// zeros is a small tensor of the type, 2 for every open dimension, or nil.
func zeros(t onnxop.Type) *tensor.Tensor {
	shape := make([]int, len(t.Shape))
	for i, d := range t.Shape {
		if shape[i] = d; d < 0 {
			shape[i] = 2
		}
	}
	n := onnxop.Type{DType: t.DType, Shape: shape}.Elements()
	if n < 0 || n > 1<<16 {
		return nil
	}
	var x *tensor.Tensor
	switch t.DType {
	case tensor.Float32, 0:
		x, _ = tensor.FromFloat32(shape, make([]float32, n))
	case tensor.Int64:
		x, _ = tensor.FromInt64(shape, make([]int64, n))
	case tensor.Bool:
		x, _ = tensor.FromBool(shape, make([]bool, n))
	}
	return x
}

// seedModels are small models that between them touch every way of compiling.
func seedModels(f testing.TB) []*onnx.ModelProto {
	x := must(tensor.FromFloat32([]int{2, 2}, []float32{1, 2, 3, 4}))
	k := onnx.AttrInts("value_ints", 4, 1)
	groups := [][]*onnx.NodeProto{
		{nodeOf("y = Gemm a a"), nodeOf("z = Relu y")},
		{nodeOf("k = Constant", k), nodeOf("y = Reshape a k"), nodeOf("z = Transpose y")},
		{nodeOf("k = Shape a"), nodeOf("y = ConstantOfShape k"), nodeOf("z = Sum y a y")},
		{nodeOf("k = Constant", k), nodeOf("z = Slice a k k k")},
		{nodeOf("l = ArgMax a", onnx.AttrInt("keepdims", 0)), nodeOf("z y = SoftmaxCrossEntropyLoss a l"),
			nodeOf("p = Softmax a")},
		{nodeOf("k = Constant", k), nodeOf("y = ReduceSum a k"), nodeOf("z = Expand y k")},
		{nodeOf("i = Cast a", onnx.AttrInt("to", 7)), nodeOf("y = Gather a i"),
			nodeOf("z = Concat y y", onnx.AttrInt("axis", 1))},
		{nodeOf("k = Constant", onnx.AttrInts("value_ints", 1)), nodeOf("y p = TopK a k"),
			nodeOf("z = ScatterElements a p y",
				onnx.AttrString("reduction", "add"))},
		{nodeOf("i = Cast a", onnx.AttrInt("to", 7)), nodeOf("y = GatherND a i"),
			nodeOf("h = Cast y", onnx.AttrInt("to", 10)),
			nodeOf("z = Erf h")},
		{nodeOf("k = Constant", onnx.AttrInts("value_ints", 1, 2)), nodeOf("y = Tile a k"), nodeOf("w = Trilu y"),
			nodeOf("z = Det w")},
		{nodeOf("k = Constant", onnx.AttrInt("value_int", 1)), nodeOf("y = CumSum a k"), nodeOf("c = NonZero k"),
			nodeOf("e = Range k k k"), nodeOf("z = ReverseSequence y e")},
		{nodeOf("z k l m = Unique a", onnx.AttrInt("axis", -1), onnx.AttrInt("sorted", 0))},
		{nodeOf("k = Constant", onnx.AttrInts("value_ints", 1, 1, 4)), nodeOf("x = Reshape a k"),
			nodeOf("s = Constant", onnx.AttrFloats("value_floats", 1)), nodeOf("y = Reshape s t"),
			nodeOf("t = Constant", onnx.AttrInts("value_ints", 1, 1, 1)),
			nodeOf("n = Constant", onnx.AttrInt("value_int", 3)), nodeOf("z = NonMaxSuppression x y n")},
		{nodeOf("b = Less a a"), nodeOf("y = Where b a a"), nodeOf("z = Unsqueeze y", onnx.AttrInts("axes", 0))},
		{nodeOf("i = Cast a", onnx.AttrInt("to", 7)), nodeOf("y = Div i i"), nodeOf("z = OneHot y y a")},
		{nodeOf("k = Constant", onnx.AttrInts("value_ints", 1, 1, 4)), nodeOf("x = Reshape a k"),
			nodeOf("y = Conv x x", onnx.AttrInts("pads", 1, 2), onnx.AttrInts("dilations", 1)),
			nodeOf("z = ConvTranspose y x", onnx.AttrInts("strides", 2), onnx.AttrInts("output_padding", 1))},
		{nodeOf("k = Constant", onnx.AttrInts("value_ints", 2, 1, 1, 2)), nodeOf("x = Reshape a k"),
			nodeOf("y p = MaxPool x", onnx.AttrInts("kernel_shape", 1, 2), onnx.AttrInt("ceil_mode", 1)),
			nodeOf("s = Shape x"), nodeOf("z = ScatterAdd y p s")},
		{nodeOf("k = Constant", onnx.AttrInts("value_ints", 1, 1, 2, 2)), nodeOf("x = Reshape a k"),
			nodeOf("y = AveragePool x", onnx.AttrInts("kernel_shape", 2, 2), onnx.AttrString("auto_pad", "SAME_LOWER")),
			nodeOf("s = Shape x"), nodeOf("z = PoolGradient y s", onnx.AttrInts("kernel_shape", 1, 1),
				onnx.AttrInt("divide", 1))},
		{nodeOf("k = Constant", onnx.AttrInts("value_ints", 1, 2, 2)), nodeOf("x = Reshape a k"),
			nodeOf("z = ConvWeights x x", onnx.AttrInts("kernel_shape", 1), onnx.AttrInt("group", 2))},
	}
	models := []*onnx.ModelProto{{IrVersion: 8, Graph: mlpStep(f, -1)}}
	for i, g := range groups {
		models = append(models, &onnx.ModelProto{IrVersion: 8, Graph: graphOf(g, []string{"a"}, []*tensor.Tensor{x},
			[]string{"z"}, i%2 == 0)})
	}
	return models
}
