package op

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// Call is one use of an op while its types are inferred.
type Call struct {
	Node    *onnx.NodeProto // its attributes
	In      []types.Type    // by input; Any for one that is not connected
	Outs    int             // how many outputs it has
	Results [][]types.Type  // of each of its bodies, in the order of their attributes
}

// Rule says how output types follow from input types. A nil Infer takes them from the ports.
type Rule struct {
	Name  string // what the documentation calls it
	Infer func(d *Decl, c *Call) ([]types.Type, error)
}

// The type rules of the catalogue.
var (
	asPorts = Rule{Name: "as its ports say"}
	same    = Rule{"every value output is like the first input", func(d *Decl, c *Call) ([]types.Type, error) {
		out := d.portTypes(c.Outs)
		for i := range out {
			if out[i].Equal(types.Any()) {
				out[i] = c.In[0]
			}
		}
		return out, nil
	}}
	joined = Rule{"what all inputs have in common", func(_ *Decl, c *Call) ([]types.Type, error) {
		t := c.In[0]
		for _, u := range c.In[1:] {
			t = t.Join(u)
		}
		return []types.Type{t}, nil
	}}
	literal = Rule{"that of the value", func(_ *Decl, c *Call) ([]types.Type, error) {
		v, err := Literal(c.Node, value.DefaultLimits())
		if err != nil {
			return nil, err
		}
		return []types.Type{types.OfValue(v)}, nil
	}}
	bundled = Rule{"the list of the inputs", func(_ *Decl, c *Call) ([]types.Type, error) {
		return []types.Type{types.ListOf(c.In...)}, nil
	}}
	unbundled = Rule{"the items of the list", func(_ *Decl, c *Call) ([]types.Type, error) {
		if c.In[0].Sized && len(c.In[0].Items) != c.Outs {
			return nil, fmt.Errorf("has %d outputs for a list of %d items", c.Outs, len(c.In[0].Items))
		}
		out := make([]types.Type, c.Outs)
		for i := range out {
			out[i] = c.In[0].Item(i)
		}
		return out, nil
	}}
	carried = Rule{"each carried value, before and after", func(_ *Decl, c *Call) ([]types.Type, error) {
		if len(c.In)-1 != c.Outs {
			return nil, fmt.Errorf("has %d outputs for %d carried values", c.Outs, len(c.In)-1)
		}
		return joinResults(c, append([][]types.Type{c.In[1:]}, c.Results...))
	}}
	branched = Rule{"what the branches' results have in common", func(_ *Decl, c *Call) ([]types.Type, error) {
		return joinResults(c, c.Results)
	}}
	arrived = Rule{"the values as they were sent", func(d *Decl, c *Call) ([]types.Type, error) {
		out := d.portTypes(c.Outs)
		first := variadic(d.In)
		values := c.Outs - (len(d.Out) - 1)
		if len(c.In)-first != values {
			return nil, fmt.Errorf("sends %d values and has %d outputs for them", len(c.In)-first, values)
		}
		for i := range values {
			out[1+i] = c.In[first+i].Forget()
		}
		return out, nil
	}}
	gradient = Rule{"like the values it is taken by", func(_ *Decl, c *Call) ([]types.Type, error) {
		xs, _ := onnx.GetStrings(c.Node, "xs")
		if len(xs) != c.Outs || len(xs) > len(c.In) {
			return nil, fmt.Errorf("has %d outputs and %d inputs for %d values in xs", c.Outs, len(c.In), len(xs))
		}
		out := make([]types.Type, c.Outs)
		for i := range out {
			out[i] = c.In[i].Forget()
		}
		return out, nil
	}}
)

// joinResults returns, output by output, what all lists of types have in common.
func joinResults(c *Call, lists [][]types.Type) ([]types.Type, error) {
	out := make([]types.Type, c.Outs)
	for k, list := range lists {
		if len(list) != c.Outs {
			return nil, fmt.Errorf("a body gives %d results for %d outputs", len(list), c.Outs)
		}
		for i := range list {
			if k == 0 {
				out[i] = list[i].Forget()
			} else {
				out[i] = out[i].Join(list[i].Forget())
			}
		}
	}
	return out, nil
}

func (d *Decl) portTypes(n int) []types.Type {
	out := make([]types.Type, n)
	for i := range out {
		if p := d.OutPort(i, n); p != nil {
			out[i] = p.Type
		}
	}
	return out
}

// Infer checks the inputs of a call against the ports and returns the types of its outputs. The attributes must have
// been checked before.
func (d *Decl) Infer(c *Call) ([]types.Type, error) {
	if err := d.CheckCounts(len(c.In), c.Outs); err != nil {
		return nil, err
	}
	for i, t := range c.In {
		p := d.InPort(i, len(c.In))
		if !t.Fits(p.Type) && (p.Or.ID == "" || !t.Fits(p.Or)) {
			want := p.Type.String()
			if p.Or.ID != "" {
				want += " or " + p.Or.String()
			}
			return nil, fmt.Errorf("input %d (%s) is a %v; want %s", i, p.Name, t, want)
		}
	}
	out := d.portTypes(c.Outs)
	if d.Rule.Infer != nil {
		var err error
		if out, err = d.Rule.Infer(d, c); err != nil {
			return nil, err
		}
	}
	return narrow(c.Node, out)
}

// narrow applies the attribute "types".
func narrow(n *onnx.NodeProto, out []types.Type) ([]types.Type, error) {
	texts, ok := onnx.GetStrings(n, "types")
	if !ok {
		return out, nil
	}
	if len(texts) != len(out) {
		return nil, fmt.Errorf("declares %d types for %d outputs", len(texts), len(out))
	}
	for i, s := range texts {
		t, err := types.Parse(s)
		if err != nil {
			return nil, err
		}
		if t.ID == "" {
			continue
		}
		if !t.Fits(out[i]) || !out[i].Fits(t) {
			return nil, fmt.Errorf("output %d is declared as %v and is a %v", i, t, out[i])
		}
		out[i] = t
	}
	return out, nil
}
