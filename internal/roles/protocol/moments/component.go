package moments

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Component is the moments at one node. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	st   State
}

// State is the sums so far, and then the constants.
type State struct {
	From []string `snap:"1"` // who contributed, ascending
	// Sums are of all of them, until the constants are made: counts, sums and sums of squares, as tensors.
	Sums []value.Value `snap:"2"`
	// Scale is what features are shifted and divided by, two tensors of float64; none before.
	Scale []value.Value `snap:"3"`
	// Samples is how many samples the constants are of: the most that a feature had numbers of.
	Samples int64 `snap:"4"`
}

// New returns the moments of a slot.
func New(slot string, cfg Config) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Component{slot: slot, cfg: cfg}, nil
}

// State returns the sums and the constants.
func (c *Component) State() any { return &c.st }

// Restored checks the sums and the constants.
func (c *Component) Restored() error {
	if err := c.check(); err != nil {
		return fmt.Errorf("%s: %w", c.slot, err)
	}
	return nil
}

func (c *Component) check() error {
	if !slices.IsSorted(c.st.From) || len(slices.Compact(slices.Clone(c.st.From))) != len(c.st.From) {
		return errors.New("the peers are not in order")
	}
	if len(c.st.Scale) > 0 {
		for _, v := range c.st.Scale {
			t, ok := v.(value.Tensor)
			if !ok || t.DType() != tensor.Float64 || t.Len() != c.cfg.Features || len(c.st.Scale) != 2 {
				return fmt.Errorf("the constants are not two tensors of %d float64", c.cfg.Features)
			}
		}
	}
	if len(c.st.Sums) == 0 {
		return nil
	}
	if len(c.st.From) == 0 || len(c.st.Scale) > 0 {
		return errors.New("there are sums of nobody, or beside constants")
	}
	_, err := parse(c.st.Sums, c.cfg.Features)
	return err
}

// Invoke runs one op; the package comment lists them. What is refused is counted under its code.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	switch method {
	case "Contribute":
		if f := c.contribute(ctx, in); f != nil {
			ctx.Count("refused." + f.Code)
			return nil, f
		}
		return []value.Value{value.Trigger{}}, nil
	case "Refuse":
		return c.refuse(ctx, in)
	case "Constants":
		return c.constants(ctx, in)
	case "Scale":
		return c.scale()
	}
	return nil, c.fail(value.CodeError, "no op %q; want Contribute, Refuse, Constants or Scale", method)
}

// contribute does all checks before the first change, so that what is refused leaves everything as it was.
func (c *Component) contribute(ctx *engine.Context, in []value.Value) *value.Failure {
	number, ok1 := at[value.Int](in, 0)
	who, ok2 := at[value.Peer](in, 1)
	if len(in) != 5 || !ok1 || !ok2 {
		return c.fail(value.CodeType, "a contribution is round, peer, counts, sums and squares, not %d values", len(in))
	}
	rounds, f := c.rounds(ctx)
	if f != nil {
		return f
	}
	if f := rounds.Accept(int64(number), wire.PeerID(who)); f != nil {
		return f
	}
	m, err := parse(in[2:], c.cfg.Features)
	if err != nil {
		return c.fail(value.CodeError, "%s: %v", who, err)
	}
	if f := c.checkCounts(ctx, wire.PeerID(who), m); f != nil {
		return f
	}
	i, there := slices.BinarySearch(c.st.From, string(who))
	switch {
	case len(c.st.Scale) > 0:
		return c.fail(value.CodeLate, "%s sends sums, and the constants are made", who)
	case there:
		return c.fail(value.CodeDuplicate, "%s sent its sums before", who)
	}
	if len(c.st.Sums) > 0 {
		all, err := parse(c.st.Sums, c.cfg.Features)
		if err == nil {
			err = all.Merge(m)
		}
		if err != nil {
			return c.fail(value.CodeError, "%s: %v", who, err)
		}
		m = all
	}
	sums, err := Values(m)
	if err != nil {
		return c.fail(value.CodeError, "%s: %v", who, err)
	}
	c.st.Sums, c.st.From = sums, slices.Insert(c.st.From, i, string(who))
	rounds.Settle(ctx, int64(number), wire.PeerID(who))
	return nil
}

// checkCounts holds how many numbers a peer summed against the samples that it joined with.
func (c *Component) checkCounts(ctx *engine.Context, who wire.PeerID, m *dataset.Moments) *value.Failure {
	registry, ok := ctx.Dep(c.cfg.Registry).(Registry)
	if !ok {
		return c.fail(value.CodeError, "slot %q holds no component that knows the samples of peers", c.cfg.Registry)
	}
	known, ok := registry.Samples(who)
	if !ok {
		return c.fail(value.CodeStranger, "%s never joined", who)
	}
	for i, n := range m.Counts {
		if n > known*int64(c.cfg.Each) {
			return c.fail(value.CodeError, "%s has %d numbers of feature %d, and joined with %d samples of %d each", who,
				n, i, known, c.cfg.Each)
		}
	}
	return nil
}

func (c *Component) refuse(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	number, ok1 := at[value.Int](in, 0)
	who, ok2 := at[value.Peer](in, 1)
	if len(in) != 3 || !ok1 || !ok2 {
		return nil, c.fail(value.CodeType, "a refusal is round, peer, and what Catch gives")
	}
	why, ok := engine.Caught(in[2])
	if !ok {
		return nil, c.fail(value.CodeType, "a refusal is a List of code, place and message, not %s", in[2].Type())
	}
	rounds, f := c.rounds(ctx)
	if f != nil {
		return nil, f
	}
	rounds.Refuse(ctx, int64(number), wire.PeerID(who), why)
	return []value.Value{value.Trigger{}}, nil
}

// constants makes the constants of the very peers that the round counts, and tells them: how many peers and samples
// they are of, what is shifted and divided by, whether as float32, and whose sums did not count.
func (c *Component) constants(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	number, ok1 := at[value.Int](in, 0)
	members, ok2 := at[*value.List](in, 1)
	if len(in) != 2 || !ok1 || !ok2 {
		return nil, c.fail(value.CodeType, "Constants takes a round and its members")
	}
	rounds, f := c.rounds(ctx)
	if f != nil {
		return nil, f
	}
	var peers []string
	for _, v := range members.Items() {
		p, ok := v.(value.Peer)
		if !ok {
			return nil, c.fail(value.CodeType, "a member is a %s, want a peer", v.Type())
		}
		peers = append(peers, string(p))
	}
	slices.Sort(peers)
	if len(c.st.Sums) == 0 || !slices.Equal(peers, c.st.From) {
		return nil, c.fail(value.CodeError, "the round counts %d members, which are not the %d whose sums were added",
			len(peers), len(c.st.From))
	}
	m, err := parse(c.st.Sums, c.cfg.Features)
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	shift, divide, err := m.Constants("standard", c.cfg.Divisor)
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	scale := make([]value.Value, 2)
	for i, list := range [][]float64{shift, divide} {
		t, err := tensor.FromFloat64([]int{len(list)}, list)
		if err != nil {
			return nil, c.fail(value.CodeError, "%v", err)
		}
		scale[i] = value.Tensor{Tensor: t}
	}
	c.st.Scale, c.st.Sums, c.st.Samples = scale, nil, slices.Max(m.Counts)/int64(c.cfg.Each)
	var refused []value.Value
	who, why := rounds.Refusals(int64(number))
	for i := range who {
		refused = append(refused, value.NewList(value.Peer(who[i]), value.String(why[i])))
	}
	told := value.NewList(value.Int(len(c.st.From)), value.Int(c.st.Samples), scale[0], scale[1],
		value.Bool(c.cfg.Single), value.NewList(refused...))
	return []value.Value{told, scale[0], scale[1]}, nil
}

// scale gives the constants as ops take them.
func (c *Component) scale() ([]value.Value, error) {
	if len(c.st.Scale) == 0 {
		return nil, c.fail(value.CodeError, "the constants are not made yet")
	}
	out := make([]value.Value, 2)
	for i, v := range c.st.Scale {
		x := v.(value.Tensor).Float64() // as Restored and constants have seen
		t, err := tensor.FromFloat64(c.cfg.Shape, x)
		if c.cfg.Single {
			single := make([]float32, len(x))
			for k, v := range x {
				single[k] = float32(v)
			}
			t, err = tensor.FromFloat32(c.cfg.Shape, single)
		}
		if err != nil {
			return nil, c.fail(value.CodeError, "%v", err)
		}
		out[i] = value.Tensor{Tensor: t}
	}
	return out, nil
}

// Told returns of how many clients and samples the constants are, and what features are shifted and divided by; false
// where they are not made.
func (c *Component) Told() (clients int, samples int64, shift, divide []float64, ok bool) {
	if len(c.st.Scale) == 0 {
		return 0, 0, nil, nil, false
	}
	return len(c.st.From), c.st.Samples, c.st.Scale[0].(value.Tensor).Float64(), c.st.Scale[1].(value.Tensor).Float64(),
		true
}

func (c *Component) rounds(ctx *engine.Context) (Rounds, *value.Failure) {
	if r, ok := ctx.Dep(c.cfg.Rounds).(Rounds); ok {
		return r, nil
	}
	return nil, c.fail(value.CodeError, "slot %q holds no component that knows who may contribute", c.cfg.Rounds)
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}

// at returns input i when it is there and of type T.
func at[T value.Value](in []value.Value, i int) (T, bool) {
	if i >= len(in) {
		var none T
		return none, false
	}
	v, ok := in[i].(T)
	return v, ok
}
