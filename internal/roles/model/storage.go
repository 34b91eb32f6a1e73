package model

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// A model may keep what is trained in floats of 16 bits: it gives them as it keeps them, and rounds once, to the
// nearest and of two to the even one, what it takes in float32. Statistics stay as they are: a variance that became
// nothing would divide by nothing.

// stored returns the type in which parameter i of a graph is kept.
func (c Config) stored(g *Graph, i int) tensor.DType {
	if d, ok := half.Of(c.Storage); ok && i < g.Trained() {
		return d
	}
	return tensor.Float32
}

// Stored returns the types in which the parameters of a graph are kept.
func (c Config) Stored(g *Graph) []tensor.DType {
	out := make([]tensor.DType, len(g.params))
	for i := range out {
		out[i] = c.stored(g, i)
	}
	return out
}

// Beyond returns the name and a number of a parameter that is given and trained, and that a float type cannot hold.
func (g *Graph) Beyond(d tensor.DType) (name string, x float32, ok bool) {
	for _, p := range g.params[:g.Trained()] {
		if p.Given == nil {
			continue
		}
		if k := half.TooLarge(p.Given, d); k >= 0 {
			return p.Name, p.Given.Float32()[k], true
		}
	}
	return "", 0, false
}

// StoredBytes returns the size of all parameters of a graph as they are kept.
func (c Config) StoredBytes(g *Graph) int {
	n := 0
	for i := range g.params {
		n += g.params[i].Len() * c.stored(g, i).Size()
	}
	return n
}

// Stored returns the types in which the parameters are kept and given; the aggregator holds updates against them.
func (c *Component) Stored() []tensor.DType { return c.cfg.Stored(c.graph) }

// Kept returns the parameters in the types of Stored; they do not change.
func (c *Component) Kept() ([]*tensor.Tensor, error) {
	if len(c.st.Params) == 0 {
		return nil, c.fail(value.CodeError, "%s", forgotten)
	}
	params, f := c.tensors(c.st.Params)
	if f != nil {
		return nil, f
	}
	return params, nil
}

// kept returns parameters as they are kept, or a failure for one that holds what its type cannot.
func (c *Component) kept(params []*tensor.Tensor) ([]*tensor.Tensor, *value.Failure) {
	out := make([]*tensor.Tensor, len(params))
	for i, t := range params {
		to, err := c.cfg.stored(c.graph, i), error(nil)
		if out[i] = t; t.DType() != to {
			if out[i], err = half.Widen(t); err == nil { // as it is where it is float32
				out[i], err = half.Narrow(out[i], to)
			}
		}
		if err != nil {
			return nil, c.fail(value.CodeError, "parameter %d (%s): %v", i, quote(c.graph.params[i].Name), err)
		}
		if k := half.Infinite(out[i]); k >= 0 {
			return nil, c.fail(value.CodeError, "element %d of parameter %d (%s) is %s; want numbers that %s holds, whose "+
				"greatest is %g", k, i, quote(c.graph.params[i].Name), number(t, k), to, half.Most(to))
		}
	}
	return out, nil
}

// number is element k of a tensor as text.
func number(t *tensor.Tensor, k int) string {
	w, err := half.Widen(t.Part(k, k+1))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(w.Float32()[0])
}

// widened returns tensors in float32.
func widened(params []*tensor.Tensor) ([]*tensor.Tensor, error) {
	out := make([]*tensor.Tensor, len(params))
	for i, t := range params {
		var err error
		if out[i], err = half.Widen(t); err != nil {
			return nil, err
		}
	}
	return out, nil
}
