package onnxop

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Uniform is the one operator of Own that authors name: it makes numbers from 0 up to below 1, each a multiple of
// 2^-24, of a key. Equal keys and places give equal numbers, on every machine.
const Uniform = "Uniform"

// randomOps make chance of numbers that are given: nothing here has a source of its own.
var randomOps = []Op{
	{Domain: Own, Name: Uniform, In: one, Out: one, Types: int64s, rule: uniform,
		Attrs: []Attr{required("shape", onnx.AttributeProto_INTS), intAttr("place", 0)}},
}

func uniform(c *call) error {
	if t := c.in[0]; !t.Unranked && t.Elements() >= 0 && t.Elements() != 1 {
		return c.fail("the key is %v; want one number", t)
	}
	if p := c.int("place"); p < 0 || p > 1<<31-1 {
		return c.fail("place is %d; want 0 to 2^31 - 1", p)
	}
	dims, _ := onnx.GetInts(c.node, "shape")
	shape := make([]int, len(dims))
	for i, d := range dims {
		if d < 0 || d > ElementsMax {
			return c.fail("shape is %v; want dimensions of at most %d", dims, ElementsMax)
		}
		shape[i] = int(d)
	}
	return c.give(Type{DType: tensor.Float32, Shape: shape})
}
