package gradient

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// convRules: a convolution is linear in its input and in its weights, and so are both of its gradients, which are each
// other's.
var convRules = map[string]rule{
	"Conv": convolved(func(v *convolution, x, w, d string) []string {
		return []string{v.spread(d, w), v.weights(x, d)}
	}),
	"ConvTranspose": convolved(func(v *convolution, x, w, d string) []string {
		return []string{v.gather(d, w), v.weights(d, x)}
	}),
	"ConvWeights": convolved(func(v *convolution, x, y, d string) []string {
		return []string{v.spread(y, d), v.gather(x, d)}
	}),
}

// convolution writes the products that belong to the window of a node.
type convolution struct {
	*chain
	c *call
	w *onnxop.Window
}

// convolved is the rule of a node with a window, whose first two inputs are multiplied and whose third is a bias.
func convolved(f func(v *convolution, a, b, d string) []string) rule {
	return func(c *call) ([]string, error) {
		types := make([]onnxop.Type, len(c.in))
		for i, in := range c.in {
			types[i] = c.types[in]
		}
		w, err := onnxop.WindowOf(c.node, types)
		if err != nil {
			return nil, err
		}
		if w == nil || slices.Contains(w.Kernel, -1) || slices.Contains(w.Begin, -1) {
			return nil, c.fail("the extent of its window or of what it reads is not known; want it known")
		}
		v := &convolution{chain: &chain{b: c.builder}, c: c, w: w}
		grads := make([]string, len(c.in))
		for i, g := range f(v, c.in[0], c.in[1], c.d[0]) {
			if c.wants[i] {
				grads[i] = v.reshape(g, c.in[i])
			}
		}
		if len(c.in) > 2 && c.wants[2] {
			axes := []int64{0}
			for i := range w.Kernel {
				axes = append(axes, int64(i+2))
			}
			grads[2] = v.reshape(v.with("ReduceSum", []string{c.d[0], v.ints(axes...)}, onnx.AttrInt("keepdims", 0)),
				c.in[2])
		}
		return grads, v.err
	}
}

// attrs are the attributes of an operator of the window with that padding at the end.
func (v *convolution) attrs(end []int, more ...*onnx.AttributeProto) []*onnx.AttributeProto {
	return append(more, onnx.AttrInts("strides", wide(v.w.Stride)...),
		onnx.AttrInts("dilations", wide(v.w.Dilation)...),
		onnx.AttrInts("pads", wide(slices.Concat(v.w.Begin, end))...),
		onnx.AttrInt("group", onnxop.Int(v.c.node, "group")))
}

func wide(v []int) []int64 {
	out := make([]int64, len(v))
	for i, n := range v {
		out[i] = int64(n)
	}
	return out
}

// cover is how many elements a window covers along a dimension.
func (v *convolution) cover(i int) int { return (v.w.Kernel[i]-1)*v.w.Dilation[i] + 1 }

// large returns a value of the larger side and the padding at its end with which the smaller side comes out of it. A
// transposed convolution may have made more of the larger side than its windows cover.
func (v *convolution) large(x string) (string, []int) {
	end := slices.Clone(v.w.End)
	if v.c.node.GetOpType() != "ConvTranspose" {
		return x, end
	}
	for i, s := range v.w.Small {
		if s < 0 || v.w.Large[i] < 0 {
			_, more := onnx.GetInts(v.c.node, "output_padding")
			if more || end[i] < 0 {
				v.err = v.c.fail("a dimension of what it reads is not known; want it known")
			}
			continue
		}
		end[i] = v.w.Stride[i]*(s-1) + v.cover(i) - v.w.Large[i] - v.w.Begin[i]
		if -end[i] >= v.w.Stride[i] {
			keep := int64(v.w.Large[i] + end[i])
			x = v.op("Slice", x, v.ints(0), v.ints(keep), v.ints(int64(i+2)))
		}
		end[i] = max(end[i], 0)
	}
	return x, end
}

// gather is the smaller side of the larger one and weights.
func (v *convolution) gather(x, w string) string {
	x, end := v.large(x)
	if v.err != nil {
		return ""
	}
	return v.with("Conv", []string{x, w}, v.attrs(end)...)
}

// weights are the weights that join a larger side with a smaller one.
func (v *convolution) weights(x, y string) string {
	x, end := v.large(x)
	if v.err != nil {
		return ""
	}
	return v.with("ConvWeights", []string{x, y}, v.attrs(end, onnx.AttrInts("kernel_shape", wide(v.w.Kernel)...))...)
}

// spread is the larger side of the smaller one and weights.
func (v *convolution) spread(y, w string) string {
	end, more := slices.Clone(v.w.End), make([]int, len(v.w.End))
	for i, s := range v.w.Small {
		large := v.w.Large[i]
		if s < 0 || large < 0 {
			if v.w.Stride[i] != 1 || end[i] < 0 {
				v.err = v.c.fail("a dimension of what it reads is not known and its stride is %d; want it known",
					v.w.Stride[i])
				return ""
			}
			continue
		}
		whole := v.w.Stride[i]*(s-1) + v.cover(i) - v.w.Begin[i]
		end[i], more[i] = max(whole-large, 0), max(large-whole, 0)
	}
	return v.with("ConvTranspose", []string{y, w}, v.attrs(end, onnx.AttrInts("output_padding", wide(more)...))...)
}
