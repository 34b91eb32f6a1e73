package synthetic

import (
	"fmt"
	"strconv"

	"github.com/rhizome-ml/rhizome/component/config"
	"github.com/rhizome-ml/rhizome/component/draw"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Component is the data source of one node. It is thread-unsafe, like every component.
type Component struct {
	slot string
	name string // by which the samples are drawn
	seed uint64
	cfg  Config
	own  *Rows // nil until they are asked for; derived
	st   State
}

// State is empty: each batch is a function of the round and the step.
type State struct{}

// Factory builds the component of a slot from its settings; a node's catalogue holds it under Role, Kind and Version.
func Factory(env node.Env) (engine.Component, error) {
	cfg, err := ParseConfig(env.Config)
	if err != nil {
		return nil, err
	}
	var o Options
	if err := config.Decode("synthetic options", env.Options, &o); err != nil {
		return nil, err
	}
	name := string(env.Self)
	if o.Partition != nil {
		if err := config.Within("synthetic options", "partition", int64(*o.Partition), 0, 1<<31-1); err != nil {
			return nil, err
		}
		name = strconv.Itoa(*o.Partition)
	}
	return &Component{slot: env.Slot, name: name, seed: env.Seed, cfg: cfg}, nil
}

// Own returns the samples of this node, which must not be changed.
func (c *Component) Own() *Rows {
	if c.own == nil {
		c.own = c.cfg.Own(c.seed, c.name)
	}
	return c.own
}

// Held returns the samples of the test, made anew each time.
func (c *Component) Held() *Rows { return c.cfg.Held(c.seed) }

// Samples returns how many samples the node trains on; it is what the registry is told.
func (c *Component) Samples() int64 { return int64(c.cfg.Samples) }

// State returns the empty state.
func (c *Component) State() any { return &c.st }

// Restored has nothing to check.
func (c *Component) Restored() error { return nil }

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(_ *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	switch method {
	case "Begin":
		if _, ok := intAt(in, 0); !ok {
			return nil, c.fail(value.CodeType, "Begin takes the round as an Int")
		}
		return []value.Value{value.Int(c.cfg.Samples), value.Int(int64(c.cfg.Epochs) * c.perEpoch())}, nil
	case "NextBatch":
		return c.next(in)
	case "Reset":
		return []value.Value{value.Trigger{}}, nil
	case "Loaded":
		return []value.Value{value.Int(c.cfg.Samples)}, nil
	case "Test":
		held := c.Held()
		return c.batch(held, nil, 0, held.Len())
	}
	return nil, c.fail(value.CodeError, "no op %q; want Begin, NextBatch, Reset, Loaded or Test", method)
}

// perEpoch returns the number of batches in an epoch.
func (c *Component) perEpoch() int64 { return int64((c.cfg.Samples + c.cfg.Batch - 1) / c.cfg.Batch) }

// next returns the batch of a step of a round: a function of the two alone.
func (c *Component) next(in []value.Value) ([]value.Value, error) {
	step, ok := intAt(in, 0)
	round, ok2 := intAt(in, 1)
	if !ok || !ok2 {
		return nil, c.fail(value.CodeType, "NextBatch takes the step and the round as Ints")
	}
	if step < 0 || step >= int64(c.cfg.Epochs)*c.perEpoch() {
		return nil, c.fail(value.CodeOverflow, "step %d of round %d, which has %d steps", step, round, int64(c.cfg.Epochs)*c.perEpoch())
	}
	order := draw.New(c.seed, "data/synthetic/order/"+c.name, uint64(round), uint64(step/c.perEpoch())).Perm(c.cfg.Samples)
	return c.batch(c.Own(), order, int(step%c.perEpoch())*c.cfg.Batch, c.cfg.Batch)
}

// batch returns n of the rows in the order from position at on, going round at the end; a nil order is that of the rows.
func (c *Component) batch(r *Rows, order []int, at, n int) ([]value.Value, error) {
	x, y := make([]float32, n*c.cfg.Features), make([]int64, n)
	for i := range n {
		k := (at + i) % r.Len()
		if order != nil {
			k = order[k]
		}
		row, label := r.Row(k)
		for j, v := range row {
			x[i*c.cfg.Features+j] = float32(v) / Scale
		}
		y[i] = int64(label)
	}
	tx, err := tensor.FromFloat32([]int{n, c.cfg.Features}, x)
	if err != nil {
		return nil, err
	}
	ty, err := tensor.FromInt64([]int{n}, y)
	return []value.Value{value.Tensor{Tensor: tx}, value.Tensor{Tensor: ty}}, err
}

// intAt returns input i when it is there and an Int.
func intAt(in []value.Value, i int) (int64, bool) {
	if i >= len(in) {
		return 0, false
	}
	n, ok := in[i].(value.Int)
	return int64(n), ok
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
