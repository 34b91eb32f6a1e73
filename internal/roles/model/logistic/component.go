package logistic

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// AgeMax bounds the age of a model.
const AgeMax = 1 << 40

// Source is what the model asks of the slot Config.Data.
type Source interface {
	// Own returns the node's own samples.
	Own() dataset.Source
	// Held returns the samples of the test.
	Held() dataset.Source
}

// RowsOf returns the samples of a source that the model learns from as they are kept, a byte for each feature, or nil
// where it is another.
func RowsOf(s dataset.Source) *dataset.SyntheticRows {
	if drawn, ok := s.(*dataset.SyntheticSource); ok {
		return drawn.Rows()
	}
	return nil
}

// Component is the model of one node. It is thread-unsafe, like every component.
type Component struct {
	slot  string
	cfg   Config
	shape [1]int // of the parameters
	st    State
}

// State is the model.
type State struct {
	Params value.Value `snap:"1"` // tensor of the weights and the bias; nil while all are 0
	Age    int64       `snap:"2"` // steps behind it, own and merged
	Steps  int64       `snap:"3"` // own steps: where in the samples the next one begins
}

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	return &Component{slot: env.Slot, cfg: cfg, shape: [1]int{cfg.Features + 1}}, nil
}

// State returns the model.
func (c *Component) State() any { return &c.st }

// Restored checks that the model fits the settings.
func (c *Component) Restored() error {
	s := &c.st
	// Whatever Invoke can make is taken. Without Config.AgeStep an age went beyond AgeMax by the merges that came after
	// it.
	if s.Age < 0 || c.cfg.AgeStep > 0 && s.Age > AgeMax || s.Steps < 0 || s.Steps > s.Age && s.Age < AgeMax ||
		(s.Params == nil) != (s.Steps == 0) {
		return fmt.Errorf("%s: a model of age %d with %d own steps; want neither below 0, and no more steps than age",
			c.slot, s.Age, s.Steps)
	}
	if s.Params == nil {
		return nil
	}
	w, f := c.vector(s.Params)
	if f != nil {
		return f
	}
	if !finite(w) {
		return fmt.Errorf("%s: the parameters are not finite", c.slot)
	}
	return nil
}

// Params returns the weights and then the bias, which must not be changed, and the age of the model.
func (c *Component) Params() ([]float32, int64) {
	if t, ok := c.st.Params.(value.Tensor); ok {
		return t.Float32(), c.st.Age
	}
	return make([]float32, c.cfg.Features+1), c.st.Age
}

// Evaluate returns the share of the rows that the model classes right, and its mean cross entropy.
func (c *Component) Evaluate(r *dataset.SyntheticRows) (accuracy, loss float64) {
	w, _ := c.Params()
	return evaluate(w, r)
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	switch method {
	case "Share":
		return c.share(ctx)
	case "Merge":
		return c.merge(ctx, in)
	case "Alone":
		return c.alone(ctx, in)
	case "Evaluate":
		src, f := c.source(ctx, Source.Held)
		if f != nil {
			return nil, f
		}
		accuracy, loss := c.Evaluate(src)
		return []value.Value{value.Float(accuracy), value.Float(loss)}, nil
	}
	return nil, c.fail(value.CodeError, "no op %q; want Share, Merge, Alone or Evaluate", method)
}

func (c *Component) share(ctx *engine.Context) ([]value.Value, error) {
	if c.st.Params != nil {
		return ctx.Outputs(c.st.Params, value.Int(c.st.Age)), nil
	}
	w, _ := c.Params()
	t, err := tensor.FromFloat32([]int{len(w)}, w)
	return ctx.Outputs(value.Tensor{Tensor: t}, value.Int(0)), err
}

func (c *Component) merge(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	if len(in) != 2 {
		return nil, c.fail(value.CodeType, "Merge takes a model and its age, not %d values", len(in))
	}
	other, f := c.vector(in[0])
	if f != nil {
		return nil, f
	}
	age, ok := in[1].(value.Int)
	if !ok || age < 0 || age >= AgeMax && c.cfg.AgeStep == 0 {
		return nil, c.fail(value.CodeType, "Merge takes the age as an Int from 0 to 2^40")
	}
	age = min(age, AgeMax) // beside which any other model has no weight
	return c.learn(ctx, other, int64(age))
}

// alone takes a step where a node has nobody to learn from.
func (c *Component) alone(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	if len(in) != 1 {
		return nil, c.fail(value.CodeType, "Alone takes the peers that there are, not %d values", len(in))
	}
	peers, ok := in[0].(*value.List)
	if !ok {
		return nil, c.fail(value.CodeType, "Alone takes a list of peers, not a %s", in[0].Type())
	}
	if peers.Len() > 0 {
		return ctx.Outputs(value.Trigger{}), nil // their models bring the step
	}
	ctx.Count("alone")
	return c.learn(ctx, nil, 0)
}

// learn merges a model with the own, where one is given, and takes a step.
func (c *Component) learn(ctx *engine.Context, other []float32, age int64) ([]value.Value, error) {
	rows, f := c.source(ctx, Source.Own)
	if f != nil {
		return nil, f
	}
	own, _ := c.Params()
	t, next, err := tensor.NewFloat32(c.shape[:])
	if err != nil {
		return nil, err
	}
	if other != nil {
		merge(next, own, other, share(c.st.Age, age))
	} else {
		copy(next, own)
	}
	step(next, rows, c.st.Steps*int64(c.cfg.Batch), c.cfg.Batch, float32(c.cfg.LearningRate))
	if !finite(next) { // finite weights can give a step that is not
		return nil, c.fail(value.CodeError, "the model that came, or a step from it, is not finite")
	}
	c.st.Params, c.st.Age, c.st.Steps = value.Tensor{Tensor: t}, c.older(age), c.st.Steps+1
	return ctx.Outputs(value.Trigger{}), nil
}

// older returns the age of the model after a merge with one of the age that a peer told: older than both by the step,
// but never by more than Config.AgeStep beside it, whatever a peer says, and never beyond AgeMax.
func (c *Component) older(told int64) int64 {
	if c.cfg.AgeStep == 0 {
		return max(c.st.Age, told) + 1
	}
	return min(max(c.st.Age, min(told, c.st.Age+c.cfg.AgeStep))+1, AgeMax)
}

// source returns samples of the component that holds them.
func (c *Component) source(ctx *engine.Context, which func(Source) dataset.Source) (*dataset.SyntheticRows,
	*value.Failure) {
	if s, ok := ctx.Dep(c.cfg.Data).(Source); ok {
		if rows := RowsOf(which(s)); rows != nil {
			return rows, nil
		}
	}
	return nil, c.fail(value.CodeError, "slot %q holds no component with samples of %d features", c.cfg.Data,
		c.cfg.Features)
}

// vector returns a value as parameters that fit the settings.
func (c *Component) vector(v value.Value) ([]float32, *value.Failure) {
	t, ok := v.(value.Tensor)
	if !ok {
		return nil, c.fail(value.CodeType, "the model is a %s, want a tensor", v.Type())
	}
	if t.DType() != tensor.Float32 || t.Rank() != 1 || t.Len() != c.cfg.Features+1 {
		return nil, c.fail(value.CodeType, "the model is %v of shape %v, want float32 of shape [%d]", t.DType(),
			t.Shape(), c.cfg.Features+1)
	}
	return t.Float32(), nil
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
