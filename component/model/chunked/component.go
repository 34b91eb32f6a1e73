package chunked

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Component is the model at the server. It is thread-unsafe, like every component.
type Component struct {
	slot   string
	seed   uint64
	cfg    Config
	graph  *model.Graph
	layout *model.Layout
	sheet  *model.Sheet // the memory of State.Chunks
	st     State
}

// New returns the model of a slot. Its first parameters are drawn when the node starts.
func New(slot string, seed uint64, cfg Config) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	graph, err := cfg.Model.Graph()
	if err != nil {
		return nil, err
	}
	c := &Component{slot: slot, seed: seed, cfg: cfg, graph: graph, layout: model.NewLayout(graph.Shapes(), cfg.Chunk)}
	c.sheet = model.NewSheet(c.layout)
	return c, nil
}

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return New(env.Slot, env.Seed, cfg)
}

// Start draws the first parameters.
func (c *Component) Start(*engine.Context) error {
	params, err := c.cfg.Model.First(c.graph, c.seed, c.slot)
	if err != nil {
		return err
	}
	c.st.Chunks, err = c.sheet.Adopt(params)
	return err
}

// Graph returns the forward pass.
func (c *Component) Graph() *model.Graph { return c.graph }

// State returns the parameters.
func (c *Component) State() any { return &c.st }

// Restored gives the chunks their place in one memory and checks them.
func (c *Component) Restored() error {
	c.sheet = model.NewSheet(c.layout)
	if len(c.st.Chunks) > 0 { // a node that was never started has none
		if err := c.sheet.Restore(c.st.Chunks); err != nil {
			return fmt.Errorf("%s: %w", c.slot, err)
		}
	}
	if err := c.st.check(c.sheet, c.cfg.Window); err != nil {
		return fmt.Errorf("%s: %w", c.slot, err)
	}
	return nil
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	op, ok := ops[method]
	if !ok {
		return nil, c.fail(value.CodeError, "no op %q", method)
	}
	if len(in) != op.in {
		return nil, c.fail(value.CodeType, "%s takes %d values, not %d", method, op.in, len(in))
	}
	numbers := make([]int64, op.numbers)
	for i := range numbers {
		n, ok := in[i].(value.Int)
		if !ok {
			return nil, c.fail(value.CodeType, "%s takes an Int as value %d, not %s", method, i, in[i].Type())
		}
		numbers[i] = int64(n)
	}
	out, f := op.run(c, ctx, numbers, in[op.numbers:])
	if f != nil {
		ctx.Count("refused." + f.Code)
		return nil, f
	}
	return out, nil
}

// ops are the methods: how many values each takes, how many of them are numbers, and what it does.
var ops = map[string]struct {
	in, numbers int
	run         func(c *Component, ctx *engine.Context, n []int64, in []value.Value) ([]value.Value, *value.Failure)
}{
	"Offer":      {2, 1, (*Component).offer},
	"Chunk":      {2, 2, (*Component).chunk},
	"Gather":     {4, 2, (*Component).gather},
	"Ask":        {3, 3, (*Component).ask},
	"Fold":       {3, 0, (*Component).fold},
	"Gathered":   {3, 2, (*Component).gathered},
	"Refuse":     {3, 0, (*Component).refuse},
	"Members":    {2, 1, (*Component).members},
	"Parameters": {1, 0, (*Component).parameters},
	"Export":     {1, 0, (*Component).export},
}

func (c *Component) offer(_ *engine.Context, n []int64, _ []value.Value) ([]value.Value, *value.Failure) {
	if c.st.Gathering || !c.sheet.Whole() {
		return nil, c.fail(value.CodeError, "round %d cannot be offered: only %d of %d chunks are there", n[0], c.sheet.There(), c.sheet.Chunks())
	}
	c.st.Round, c.st.Offered = n[0], true
	return []value.Value{value.Int(c.sheet.Chunks())}, nil
}

func (c *Component) chunk(_ *engine.Context, n []int64, _ []value.Value) ([]value.Value, *value.Failure) {
	switch {
	case !c.st.Offered || n[0] != c.st.Round:
		return nil, c.fail(value.CodeLate, "the parameters of round %d are not offered any more", n[0])
	case n[1] < 0 || n[1] >= int64(c.sheet.Chunks()):
		return nil, c.fail(value.CodeError, "chunk %d does not exist; there are %d", n[1], c.sheet.Chunks())
	}
	// A copy: an answer is kept until later ones push it out, and must not hold on to the memory of the whole.
	x, _ := c.sheet.Elements(int(n[1]), c.st.Chunks[n[1]])
	t, room, err := tensor.NewFloat32([]int{len(x)})
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	copy(room, x)
	return []value.Value{value.Tensor{Tensor: t}}, nil
}

func (c *Component) parameters(*engine.Context, []int64, []value.Value) ([]value.Value, *value.Failure) {
	params, err := c.Params()
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	out := make([]value.Value, len(params))
	for i, t := range params {
		out[i] = value.Tensor{Tensor: t}
	}
	return []value.Value{value.NewList(out...)}, nil
}

// Params returns the parameters, which share their memory with the component and do not change, or an error while they are
// gathered.
func (c *Component) Params() ([]*tensor.Tensor, error) {
	if !c.sheet.Whole() {
		return nil, fmt.Errorf("%d of %d chunks are there", c.sheet.There(), c.sheet.Chunks())
	}
	return c.sheet.Params()
}

func (c *Component) export(_ *engine.Context, _ []int64, in []value.Value) ([]value.Value, *value.Failure) {
	list, ok := in[0].(*value.List)
	if !ok {
		return nil, c.fail(value.CodeType, "Export takes a List of Tensor, not %s", in[0].Type())
	}
	params := make([]*tensor.Tensor, list.Len())
	for i, v := range list.Items() {
		t, ok := v.(value.Tensor)
		if !ok {
			return nil, c.fail(value.CodeType, "parameter %d is a %s, want a tensor", i, v.Type())
		}
		params[i] = t.Tensor
	}
	b, err := c.graph.Export(params)
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	return []value.Value{value.NewBytes(b)}, nil
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
