package model

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// The versions that MLP writes: operator set 17 and the file format that came with it.
const (
	opset     = 17
	irVersion = 8
)

// The bounds of MLP.
const (
	layersMax = 64
	widthMax  = 1 << 16
)

// MLP returns a multi-layer perceptron: widths are the inputs, the hidden layers and the classes, so that MLP(64, 32,
// 10) has one hidden layer of 32. Between layers stands a Relu; the result is logits. The input is "x", float32 [batch,
// inputs]; the output is "logits", float32 [batch, classes]; layer n, from 1, has the parameters "dense<n>.weight" [in,
// out] and "dense<n>.bias" [out], which are zero until they are drawn.
func MLP(widths ...int) (*Graph, error) { return scaledMLP(nil, nil, widths...) }

// scaledMLP is an MLP that takes its inputs as they are measured: each less its shift and divided by its divisor,
// before the first layer. Both have one number for each input, or none.
func scaledMLP(shift, divide []float32, widths ...int) (*Graph, error) {
	if len(widths) < 2 || len(widths) > layersMax+1 {
		return nil, fmt.Errorf("model: an MLP of %d widths; want inputs, up to %d hidden layers, and classes",
			len(widths), layersMax-1)
	}
	for _, w := range widths {
		if w < 1 || w > widthMax {
			return nil, fmt.Errorf("model: an MLP with a width of %d; want 1 to %d", w, widthMax)
		}
	}
	g := &onnx.GraphProto{Name: "mlp"}
	value := "x"
	if len(shift) != len(divide) || len(divide) > 0 && len(divide) != widths[0] {
		return nil, fmt.Errorf("model: an MLP of %d inputs with %d shifts and %d divisors; want one for each, or none",
			widths[0], len(shift), len(divide))
	}
	for _, by := range []struct {
		op, name string
		numbers  []float32
	}{{"Sub", "shift", shift}, {"Div", "divide", divide}} {
		if len(by.numbers) == 0 {
			continue
		}
		t, err := tensor.FromFloat32([]int{len(by.numbers)}, by.numbers)
		if err != nil {
			return nil, err
		}
		scaled := "x." + by.name
		g.Node = append(g.Node, onnx.Node("", "Constant", by.name, nil, []string{by.name},
			onnx.AttrTensor("value", t.Proto(""))),
			onnx.Node("", by.op, scaled, []string{value, by.name}, []string{scaled}))
		value = scaled
	}
	for i := range len(widths) - 1 {
		layer, last := fmt.Sprintf("dense%d", i+1), i == len(widths)-2
		sum := layer + ".sum"
		if last {
			sum = "logits"
		}
		for _, p := range []struct {
			name  string
			shape []int
		}{{layer + ".weight", widths[i : i+2]}, {layer + ".bias", widths[i+1 : i+2]}} {
			n := int64(1)
			for _, d := range p.shape {
				n *= int64(d)
			}
			if n > elementsMax {
				return nil, fmt.Errorf("model: %s has %d elements, at most %d are allowed", p.name, n, elementsMax)
			}
			t := &onnx.TensorProto{Name: p.name, DataType: int32(tensor.Float32)}
			for _, d := range p.shape {
				t.Dims = append(t.Dims, int64(d))
			}
			g.Initializer = append(g.Initializer, t)
		}
		g.Node = append(g.Node, onnx.Node("", "Gemm", layer, []string{value, layer + ".weight", layer + ".bias"},
			[]string{sum}))
		if !last {
			value = layer + ".out"
			g.Node = append(g.Node, onnx.Node("", "Relu", fmt.Sprintf("relu%d", i+1), []string{sum}, []string{value}))
		}
	}
	g.Input = []*onnx.ValueInfoProto{batched("x", widths[0])}
	g.Output = []*onnx.ValueInfoProto{batched("logits", widths[len(widths)-1])}
	return fromProto(&onnx.ModelProto{
		IrVersion: irVersion, ProducerName: Producer, Graph: g,
		OpsetImport: []*onnx.OperatorSetIdProto{{Version: opset}},
	}, true)
}

// batched declares a float32 value of any number of rows.
func batched(name string, width int) *onnx.ValueInfoProto {
	v := onnx.ValueInfo(name, tensor.Float32, -1, int64(width))
	v.Type.GetTensorType().Shape.Dim[0] = onnx.SymbolDim("batch")
	return v
}
