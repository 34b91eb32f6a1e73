package mix

import (
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Model is what the component asks of the slot Config.Model.
type Model interface {
	// Shapes returns the shape of each parameter, and Kept the parameters, which do not change.
	Shapes() [][]int
	Kept() ([]*tensor.Tensor, error)
	// Replace puts others in their place.
	Replace(params []*tensor.Tensor) error
}

// Component is what one node makes of its neighbours' models. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	seed uint64
	self wire.PeerID
	st   State
}

// State is what is known of the node's model.
type State struct {
	Age     int64 `snap:"1"` // of the model: how many trainings lie behind it
	Changes int64 `snap:"2"` // of the parameters: by merges and trainings
	Begun   int64 `snap:"3"` // trainings
	Busy    bool  `snap:"4"` // one goes on

	// In rounds: the one that is mixed next, and what the node's own training made in it, none before it was offered.
	Round   int64         `snap:"5"`
	Own     []value.Value `snap:"6"`
	Taken   []Taken       `snap:"7"`  // of neighbours, ascending by peer and round
	Newest  []Newest      `snap:"8"`  // ascending by peer
	Waits   bool          `snap:"9"`  // for neighbours
	Waiting uint64        `snap:"10"` // the call that does
	Public  []Public      `snap:"11"` // what is known of the node and of its neighbours, ascending by peer
}

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return &Component{slot: env.Slot, cfg: cfg, seed: env.Seed, self: env.Self}, nil
}

// State returns what is known of the model.
func (c *Component) State() any { return &c.st }

// Age returns how many trainings lie behind the model.
func (c *Component) Age() int64 { return c.st.Age }

// Restored checks the counts.
func (c *Component) Restored() error {
	if s := c.st; s.Age < 0 || s.Age > AgeMax || s.Changes < 0 || s.Begun < 0 || s.Busy && s.Begun == 0 {
		return fmt.Errorf("%s: age %d, %d changes, %d trainings begun: want none below 0, and the age at most %d", c.slot,
			s.Age, s.Changes, s.Begun, int64(AgeMax))
	}
	return c.st.sound()
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	m, ok := ctx.Dep(c.cfg.Model).(Model)
	if !ok {
		return nil, c.fail(value.CodeError, "slot %q holds no model", c.cfg.Model)
	}
	switch {
	case method == "Begin" && len(in) == 1:
		return c.begin(ctx, m, in[0])
	case method == "Step" && len(in) == 3:
		return c.step(m, in)
	case method == "Failed" && len(in) == 1:
		return nil, c.failed(in[0])
	case method == "Share":
		params, err := m.Kept()
		return []value.Value{listOf(params), value.Int(c.st.Age)}, err
	case method == "Merge" && len(in) == 2:
		return c.merge(m, in)
	case method == "Offer" && len(in) == 2:
		return c.offer(ctx, m, in)
	case method == "Take" && len(in) == 4:
		return c.receive(ctx, m, in)
	case method == "Differ" && len(in) == 2:
		return c.differ(ctx, m, in)
	case method == "Hear" && len(in) == 4:
		return c.hear(ctx, m, in)
	case method == "Await" && len(in) == 2:
		return c.await(ctx, m, in)
	}
	return nil, c.fail(value.CodeError, "no op %q of %d values; want Begin, Step, Failed, Share, Merge, Offer, Take, "+
		"Differ, Hear or Await", method, len(in))
}

// take reads parameters that fit the model, of finite numbers.
func (c *Component) take(m Model, v value.Value, what string) ([][]float32, *value.Failure) {
	list, ok := v.(*value.List)
	shapes := m.Shapes()
	if !ok || list.Len() != len(shapes) {
		return nil, c.fail(value.CodeType, "%s is no List of %d tensors", what, len(shapes))
	}
	out := make([][]float32, len(shapes))
	for i, v := range list.Items() {
		t, ok := v.(value.Tensor)
		if !ok || t.DType() != tensor.Float32 || !same(t.Shape(), shapes[i]) {
			return nil, c.fail(value.CodeType, "parameter %d of %s is no float32 tensor of the shape %v", i, what,
				shapes[i])
		}
		out[i] = t.Float32()
		for k, x := range out[i] {
			if !(math.Abs(float64(x)) <= math.MaxFloat32) {
				return nil, c.fail(value.CodeError, "element %d of parameter %d of %s is %v", k, i, what, x)
			}
		}
	}
	return out, nil
}

func same(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// put puts what is made of each element in place of the model's parameters. Nothing changes where a number is not
// finite.
func (c *Component) put(m Model, of func(i, k int, own float32) float32) *value.Failure {
	own, err := m.Kept()
	if err != nil {
		return c.fail(value.CodeError, "%v", err)
	}
	next := make([]*tensor.Tensor, len(own))
	for i, t := range own {
		made, out, err := tensor.NewFloat32(t.Shape())
		if err != nil {
			return c.fail(value.CodeError, "%v", err)
		}
		for k, x := range t.Float32() {
			y := of(i, k, x)
			if !(math.Abs(float64(y)) <= math.MaxFloat32) {
				return c.fail(value.CodeError, "element %d of parameter %d becomes %v", k, i, y)
			}
			out[k] = y
		}
		next[i] = made
	}
	if err := m.Replace(next); err != nil {
		return c.fail(value.CodeError, "%v", err)
	}
	return nil
}

func listOf(params []*tensor.Tensor) *value.List {
	out := make([]value.Value, len(params))
	for i, t := range params {
		out[i] = value.Tensor{Tensor: t}
	}
	return value.NewList(out...)
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
