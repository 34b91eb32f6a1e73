package model

import (
	"fmt"
	"io"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Component is the model of one node. It is thread-unsafe, like every component.
type Component struct {
	slot   string
	cfg    Config
	graph  *Graph  // without what is personal
	all    *Graph  // with it
	source *source // of the whole graph; nil where that is in the settings
	st     State

	personal []*tensor.Tensor // derived from the seed and the file: what is personal, as it began
}

// State is the current parameters.
type State struct {
	Params []value.Value `snap:"1"` // tensors, in the graph's order; none while new ones are gathered
	// Scale is what inputs are shifted and divided by, two tensors of float64, where Config.Scaled says that they come
	// later and they have come.
	Scale []value.Value `snap:"2"`
}

// New returns the model of a slot, with its first parameters. Files are those that the host gives to the slot.
func New(slot string, seed uint64, cfg Config, files map[string]node.Given) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	graph, err := cfg.Graph()
	if err != nil {
		return nil, err
	}
	c := &Component{slot: slot, cfg: cfg, all: graph}
	if c.source, err = cfg.sourceOf(graph, files); err != nil {
		return nil, err
	}
	if c.graph, err = graph.Apart(cfg.Personal); err != nil {
		return nil, config.Errorf("onnx config", "personal is %.200q: %v", cfg.Personal, err)
	}
	whole, err := c.whole()
	if err != nil {
		return nil, err
	}
	params, err := c.first(whole, seed)
	if err != nil {
		return nil, err
	}
	kept, f := c.kept(params)
	if f != nil {
		return nil, f
	}
	c.st.Params = values(kept)
	return c, nil
}

// whole returns the graph with all that its file has.
func (c *Component) whole() (*Graph, error) {
	switch {
	case c.source != nil:
		return c.source.whole()
	case len(c.st.Scale) > 0 && c.cfg.Scaled == ScaledGraph:
		return c.scaled()
	}
	return c.all, nil
}

// Graph returns the forward pass.
func (c *Component) Graph() *Graph { return c.graph }

// Shapes returns the shape of each parameter; the aggregator holds updates against them.
func (c *Component) Shapes() [][]int { return c.graph.Shapes() }

// Params returns the parameters in float32; they do not change.
func (c *Component) Params() ([]*tensor.Tensor, error) {
	params, err := c.Kept()
	if err != nil {
		return nil, err
	}
	return widened(params)
}

// File returns the model as a file that can be written after the component has gone on.
func (c *Component) File() (io.WriterTo, error) {
	params, err := c.Kept() // a file widens them as it is written
	if err != nil {
		return nil, err
	}
	return c.fileOf(params)
}

// FileOf is File of other parameters than those that the component holds now, as LoadParameters takes them.
func (c *Component) FileOf(params []value.Value) (io.WriterTo, error) {
	given, f := c.tensors(params)
	if f != nil {
		return nil, f
	}
	if given, f = c.kept(given); f != nil {
		return nil, f
	}
	return c.fileOf(given)
}

func (c *Component) fileOf(params []*tensor.Tensor) (io.WriterTo, error) {
	whole, err := c.whole()
	if err != nil {
		return nil, err
	}
	f, err := whole.File(c.joined(whole, params, c.personal))
	if err == nil {
		err = c.noted(f)
	}
	return f, err
}

// Replace puts parameters in place of the component's, as LoadParameters does, for a component beside it.
func (c *Component) Replace(params []*tensor.Tensor) error {
	if err := c.graph.check(params, true); err != nil {
		return c.fail(value.CodeError, "%v", err)
	}
	kept, f := c.kept(params)
	if f != nil {
		return f
	}
	c.st.Params = values(kept)
	return nil
}

// Forget gives the parameters up, which the aggregator does when it gathers new ones: there are none until
// LoadParameters.
func (c *Component) Forget() { c.st.Params = nil }

const forgotten = "the parameters were given up for new ones, which are gathered"

// State returns the parameters.
func (c *Component) State() any { return &c.st }

// Restored checks that the parameters fit the graph.
func (c *Component) Restored() error {
	if f := c.checkScale(c.st.Scale); f != nil {
		return f
	}
	if len(c.st.Params) == 0 {
		return nil
	}
	params, f := c.tensors(c.st.Params)
	if f != nil {
		return f
	}
	for i, t := range params {
		if want := c.cfg.stored(c.graph, i); t.DType() != want {
			return c.fail(value.CodeType, "parameter %d is kept as %s, want %s", i, t.DType(), want)
		}
	}
	return nil
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(_ *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method == "LoadScale" {
		return c.loadScale(in)
	}
	if len(in) != 1 {
		return nil, c.fail(value.CodeType, "%s takes 1 value, not %d", method, len(in))
	}
	if method == "Parameters" {
		if len(c.st.Params) == 0 {
			return nil, c.fail(value.CodeError, "%s", forgotten)
		}
		return []value.Value{value.NewList(c.st.Params...)}, nil
	}
	if method == "Personal" {
		return c.begins(), nil
	}
	list, ok := in[0].(*value.List)
	if !ok {
		return nil, c.fail(value.CodeType, "%s takes a List of Tensor, not %s", method, in[0].Type())
	}
	params, f := c.tensors(list.Items())
	if f != nil {
		return nil, f
	}
	switch method {
	case "LoadParameters":
		if f := c.put(params); f != nil {
			return nil, f
		}
		return []value.Value{value.Trigger{}}, nil
	case "Export":
		whole, err := c.whole()
		if err == nil {
			params, err = widened(params)
		}
		if err != nil {
			return nil, c.fail(value.CodeError, "%v", err)
		}
		b, err := whole.Export(c.joined(whole, params, c.personal))
		if err == nil {
			b, err = c.notedIn(b)
		}
		if err != nil {
			return nil, c.fail(value.CodeError, "%v", err)
		}
		return []value.Value{value.NewBytes(b)}, nil
	}
	return nil, c.fail(value.CodeError, "no op %q; want Parameters, Personal, LoadParameters, LoadScale or Export", method)
}

// Load is LoadParameters for another component of the node.
func (c *Component) Load(params []value.Value) *value.Failure {
	given, f := c.tensors(params)
	if f != nil {
		return f
	}
	return c.put(given)
}

// put puts parameters in place of the model's, or changes nothing.
func (c *Component) put(params []*tensor.Tensor) *value.Failure {
	kept, f := c.kept(params)
	if f == nil {
		c.st.Params = values(kept)
	}
	return f
}

// tensors returns the values as tensors that can be the parameters.
func (c *Component) tensors(items []value.Value) ([]*tensor.Tensor, *value.Failure) {
	out := make([]*tensor.Tensor, len(items))
	for i, v := range items {
		t, ok := v.(value.Tensor)
		if !ok {
			return nil, c.fail(value.CodeType, "parameter %d is no tensor", i)
		}
		out[i] = t.Tensor
	}
	if err := c.graph.check(out, true); err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	return out, nil
}

// values returns tensors as values, in a new slice.
func values(ts []*tensor.Tensor) []value.Value {
	out := make([]value.Value, len(ts))
	for i, t := range ts {
		out[i] = value.Tensor{Tensor: t}
	}
	return out
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
