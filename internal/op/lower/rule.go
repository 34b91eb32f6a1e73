package lower

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op/emit"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
	"github.com/rhizome-ml/rhizome/tensor"
)

// rule is one compound operator. write writes it and returns the names of its outputs, "" for one that it need not give
// since the node does not ask for it. That write's chain holds an error is enough.
type rule struct {
	Domain, Name string
	In, Out      onnxop.Arity
	Attrs        []onnxop.Attr
	Types        []tensor.DType // what the first input may hold; any where there are none

	write func(c *call) ([]string, error)
}

// call is a node while its rule runs.
type call struct {
	*emit.Chain
	rule  *rule
	node  *onnx.NodeProto
	in    []string
	l     *lowering
	scope *scope // of the node, for its sub-graphs
}

var (
	one      = onnxop.Arity{Min: 1, Max: 1}
	two      = onnxop.Arity{Min: 2, Max: 2}
	variadic = onnxop.Arity{Min: 1, Max: onnxop.Many}

	// A rule of floats computes in float32 where it is given float16 or bfloat16.
	floats = []tensor.DType{tensor.Float32, tensor.Float64, float16, bfloat16}
)

const (
	float16  = tensor.DType(onnx.TensorProto_FLOAT16)
	bfloat16 = tensor.DType(onnx.TensorProto_BFLOAT16)
)

func upTo(least, most int) onnxop.Arity { return onnxop.Arity{Min: least, Max: most} }

func attr(name string, kind onnxop.Kind, def any) onnxop.Attr {
	return onnxop.Attr{Name: name, Kind: kind, Default: def}
}

func intAttr(name string, def int64) onnxop.Attr {
	return attr(name, onnx.AttributeProto_INT, def)
}

func floatAttr(name string, def float32) onnxop.Attr {
	return attr(name, onnx.AttributeProto_FLOAT, def)
}

func stringAttr(name, def string) onnxop.Attr {
	return attr(name, onnx.AttributeProto_STRING, def)
}

// fail returns the error that the node cannot be written.
func (c *call) fail(format string, args ...any) error { return fail(c.node, format, args...) }

// check compares counts, attributes and element types with the rule's declaration.
func (c *call) check() error {
	r := c.rule
	if n := len(c.in); n < r.In.Min || n > r.In.Max {
		return c.fail("has %d inputs; want %d to %d", n, r.In.Min, r.In.Max)
	}
	if n := len(c.node.GetOutput()); n < r.Out.Min || n > r.Out.Max {
		return c.fail("has %d outputs; want %d to %d", n, r.Out.Min, r.Out.Max)
	}
	for i := range r.In.Min {
		if c.in[i] == "" {
			return c.fail("input %d is required and not given", i)
		}
	}
	if len(c.in) > 0 && len(r.Types) > 0 && c.in[0] != "" && !slices.Contains(r.Types, c.typ(0).DType) {
		return c.fail("input 0 is %v; want an element type of %v", c.typ(0), r.Types)
	}
	return c.checkAttrs()
}

func (c *call) checkAttrs() error {
	seen := map[string]bool{}
	for _, a := range c.node.GetAttribute() {
		name := a.GetName()
		i := slices.IndexFunc(c.rule.Attrs, func(d onnxop.Attr) bool { return d.Name == name })
		switch {
		case i < 0:
			return c.fail("attribute %q is unknown", name)
		case seen[name]:
			return c.fail("attribute %q stands twice", name)
		case a.GetRefAttrName() != "":
			return c.fail("attribute %q refers to %q of a function; want it replaced by its value", name,
				a.GetRefAttrName())
		case a.GetType() != c.rule.Attrs[i].Kind:
			return c.fail("attribute %q is of type %v; want %v", name, a.GetType(), c.rule.Attrs[i].Kind)
		}
		seen[name] = true
	}
	for _, d := range c.rule.Attrs {
		if d.Required && !seen[d.Name] {
			return c.fail("attribute %q is required", d.Name)
		}
	}
	return nil
}

// at returns input i, "" where it is not given.
func (c *call) at(i int) string {
	if i < len(c.in) {
		return c.in[i]
	}
	return ""
}

// typ returns the type of input i, the zero Type where it is not given.
func (c *call) typ(i int) onnxop.Type {
	if v := c.at(i); v != "" {
		return c.Types[v]
	}
	return onnxop.Type{}
}

// wants says whether the node asks for output i.
func (c *call) wants(i int) bool { return i < len(c.node.GetOutput()) && c.node.GetOutput()[i] != "" }

// static returns the shape of input i, of which every dimension has to be known.
func (c *call) static(i int) ([]int, error) {
	t := c.typ(i)
	if !t.Static() {
		return nil, c.fail("input %d is %v; want every dimension known", i, t)
	}
	return t.Shape, nil
}

// known returns the value of input i, which has to be a constant; nil where it is not given.
func (c *call) known(i int) (*tensor.Tensor, error) {
	t := c.typ(i)
	if !t.Absent() && t.Value == nil {
		return nil, c.fail("input %d is known in the run only; want a constant", i)
	}
	return t.Value, nil
}

func (c *call) fallback(name string) any {
	for _, d := range c.rule.Attrs {
		if d.Name == name {
			return d.Default
		}
	}
	return nil
}

// int returns an integer attribute, or its default, or 0.
func (c *call) int(name string) int64 {
	if v, ok := onnx.GetInt(c.node, name); ok {
		return v
	}
	v, _ := c.fallback(name).(int64)
	return v
}

// float returns a float attribute, or its default, or 0.
func (c *call) float(name string) float64 {
	if v, ok := onnx.GetFloat(c.node, name); ok {
		return float64(v)
	}
	v, _ := c.fallback(name).(float32)
	return float64(v)
}

// string returns a string attribute, or its default, or "".
func (c *call) string(name string) string {
	if v, ok := onnx.GetString(c.node, name); ok {
		return v
	}
	v, _ := c.fallback(name).(string)
	return v
}

// single is the rule of one result.
func single(f func(c *call, x string) string) func(*call) ([]string, error) {
	return func(c *call) ([]string, error) { return []string{f(c, c.in[0])}, nil }
}
