package data

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// none is the partition of a node that holds no samples.
const none = -1

// Component is the data source of one node. It is thread-unsafe, like every component.
type Component struct {
	slot  string
	plan  *plan
	seed  uint64
	part  int    // none, or the partition that the node holds
	name  string // by which samples and order are drawn where the node has a source of its own
	train holds  // own samples
	test  holds  // of the test, unless the source brings them
	st    State
	empty Stateless

	sums *summing // nil where the samples are in no file

	order  order   // derived: the last order that was used
	blocky *blocks // derived: the same, of a source that is read in blocks
}

// State is the cursor.
type State struct {
	Begun    bool  `snap:"1"` // Begin was called
	Round    int64 `snap:"2"`
	Epoch    int64 `snap:"3"` // of the round, from 0
	Position int64 `snap:"4"` // samples of the epoch that were read
}

// Stateless is the state of KindSynthetic: each batch is a function of the round and the step.
type Stateless struct{}

// New returns the data source of a slot that serves the digits. The job's seed decides split, partition and order. Rows
// are those that the host gives, where the options name them.
func New(slot string, seed uint64, cfg Config, opts Options, rows ...byte) (*Component, error) {
	p, err := cfg.plan()
	if err != nil {
		return nil, err
	}
	return p.open(slot, seed, "", opts, rows)
}

// Text returns the node's own samples as their kind parses them, or nil where it writes none.
func (c *Component) Text() ([]byte, error) {
	rows := c.train.numbers()
	if c.plan.each > 0 && c.train.len() > 0 { // who brings them holds the same back
		rows = append(rows, c.test.numbers()...)
		slices.Sort(rows)
	}
	n := len(rows)
	if n == 0 || c.plan.kind.Text == nil {
		return nil, nil
	}
	schema := c.train.source.Schema()
	b := schema.Batch(n)
	if err := c.train.source.Read(rows, b); err != nil {
		return nil, err
	}
	var out []byte
	for i, w := 0, schema.Width(); i < n; i++ {
		out = c.plan.kind.Text(out, b.Features.Float32[i*w:(i+1)*w], b.Labels.Int64[i])
	}
	return out, nil
}

// Own returns the source of the node's own samples, and Held that of the test; nil: none. Of a source that all nodes
// have they are the whole of it.
func (c *Component) Own() dataset.Source { return c.train.source }

// Rows returns the numbers of the node's own samples in their source, ascending.
func (c *Component) Rows() []int { return c.train.numbers() }

// Tests returns how many samples the test has at this node.
func (c *Component) Tests() int { return c.held().len() }

// Held returns the source of the test.
func (c *Component) Held() dataset.Source { return c.held().source }

// HeldRows returns the numbers of the samples of the test in their source, ascending.
func (c *Component) HeldRows() []int { return c.held().numbers() }

func (c *Component) held() holds {
	if t, ok := c.test.source.(dataset.Tested); ok {
		return holds{source: t.Test()}
	}
	return c.test
}

// Samples returns how many samples the node trains on; it is what the registry is told.
func (c *Component) Samples() int64 { return int64(c.train.len()) }

// State returns the cursor.
func (c *Component) State() any {
	if !c.plan.cursor {
		return &c.empty
	}
	return &c.st
}

// Restored checks the cursor.
func (c *Component) Restored() error {
	s, batch := c.st, c.plan.batch
	if s.Epoch < 0 || s.Epoch > int64(c.plan.epochs) || s.Position < 0 || s.Position > c.Samples()+int64(batch) ||
		s.Position%int64(batch) != 0 {
		return fmt.Errorf("%s: cursor at epoch %d, position %d does not fit %d samples in batches of %d",
			c.slot, s.Epoch, s.Position, c.Samples(), batch)
	}
	return nil
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
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
	case "Tests":
		n, b := int64(c.held().len()), int64(c.plan.batch)
		if n == 0 {
			return nil, c.fail(value.CodeError, "this node holds no samples for a test")
		}
		return []value.Value{value.Int(n), value.Int((n + b - 1) / b)}, nil
	case "TestBatch":
		return c.testBatch(in)
	case methodMoments:
		return c.measure(ctx)
	case "Pass":
		if _, ok := intAt(in, 0); !ok || c.train.source == nil {
			return nil, c.fail(value.CodeError, "Pass takes the round as an Int, of a node that holds samples to train on")
		}
		return []value.Value{value.Int(c.perEpoch())}, nil
	case "Turn":
		round, ok := intAt(in, 0)
		if !ok {
			return nil, c.fail(value.CodeType, "Turn takes the round as an Int")
		}
		t, err := tensor.FromInt64(nil, []int64{round})
		return []value.Value{value.Tensor{Tensor: t}}, err
	case "Key":
		round, a := intAt(in, 0)
		step, b := intAt(in, 1)
		if !a || !b {
			return nil, c.fail(value.CodeType, "Key takes the round and the step as Ints")
		}
		t, err := tensor.FromInt64(nil, []int64{int64(c.stream("/key", round, step).Uint64())})
		return []value.Value{value.Tensor{Tensor: t}}, err
	case "Test":
		held := c.held()
		if held.len() == 0 {
			return nil, c.fail(value.CodeError, "this node holds no samples for a test")
		}
		return c.batch(held.source, held.numbers())
	}
	return nil, c.fail(value.CodeError, "no op %q; want Begin, NextBatch, Reset, Loaded or Test", method)
}

func (c *Component) begin(in []value.Value) ([]value.Value, error) {
	round, ok := intAt(in, 0)
	if !ok {
		return nil, c.fail(value.CodeType, "Begin takes the round as an Int")
	}
	if c.train.source == nil {
		return nil, c.fail(value.CodeError, "this node holds no partition; set the option \"partition\", or give it "+
			"rows of its own")
	}
	if c.plan.cursor {
		c.st = State{Begun: true, Round: round}
	}
	return []value.Value{value.Int(c.Samples()), value.Int(c.steps())}, nil
}

// next reads the batch of a step and leaves the cursor behind it. The batch is a function of the round and the step
// alone, so that the steps of a round that goes on late cannot shift those of the next round.
func (c *Component) next(in []value.Value) ([]value.Value, error) {
	perEpoch, batch := c.perEpoch(), int64(c.plan.batch)
	step, numbered := intAt(in, 0)
	round, given := intAt(in, 1)
	if !c.plan.cursor && !(numbered && given) {
		return nil, c.fail(value.CodeType, "NextBatch takes the step and the round as Ints")
	}
	if !numbered {
		step = c.st.Epoch*perEpoch + c.st.Position/batch
	}
	if !given {
		if round = c.st.Round; !c.st.Begun {
			return nil, c.fail(value.CodeError, "NextBatch before Begin; want Begin(round) first, or the round as "+
				"second input")
		}
	}
	if step < 0 || step >= c.steps() {
		return nil, c.fail(value.CodeOverflow, "step %d of round %d, which has %d steps", step, round, c.steps())
	}
	epoch, k := step/perEpoch, step%perEpoch
	at := k * batch
	numbers := c.places(round, epoch, int(at), int(batch))
	if c.st.Begun && round == c.st.Round {
		c.st.Epoch, c.st.Position = epoch, at+batch
		if k == perEpoch-1 {
			c.st.Epoch, c.st.Position = epoch+1, 0
		}
	}
	return c.batch(c.train.source, numbers)
}

// places returns the rows of a batch: n of the order of a round and epoch from position at on, going round at the end.
func (c *Component) places(round, epoch int64, at, n int) []int {
	numbers := make([]int, n)
	if b := c.blocks(round, epoch); b != nil {
		for i := range numbers {
			numbers[i] = b.at((at + i) % b.n)
		}
		return numbers
	}
	rows := c.rows(round, epoch)
	for i := range numbers {
		numbers[i] = rows[(at+i)%len(rows)]
	}
	return numbers
}

// batch returns samples by their numbers.
func (c *Component) batch(s dataset.Source, numbers []int) ([]value.Value, error) {
	n := len(numbers)
	schema := s.Schema()
	b := schema.Batch(n)
	if err := s.Read(numbers, b); err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	return tensors(schema, n, b)
}

// steps returns the number of batches in a round.
func (c *Component) steps() int64 { return int64(c.plan.epochs) * c.perEpoch() }

// perEpoch returns the number of batches in an epoch.
func (c *Component) perEpoch() int64 {
	b := int64(c.plan.batch)
	return (c.Samples() + b - 1) / b
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}

// numbers returns the rows, also where they are all.
func (h holds) numbers() []int {
	if h.rows != nil {
		return h.rows
	}
	out := make([]int, h.len())
	for i := range out {
		out[i] = i
	}
	return out
}

// from returns n rows from position at on, going round at the end.
func (h holds) from(at, n int) []int {
	out := make([]int, n)
	for i := range out {
		if out[i] = (at + i) % h.len(); h.rows != nil {
			out[i] = h.rows[out[i]]
		}
	}
	return out
}

// stream returns the chance of a round and epoch, for a purpose of the order.
func (c *Component) stream(purpose string, numbers ...int64) *draw.Stream {
	of := make([]uint64, 0, 4)
	if !c.plan.named && c.part != none {
		of = append(of, uint64(c.part))
	}
	for _, n := range numbers {
		of = append(of, uint64(n))
	}
	switch {
	case c.plan.named:
		return draw.New(c.seed, c.plan.orders+c.name+purpose, of...)
	case c.part == none:
		return draw.New(c.seed, c.plan.orders+"/"+c.name+purpose, of...)
	}
	return draw.New(c.seed, c.plan.orders+purpose, of...)
}

// order is the order in which a round and epoch reads the own samples.
type order struct {
	round, epoch int64
	list         []int // nil when nothing was drawn yet
}

// rows returns the order of a round and epoch: a permutation drawn from the seed, the partition, the round and the
// epoch. The last one is kept, but where there may be very many nodes.
func (c *Component) rows(round, epoch int64) []int {
	if c.order.list != nil && c.order.round == round && c.order.epoch == epoch {
		return c.order.list
	}
	s := c.stream("", round, epoch)
	list := append([]int(nil), c.train.numbers()...)
	s.Shuffle(list, len(list))
	if c.plan.cursor {
		c.order = order{round, epoch, list}
	}
	return list
}
