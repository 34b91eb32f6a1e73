package gradient

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// poolRules: an average gives back equal parts, the greatest element gets all.
var poolRules = map[string]rule{
	"AveragePool":  pooled("PoolGradient", onnx.AttrInt("divide", 1)),
	"MaxPool":      maxPool,
	"PoolGradient": poolGradient,
	"ScatterAdd":   scatterAdd,
	"SumPool":      pooled("PoolGradient", onnx.AttrInt("divide", 0)),
}

// without are the attributes of the node but for some, and more.
func (c *call) without(names []string, more ...*onnx.AttributeProto) []*onnx.AttributeProto {
	attrs := slices.DeleteFunc(slices.Clone(c.node.GetAttribute()), func(a *onnx.AttributeProto) bool {
		return slices.Contains(names, a.GetName())
	})
	return append(attrs, more...)
}

// pooled gives what came to each window to the elements that it covers.
func pooled(op string, more ...*onnx.AttributeProto) rule {
	return func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		x := c.in[0]
		return []string{e.reshape(e.with(op, []string{c.d[0], e.shape(x)}, c.without(nil, more...)...), x)}, e.err
	}
}

func poolGradient(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	if onnxop.Int(c.node, "divide") != 0 {
		return []string{e.reshape(e.with("AveragePool", c.d[:1], c.without([]string{"divide"})...), c.in[0]), ""}, e.err
	}
	return []string{e.reshape(e.with("SumPool", c.d[:1], c.without([]string{"divide", "count_include_pad"})...),
		c.in[0]),
		""}, e.err
}

// maxPool gives what came to each window to the element that was its greatest, the first of several.
func maxPool(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	if c.d[0] == "" {
		return make([]string, 1), nil
	}
	at := ""
	if len(c.out) > 1 && onnxop.Int(c.node, "storage_order") == 0 {
		at = c.out[1]
	}
	if at == "" {
		outs, err := c.Emit("MaxPool", c.in, 2, c.without([]string{"storage_order"})...)
		if err != nil {
			return nil, err
		}
		at = outs[1]
	}
	return []string{e.reshape(e.op("ScatterAdd", c.d[0], at, e.shape(c.in[0])), c.in[0])}, e.err
}

// scatterAdd takes what came to the place of each element.
func scatterAdd(c *call) ([]string, error) {
	e := &chain{b: c.builder}
	at := c.in[1]
	taken := e.op("Gather", e.op("Reshape", c.d[0], e.ints(-1)), at)
	nowhere, err := tensor.FromInt64([]int{}, []int64{0})
	taken = e.op("Where", e.op("Less", at, e.constant(nowhere, err)), e.number(c.d[0], 0), taken)
	return []string{e.reshape(taken, c.in[0]), "", ""}, e.err
}
