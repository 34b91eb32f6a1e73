package onnxop

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// windowAttrs are the attributes that every window has, and more.
func windowAttrs(more ...Attr) []Attr {
	return append([]Attr{optional("strides", onnx.AttributeProto_INTS), optional("dilations", onnx.AttributeProto_INTS),
		optional("pads", onnx.AttributeProto_INTS), stringAttr("auto_pad", "NOTSET")}, more...)
}

// convOps are the convolutions, and what their gradients need. Tensors are images by channels by spatial dimensions.
var convOps = []Op{
	{Name: "Conv", In: Arity{2, 3}, Out: one, Types: floats, Same: true, rule: conv,
		Attrs: windowAttrs(optional("kernel_shape", onnx.AttributeProto_INTS), intAttr("group", 1))},
	{Name: "ConvTranspose", In: Arity{2, 3}, Out: one, Types: floats, Same: true, rule: convTranspose,
		Attrs: windowAttrs(optional("kernel_shape", onnx.AttributeProto_INTS), intAttr("group", 1),
			optional("output_padding", onnx.AttributeProto_INTS), optional("output_shape", onnx.AttributeProto_INTS))},
	// ConvWeights is the gradient of a Conv by its weights, of what it read and the gradient of its result.
	{Domain: Own, Name: "ConvWeights", In: two, Out: one, Types: floats, Same: true, rule: convWeights,
		Attrs: windowAttrs(required("kernel_shape", onnx.AttributeProto_INTS), intAttr("group", 1))},
}

// groups returns the attribute group.
func (c *call) groups() (int, error) {
	g := c.int("group")
	if g < 1 || g > ElementsMax {
		return 0, c.fail("group is %d; want 1 to %d", g, ElementsMax)
	}
	return int(g), nil
}

// bias checks the optional third input of a convolution.
func (c *call) bias(channels int) error {
	b := c.at(2)
	if b.Absent() || b.Unranked {
		return nil
	}
	if len(b.Shape) != 1 || !fits(b.Shape[0], channels) {
		return c.fail("the bias is %v; want [%d]", b, channels)
	}
	return nil
}

func conv(c *call) error {
	g, err := c.groups()
	if err != nil {
		return err
	}
	x, w := c.in[0], c.in[1]
	win, err := c.window()
	if err != nil || win == nil {
		return c.unranked(err)
	}
	channels, filters := x.Shape[1], -1
	if !w.Unranked {
		if filters = w.Shape[0]; filters >= 0 && filters%g != 0 {
			return c.fail("the weights are %v; want filters that are a multiple of group, %d", w, g)
		}
		if d := w.Shape[1]; channels >= 0 && d >= 0 && (channels%g != 0 || channels/g != d) {
			return c.fail(
				"the input is %v, the weights are %v and group is %d; want %d channels in a filter times group",
				x, w, g, channels)
		}
	}
	if err := c.bias(filters); err != nil {
		return err
	}
	return c.give(Type{DType: x.DType, Shape: slices.Concat([]int{x.Shape[0], filters}, win.Small)})
}

// unranked gives a tensor of which nothing but the element type is known, or the error.
func (c *call) unranked(err error) error {
	if err != nil {
		return err
	}
	return c.give(Type{DType: c.in[0].DType, Unranked: true})
}

func convTranspose(c *call) error {
	g, err := c.groups()
	if err != nil {
		return err
	}
	x, w := c.in[0], c.in[1]
	win, err := c.window()
	if err != nil || win == nil {
		return c.unranked(err)
	}
	channels := -1
	if !w.Unranked {
		if !fits(w.Shape[0], x.Shape[1]) {
			return c.fail("the input is %v and the weights are %v; want as many filters as channels", x, w)
		}
		if w.Shape[0] >= 0 && w.Shape[0]%g != 0 {
			return c.fail("the weights are %v; want filters that are a multiple of group, %d", w, g)
		}
		if d := w.Shape[1]; d >= 0 {
			if d > ElementsMax/g {
				return c.fail("the weights are %v and group is %d; want at most %d channels", w, g, ElementsMax)
			}
			channels = d * g
		}
	}
	if err := c.bias(channels); err != nil {
		return err
	}
	return c.give(Type{DType: x.DType, Shape: slices.Concat([]int{x.Shape[0], channels}, win.Large)})
}

func convWeights(c *call) error {
	g, err := c.groups()
	if err != nil {
		return err
	}
	x, y := c.in[0], c.in[1]
	win, err := c.window()
	if err != nil {
		return err
	}
	kernel, _ := onnx.GetInts(c.node, "kernel_shape")
	if win == nil || y.Unranked {
		return c.give(Type{DType: x.DType, Shape: unknown(len(kernel) + 2)})
	}
	if len(y.Shape) != len(x.Shape) || !fits(x.Shape[0], y.Shape[0]) {
		return c.fail("the input is %v and the gradient of the result is %v; want as many images and dimensions", x, y)
	}
	for i, d := range y.Shape[2:] {
		if !fits(d, win.Small[i]) {
			return c.fail("the gradient of the result is %v; want %v behind its channels", y, win.Small)
		}
	}
	filters, channels := y.Shape[1], x.Shape[1]
	if filters >= 0 && filters%g != 0 || channels >= 0 && channels%g != 0 {
		return c.fail("the input is %v and the gradient of the result is %v; want channels that are a multiple of "+
			"group, %d",
			x, y, g)
	}
	if channels >= 0 {
		channels /= g
	}
	return c.give(Type{DType: x.DType, Shape: slices.Concat([]int{filters, channels}, win.Kernel)})
}
