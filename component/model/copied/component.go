package copied

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/component/aggregator"
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Component is the model of one client. It is thread-unsafe, like every component.
type Component struct {
	slot   string
	cfg    Config
	layout *model.Layout
	shapes [][]int
	sheet  *model.Sheet // the memory of State.Chunks
	st     State
}

// State is the round that the client takes part in.
type State struct {
	Round  int64         `snap:"1"`
	Begun  bool          `snap:"2"` // there is a round
	Chunks []value.Value `snap:"3"` // of its parameters, until they were given on; a trigger stands for one that is missing
	Room   []Wait        `snap:"4"` // the call of Room that waits, if any
	Whole  []uint64      `snap:"5"` // the call of Whole that waits, if any
	Update []value.Value `snap:"6"` // tensors; none before the update is there
}

// Wait is a call that waits for room for a chunk.
type Wait struct {
	Call  uint64 `snap:"1"`
	Chunk int64  `snap:"2"`
}

// New returns the model of a slot.
func New(slot string, cfg Config) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	graph, err := cfg.Model.Graph()
	if err != nil {
		return nil, err
	}
	c := &Component{slot: slot, cfg: cfg, shapes: graph.Shapes()}
	c.layout = model.NewLayout(c.shapes, cfg.Chunk)
	c.sheet = model.NewSheet(c.layout)
	return c, nil
}

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return New(env.Slot, cfg)
}

// State returns the round.
func (c *Component) State() any { return &c.st }

// Restored gives the chunks their place in one memory and checks the round.
func (c *Component) Restored() error {
	c.sheet = model.NewSheet(c.layout)
	if len(c.st.Chunks) > 0 {
		if err := c.sheet.Restore(c.st.Chunks); err != nil {
			return fmt.Errorf("%s: %w", c.slot, err)
		}
	}
	if len(c.st.Update) > 0 {
		if f := c.checkUpdate(c.st.Update); f != nil {
			return f
		}
	}
	if len(c.st.Room) > 1 || len(c.st.Whole) > 1 || !c.st.Begun && len(c.st.Chunks)+len(c.st.Update) > 0 {
		return fmt.Errorf("%s: %d and %d calls wait, at most one each; or there are chunks without a round", c.slot, len(c.st.Room), len(c.st.Whole))
	}
	return nil
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	want := 2
	if method == "Expect" {
		want = 1
	}
	if len(in) != want {
		return nil, c.fail(value.CodeType, "%s takes %d values, not %d", method, want, len(in))
	}
	if method == "Take" {
		return c.take(ctx, in[0], in[1])
	}
	round, ok := in[0].(value.Int)
	if !ok {
		return nil, c.fail(value.CodeType, "%s takes the round as an Int, not as %s", method, in[0].Type())
	}
	if method == "Expect" {
		return c.expect(ctx, int64(round))
	}
	if !c.st.Begun || int64(round) != c.st.Round {
		return nil, c.fail(value.CodeLate, "round %d is over here", round)
	}
	switch method {
	case "Room":
		return c.room(ctx, in[1])
	case "Whole":
		return c.whole(ctx)
	case "Keep":
		list, ok := in[1].(*value.List)
		if !ok {
			return nil, c.fail(value.CodeType, "Keep takes a List of Tensor, not %s", in[1].Type())
		}
		if f := c.checkUpdate(list.Items()); f != nil {
			return nil, f
		}
		if f := c.diverged(list.Items()); f != nil {
			return nil, f
		}
		c.st.Update = slices.Clone(list.Items())
		return []value.Value{value.Trigger{}}, nil
	case "Part":
		return c.part(in[1])
	}
	return nil, c.fail(value.CodeError, "no op %q; want Expect, Room, Take, Whole, Keep or Part", method)
}

// diverged refuses an update that no server can add.
func (c *Component) diverged(update []value.Value) *value.Failure {
	if !c.cfg.Checks {
		return nil
	}
	for i, v := range update {
		t, _ := v.(value.Tensor) // checkUpdate has seen that it is one
		if k := aggregator.Summable(t.Float32()); k >= 0 {
			return c.fail(aggregator.CodeDiverged, "element %d of tensor %d is %g; want a number between -2^20 and 2^20", k, i, t.Float32()[k])
		}
	}
	return nil
}

// expect begins a round. Whoever waits for an earlier one is told that it is late.
func (c *Component) expect(ctx *engine.Context, round int64) ([]value.Value, error) {
	room, whole := c.st.Room, c.st.Whole
	c.sheet = model.NewSheet(c.layout)
	c.st = State{Round: round, Begun: true, Chunks: c.sheet.Missing()}
	late := c.fail(value.CodeLate, "round %d begins before the parameters of an earlier one are there", round)
	for _, w := range room {
		ctx.Reject(engine.CallID(w.Call), late)
	}
	for _, call := range whole {
		ctx.Reject(engine.CallID(call), late)
	}
	return []value.Value{value.Trigger{}}, nil
}

// number returns the number of a chunk.
func (c *Component) number(v value.Value) (int, *value.Failure) {
	k, ok := v.(value.Int)
	if !ok || k < 0 || int64(k) >= int64(c.layout.Chunks()) {
		return 0, c.fail(value.CodeError, "%v is no chunk; there are %d", v, c.layout.Chunks())
	}
	return int(k), nil
}

func (c *Component) room(ctx *engine.Context, chunk value.Value) ([]value.Value, error) {
	k, f := c.number(chunk)
	switch {
	case f != nil:
		return nil, f
	case c.open(int64(k)):
		return []value.Value{value.Trigger{}}, nil
	case len(c.st.Room) > 0:
		return nil, c.fail(value.CodeError, "chunk %d is asked for while another one waits", k)
	}
	c.st.Room = []Wait{{uint64(ctx.Park()), int64(k)}}
	return nil, nil
}

func (c *Component) open(chunk int64) bool { return chunk < int64(c.sheet.There()+c.cfg.Window) }

func (c *Component) take(ctx *engine.Context, context, v value.Value) ([]value.Value, error) {
	list, ok := context.(*value.List)
	if !ok || list.Len() != 2 {
		return nil, c.fail(value.CodeType, "Take takes a List of round and chunk, and a Tensor")
	}
	k, f := c.number(list.At(1))
	if f != nil {
		return nil, f
	}
	round, ok := list.At(0).(value.Int)
	switch {
	case !ok || !c.st.Begun || int64(round) != c.st.Round || len(c.st.Chunks) == 0:
		return nil, c.fail(value.CodeLate, "chunk %d of round %v is not needed any more", k, list.At(0))
	case c.st.Chunks[k] != (value.Trigger{}):
		return nil, c.fail(value.CodeDuplicate, "chunk %d is there", k)
	}
	x, ok := c.sheet.Elements(k, v)
	if !ok {
		return nil, c.fail(value.CodeError, "chunk %d is a %s; want a vector of %d float32", k, v.Type(), c.sheet.Len(k))
	}
	put, err := c.sheet.Put(k, x)
	if err != nil {
		return nil, err
	}
	c.st.Chunks[k] = put
	if room := c.st.Room; len(room) > 0 && c.open(room[0].Chunk) {
		c.st.Room = nil
		ctx.Resolve(engine.CallID(room[0].Call), value.Trigger{})
	}
	if whole := c.st.Whole; len(whole) > 0 && c.sheet.Whole() {
		c.st.Whole = nil
		params, err := c.give()
		if err != nil {
			return nil, err
		}
		ctx.Resolve(engine.CallID(whole[0]), params)
	}
	return []value.Value{value.Trigger{}}, nil
}

func (c *Component) whole(ctx *engine.Context) ([]value.Value, error) {
	switch {
	case len(c.st.Chunks) == 0 || len(c.st.Whole) > 0:
		return nil, c.fail(value.CodeDuplicate, "the parameters of round %d were given before, or are waited for", c.st.Round)
	case c.sheet.Whole():
		params, err := c.give()
		if err != nil {
			return nil, err
		}
		return []value.Value{params}, nil
	}
	c.st.Whole = []uint64{uint64(ctx.Park())}
	return nil, nil
}

// give gives the parameters on; whoever trains holds them from then on.
func (c *Component) give() (value.Value, error) {
	params, err := c.sheet.Params()
	if err != nil {
		return nil, err
	}
	out := make([]value.Value, len(params))
	for i, t := range params {
		out[i] = value.Tensor{Tensor: t}
	}
	c.st.Chunks, c.sheet = nil, model.NewSheet(c.layout)
	return value.NewList(out...), nil
}

// checkUpdate says whether the values can be an update: a float32 tensor of each parameter's shape.
func (c *Component) checkUpdate(update []value.Value) *value.Failure {
	if len(update) != len(c.shapes) {
		return c.fail(value.CodeError, "an update of %d tensors, want %d", len(update), len(c.shapes))
	}
	for i, v := range update {
		if t, ok := v.(value.Tensor); !ok || t.DType() != tensor.Float32 || !slices.Equal(t.Shape(), c.shapes[i]) {
			return c.fail(value.CodeError, "tensor %d of the update is no float32 tensor of shape %v", i, c.shapes[i])
		}
	}
	return nil
}

func (c *Component) part(chunk value.Value) ([]value.Value, error) {
	k, f := c.number(chunk)
	if f != nil {
		return nil, f
	}
	if len(c.st.Update) == 0 {
		return nil, c.fail(value.CodeError, "the update of round %d is not there yet", c.st.Round)
	}
	v, err := c.layout.Copy(k, c.st.Update)
	if err != nil {
		return nil, err
	}
	return []value.Value{v}, nil
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
