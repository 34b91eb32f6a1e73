package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/component/config"
	"github.com/rhizome-ml/rhizome/component/data/digits"
	"github.com/rhizome-ml/rhizome/component/draw"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/value"
)

// none is the partition of a node that holds no samples.
const none = -1

// Component is the data source of one node. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	seed uint64
	part int // none, or the partition that the node holds
	x    []float32
	y    []int64
	rows []int // own samples, ascending
	test []int // held-out samples, ascending
	st   State

	order order // derived: the last order that was used
}

// State is the cursor.
type State struct {
	Begun    bool  `snap:"1"` // Begin was called
	Round    int64 `snap:"2"`
	Epoch    int64 `snap:"3"` // of the round, from 0
	Position int64 `snap:"4"` // samples of the epoch that were read
}

// New returns the data source of a slot. The job's seed decides split, partition and order. Rows are those that the host gives,
// where the options name them.
func New(slot string, seed uint64, cfg Config, opts Options, rows ...byte) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Component{slot: slot, cfg: cfg, seed: seed, part: none}
	if c.x, c.y, err = digits.Load(); err != nil {
		return nil, err
	}
	train, test := split(c.y, digits.Classes, seed)
	c.test = test
	if cfg.Partitions*cfg.Least > len(train) {
		return nil, config.Errorf("digits config", "%d partitions of at least %d samples; there are %d samples to train on",
			cfg.Partitions, cfg.Least, len(train))
	}
	if opts.Partition != nil {
		c.part = *opts.Partition
		if err := config.Within("digits options", "partition", int64(c.part), 0, int64(cfg.Partitions)-1); err != nil {
			return nil, err
		}
		c.rows = partition(c.y, train, digits.Classes, cfg.Partitions, cfg.Alpha, cfg.Least, seed)[c.part]
	}
	if opts.RowsSHA256 != "" || len(rows) > 0 {
		return c, c.give(opts, rows)
	}
	return c, nil
}

// give puts rows of the node's own in the place of its partition's.
func (c *Component) give(opts Options, text []byte) error {
	sum := sha256.Sum256(text)
	switch got := hex.EncodeToString(sum[:]); {
	case c.part == none:
		return config.Errorf("digits options", "rows are given, and no partition, which names their order")
	case opts.RowsSHA256 != got:
		return config.Errorf("digits options", "rows_sha256 is %.80q, and the rows that the host gives have %s", opts.RowsSHA256, got)
	}
	x, y, err := digits.Parse(text)
	if err != nil {
		return err
	}
	first := len(c.y)
	c.x, c.y = slices.Concat(c.x, x), slices.Concat(c.y, y)
	c.rows = make([]int, len(y))
	for i := range c.rows {
		c.rows[i] = first + i
	}
	return nil
}

// Text returns the node's own samples as digits.Parse reads them.
func (c *Component) Text() []byte {
	var out []byte
	for _, r := range c.rows {
		out = digits.AppendRow(out, c.x[r*digits.Pixels:(r+1)*digits.Pixels], c.y[r])
	}
	return out
}

// Samples returns how many samples the node trains on; it is what the registry is told.
func (c *Component) Samples() int64 { return int64(len(c.rows)) }

// State returns the cursor.
func (c *Component) State() any { return &c.st }

// Restored checks the cursor.
func (c *Component) Restored() error {
	s := c.st
	if s.Epoch < 0 || s.Epoch > int64(c.cfg.Epochs) || s.Position < 0 || s.Position > int64(len(c.rows)+c.cfg.Batch) ||
		s.Position%int64(c.cfg.Batch) != 0 {
		return fmt.Errorf("%s: cursor at epoch %d, position %d does not fit %d samples in batches of %d",
			c.slot, s.Epoch, s.Position, len(c.rows), c.cfg.Batch)
	}
	return nil
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(_ *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	switch method {
	case "Begin":
		return c.begin(in)
	case "NextBatch":
		return c.next(in)
	case "Reset":
		c.st.Epoch, c.st.Position = 0, 0
		return []value.Value{value.Trigger{}}, nil
	case "Loaded":
		return []value.Value{value.Int(c.Samples())}, nil
	case "Test":
		return c.batch(c.test, 0, len(c.test))
	}
	return nil, c.fail(value.CodeError, "no op %q; want Begin, NextBatch, Reset, Loaded or Test", method)
}

func (c *Component) begin(in []value.Value) ([]value.Value, error) {
	round, ok := intAt(in, 0)
	if !ok {
		return nil, c.fail(value.CodeType, "Begin takes the round as an Int")
	}
	if c.part == none {
		return nil, c.fail(value.CodeError, "this node holds no partition; set the option \"partition\"")
	}
	c.st = State{Begun: true, Round: round}
	return []value.Value{value.Int(c.Samples()), value.Int(c.steps())}, nil
}

// next reads the batch of a step and leaves the cursor behind it. The batch is a function of the round and the step
// alone, so that the steps of a round that goes on late cannot shift those of the next round.
func (c *Component) next(in []value.Value) ([]value.Value, error) {
	perEpoch := c.perEpoch()
	step := c.st.Epoch*perEpoch + c.st.Position/int64(c.cfg.Batch)
	if j, ok := intAt(in, 0); ok {
		step = j
	}
	round, given := intAt(in, 1)
	if !given {
		if round = c.st.Round; !c.st.Begun {
			return nil, c.fail(value.CodeError, "NextBatch before Begin; want Begin(round) first, or the round as second input")
		}
	}
	if step < 0 || step >= c.steps() {
		return nil, c.fail(value.CodeOverflow, "step %d of round %d, which has %d steps", step, round, c.steps())
	}
	epoch, k := step/perEpoch, step%perEpoch
	at := int(k) * c.cfg.Batch
	rows := c.order.rows(c, round, epoch)
	if c.st.Begun && round == c.st.Round {
		c.st.Epoch, c.st.Position = epoch, int64(at+c.cfg.Batch)
		if k == perEpoch-1 {
			c.st.Epoch, c.st.Position = epoch+1, 0
		}
	}
	return c.batch(rows, at, c.cfg.Batch)
}

// batch returns n of the rows from position at on, going round at the end.
func (c *Component) batch(rows []int, at, n int) ([]value.Value, error) {
	x, y := make([]float32, n*digits.Pixels), make([]int64, n)
	for i := range n {
		r := rows[(at+i)%len(rows)]
		copy(x[i*digits.Pixels:], c.x[r*digits.Pixels:(r+1)*digits.Pixels])
		y[i] = c.y[r]
	}
	return tensors(n, x, y)
}

// steps returns the number of batches in a round.
func (c *Component) steps() int64 { return int64(c.cfg.Epochs) * c.perEpoch() }

// perEpoch returns the number of batches in an epoch.
func (c *Component) perEpoch() int64 {
	b := int64(c.cfg.Batch)
	return (c.Samples() + b - 1) / b
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}

// order is the order in which a round and epoch reads the own samples.
type order struct {
	round, epoch int64
	list         []int // nil when nothing was drawn yet
}

// rows returns the order of a round and epoch: a permutation drawn from the seed, the partition, the round and the epoch.
func (o *order) rows(c *Component, round, epoch int64) []int {
	if o.list == nil || o.round != round || o.epoch != epoch {
		s := draw.New(c.seed, "data/order", uint64(c.part), uint64(round), uint64(epoch))
		list := append([]int(nil), c.rows...)
		s.Shuffle(list, len(list))
		*o = order{round, epoch, list}
	}
	return o.list
}
