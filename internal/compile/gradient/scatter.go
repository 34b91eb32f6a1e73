package gradient

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/emit"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// scatterRules put a gradient where elements were taken from, and take it from where they were put.
var scatterRules = map[string]rule{
	"GatherElements": func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		return []string{e.added("ScatterElements", c, c.in[1], c.d[0])}, e.err
	},
	"GatherND": func(c *call) ([]string, error) {
		if n := onnxop.Int(c.node, "batch_dims"); n != 0 {
			return nil, c.fail("batch_dims is %d; want 0 to differentiate", n)
		}
		e := &chain{b: c.builder}
		return []string{e.added("ScatterND", c, c.in[1], c.d[0])}, e.err
	},
	"ScatterElements": scattered("GatherElements"),
	"ScatterND":       scattered("GatherND"),
	"TopK": func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		at := ""
		if len(c.out) > 1 {
			at = c.out[1]
		}
		if at == "" { // the node does not tell the places
			cc := &emit.Chain{Builder: e.b.Builder}
			at = cc.Many("TopK", c.in, 2, c.node.GetAttribute()...)[1]
			e.err = cc.Err
		}
		if c.d[0] == "" {
			return nil, e.err
		}
		return []string{e.added("ScatterElements", c, at, c.d[0])}, e.err
	},
}

// added puts d at the places of zeros that indices name; where several name one place it is the sum, in their order.
func (e *chain) added(op string, c *call, index, d string) string {
	x := c.in[0]
	attrs := []*onnx.AttributeProto{onnx.AttrString("reduction", "add")}
	if op == "ScatterElements" {
		attrs = append(attrs, onnx.AttrInt("axis", onnxop.Int(c.node, "axis")))
	}
	return e.with(op, []string{e.zeros(e.b.types[x].DType, e.shape(x)), index, d}, attrs...)
}

// scattered is the rule of a scatter; gather is its counterpart. Of several updates of one place without a reduction,
// which the standard leaves open, each gets the gradient.
func scattered(gather string) rule {
	return func(c *call) ([]string, error) {
		e := &chain{b: c.builder}
		var attrs []*onnx.AttributeProto
		if gather == "GatherElements" {
			attrs = append(attrs, onnx.AttrInt("axis", onnxop.Int(c.node, "axis")))
		}
		grads := []string{c.d[0], "", ""}
		switch r := onnxop.String(c.node, "reduction"); r {
		case "add":
		case "none":
			if c.wants[0] {
				u := c.in[2]
				grads[0] = e.with(c.node.GetOpType(),
					[]string{c.d[0], c.in[1], e.zeros(c.types[u].DType, e.shape(u))}, attrs...)
			}
		default:
			return nil, c.fail("reduction is %q; want none or add to differentiate", r)
		}
		if c.wants[2] {
			grads[2] = e.with(gather, []string{c.d[0], c.in[1]}, attrs...)
		}
		return grads, e.err
	}
}

// scatter is the gradient by x of what was gathered of it along an axis: zeros to which each part of d is added at its
// index, in the order of the indices.
func (e *chain) scatter(d, x, index string, axis int64) string {
	if e.err != nil {
		return ""
	}
	if e.b.types[index].DType != tensor.Int64 {
		index = e.with("Cast", []string{index}, onnx.AttrInt("to", int64(tensor.Int64)))
	}
	rank := int64(e.b.types[x].Rank())
	column := e.op("Reshape", index, e.ints(-1, 1))
	length, inner := e.op("Shape", e.op("Reshape", index, e.ints(-1))), e.count(x, axis+1, rank)
	add := onnx.AttrString("reduction", "add")
	dtype := e.b.types[x].DType
	if axis == 0 {
		d = e.with("Reshape", []string{d, e.joined(length, inner)}, onnx.AttrInt("allowzero", 1))
		zeros := e.zeros(dtype, e.joined(e.dim(x, 0), inner))
		return e.reshape(e.with("ScatterND", []string{zeros, column, d}, add), x)
	}
	outer := e.count(x, 0, axis)
	turn := onnx.AttrInts("perm", 1, 0, 2)
	d = e.with("Reshape", []string{d, e.joined(outer, length, inner)}, onnx.AttrInt("allowzero", 1))
	d = e.with("Transpose", []string{d}, turn)
	zeros := e.zeros(dtype, e.joined(e.dim(x, axis), outer, inner))
	return e.reshape(e.with("Transpose", []string{e.with("ScatterND", []string{zeros, column, d}, add)}, turn), x)
}
