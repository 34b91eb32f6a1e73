package lower

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// partRules pass values on: a part of one, one in another type, one as it is.
var partRules = []rule{
	{Name: "CastLike", In: two, Out: one, Attrs: []onnxop.Attr{intAttr("saturate", 1), stringAttr("round_mode", "up")},
		write: castLike},
	{Name: "Dropout", In: upTo(1, 3), Out: upTo(1, 2), Attrs: []onnxop.Attr{
		{Name: "seed", Kind: onnx.AttributeProto_INT}}, write: dropout},
	{Name: "Split", In: upTo(1, 2), Out: variadic, Attrs: []onnxop.Attr{intAttr("axis", 0), intAttr("num_outputs", 0)},
		write: split},
}

func castLike(c *call) ([]string, error) {
	return []string{c.With("Cast", c.in[:1], onnx.AttrInt("to", int64(c.typ(1).DType)))}, nil
}

// dropout drops nothing: it is what inference makes of it. Nothing here could draw another mask for each step, and one
// mask for all of them would be another network. A node that asks for a certain mask, by a seed and training, or may
// ask for one in the run, is refused.
func dropout(c *call) ([]string, error) {
	if t := c.typ(2); !t.Absent() {
		if t.DType != tensor.Bool {
			return nil, c.fail("training_mode is %v; want bool", t)
		}
		if t.Value == nil {
			return nil, c.fail("training_mode is known in the run only; want a constant: nothing is dropped, by " +
				"none of both")
		}
		if _, seed := onnx.GetInt(c.node, "seed"); seed && t.Value.Len() == 1 && t.Value.Bool()[0] {
			return nil, c.fail("it draws by a seed while it trains; want no seed, for which nothing is dropped")
		}
	}
	out := []string{c.in[0], ""}
	if c.wants(1) {
		shape, err := c.static(0)
		if err != nil {
			return nil, err
		}
		list := make([]int64, len(shape))
		for i, d := range shape {
			list[i] = int64(d)
		}
		yes, err := tensor.FromBool([]int{1}, []bool{true})
		if err != nil {
			return nil, err
		}
		out[1] = c.With("ConstantOfShape", []string{c.Ints(list...)}, onnx.AttrTensor("value", yes.Proto("")))
	}
	return out, nil
}

// split cuts along an axis: into parts of given lengths, or into as many as there are outputs, the last of which may be
// shorter.
func split(c *call) ([]string, error) {
	t, n := c.typ(0), len(c.node.GetOutput())
	axis, err := onnxop.Axis(c.int("axis"), max(t.Rank(), 0))
	if err != nil {
		return nil, c.fail("%v of %v", err, t)
	}
	whole := t.Shape[axis]
	if whole < 0 {
		return nil, c.fail("dimension %d of %v is not known; want it known", axis, t)
	}
	lengths, err := c.known(1)
	if err != nil {
		return nil, err
	}
	if parts := c.int("num_outputs"); parts != 0 && (parts != int64(n) || lengths != nil) {
		return nil, c.fail("num_outputs is %d and there are %d outputs; want as many, or split, and not both", parts, n)
	}
	if lengths != nil && (lengths.DType() != tensor.Int64 || lengths.Len() != n) {
		return nil, c.fail("split is %v; want the lengths of %d outputs in int64", c.typ(1), n)
	}
	out := make([]string, n)
	from := 0
	for i := range out {
		length := int64(min((whole+n-1)/n, whole-from))
		if lengths != nil {
			length = lengths.Int64()[i]
		}
		if length < 0 || length > int64(whole-from) {
			return nil, c.fail("the lengths do not add up to the %d of dimension %d", whole, axis)
		}
		if c.wants(i) {
			out[i] = c.Sliced(c.in[0], axis, from, from+int(length))
		}
		from += int(length)
	}
	if from != whole {
		return nil, c.fail("the lengths add up to %d; want the %d of dimension %d", from, whole, axis)
	}
	return out, nil
}
