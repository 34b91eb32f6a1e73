package logistic

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// What the file of a model says of itself: opset 13 has all that it needs.
const (
	irVersion = 8
	opset     = 13
)

// File returns a model of weights and a bias behind them as an ONNX file: x, rows of float32 features as the data set
// has them, divided by its scale already, gives y, the probability of the second class. Errors are of a model without
// weights.
func File(w []float32) ([]byte, error) {
	if len(w) < 2 {
		return nil, fmt.Errorf("logistic: a model of %d parameters; want a weight or more and a bias", len(w))
	}
	n := len(w) - 1
	weights, err := tensor.FromFloat32([]int{n, 1}, w[:n])
	if err != nil {
		return nil, err
	}
	bias, err := tensor.FromFloat32([]int{1}, w[n:])
	if err != nil {
		return nil, err
	}
	rows := func(name string, width int64) *onnx.ValueInfoProto {
		v := onnx.ValueInfo(name, tensor.Float32, -1, width)
		v.Type.GetTensorType().Shape.Dim[0] = onnx.SymbolDim("batch")
		return v
	}
	return onnx.Marshal(&onnx.ModelProto{
		IrVersion: irVersion, ProducerName: "rhizome", OpsetImport: []*onnx.OperatorSetIdProto{{Version: opset}},
		Graph: &onnx.GraphProto{
			Name: "logistic",
			Node: []*onnx.NodeProto{
				onnx.Node("", "Gemm", "score", []string{"x", "weights", "bias"}, []string{"score"}),
				onnx.Node("", "Sigmoid", "probability", []string{"score"}, []string{"y"}),
			},
			Initializer: []*onnx.TensorProto{weights.Proto("weights"), bias.Proto("bias")},
			Input:       []*onnx.ValueInfoProto{rows("x", int64(n))},
			Output:      []*onnx.ValueInfoProto{rows("y", 1)},
		},
	})
}
