package onnxop

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

var kernelShape = required("kernel_shape", onnx.AttributeProto_INTS)

// poolOps take one number of what a window covers in each channel, and what their gradients need.
var poolOps = []Op{
	{Name: "MaxPool", In: one, Out: Arity{1, 2}, Types: []tensor.DType{tensor.Float32, tensor.Float64, tensor.Uint8,
		tensor.Int8}, rule: maxPool,
		Attrs: windowAttrs(kernelShape, intAttr("ceil_mode", 0), intAttr("storage_order", 0))},
	{Name: "AveragePool", In: one, Out: one, Types: floats, rule: pool,
		Attrs: windowAttrs(kernelShape, intAttr("ceil_mode", 0), intAttr("count_include_pad", 0))},
	// SumPool is AveragePool without the division.
	{Domain: Own, Name: "SumPool", In: one, Out: one, Types: floats, rule: pool,
		Attrs: windowAttrs(kernelShape, intAttr("ceil_mode", 0))},
	// PoolGradient gives an image of the shape that the second input lists, of which each window has got what it gave:
	// as SumPool, and with divide as AveragePool.
	{Domain: Own, Name: "PoolGradient", In: two, Out: one, Types: floats, Decides: []int{1}, rule: poolGradient,
		Attrs: windowAttrs(kernelShape, intAttr("ceil_mode", 0), intAttr("count_include_pad", 0),
			intAttr("divide", 0))},
	// ScatterAdd gives a tensor of the shape that the third input lists: the sum of the elements of the first one at
	// each of the places that the second one says, counted in row-major order; what says -1 goes nowhere.
	{Domain: Own, Name: "ScatterAdd", In: Arity{3, 3}, Out: one, Types: floats, Decides: []int{2}, rule: scatterAdd},
}

func pool(c *call) error {
	win, err := c.window()
	if err != nil || win == nil {
		return c.unranked(err)
	}
	in := c.in[0]
	return c.give(Type{DType: in.DType, Shape: slices.Concat(in.Shape[:2], win.Small)})
}

func maxPool(c *call) error {
	if o := c.int("storage_order"); o != 0 && o != 1 {
		return c.fail("storage_order is %d; want 0 or 1", o)
	}
	if err := pool(c); err != nil {
		return err
	}
	t := c.out[0]
	t.DType = tensor.Int64
	c.out = append(c.out, t)
	return nil
}

// shapeFrom returns what an input that lists a shape says of a tensor of that element type.
func (c *call) shapeFrom(i int, d tensor.DType) (Type, error) {
	if err := c.indices(i); err != nil {
		return Type{}, err
	}
	t := c.in[i]
	switch {
	case t.Value != nil:
		shape, err := c.shapeValue(t.Value)
		return Type{DType: d, Shape: shape}, err
	case t.Rank() == 1 && t.Shape[0] >= 0 && t.Shape[0] <= tensor.MaxRank:
		return Type{DType: d, Shape: unknown(t.Shape[0])}, nil
	}
	return Type{DType: d, Unranked: true}, nil
}

func poolGradient(c *call) error {
	out, err := c.shapeFrom(1, c.in[0].DType)
	if err != nil {
		return err
	}
	pooled := &call{node: c.node, op: c.op, in: []Type{out}}
	win, err := pooled.window()
	if err != nil {
		return err
	}
	if d := c.in[0]; win != nil && !d.Unranked && !fitsShape(d.Shape, slices.Concat(out.Shape[:2], win.Small)) {
		return c.fail("the gradient of the result is %v; want %v", d, slices.Concat(out.Shape[:2], win.Small))
	}
	return c.give(out)
}

func scatterAdd(c *call) error {
	x, at := c.in[0], c.in[1]
	if at.DType != tensor.Int64 {
		return c.fail("the places are %v; want int64", at)
	}
	if !x.Unranked && !at.Unranked && !fitsShape(x.Shape, at.Shape) {
		return c.fail("there are %v and places %v; want one place for each", x, at)
	}
	out, err := c.shapeFrom(2, x.DType)
	if err != nil {
		return err
	}
	return c.give(out)
}
