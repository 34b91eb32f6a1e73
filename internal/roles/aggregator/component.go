package aggregator

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Component is the aggregator of one node. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	st   State

	combine  *strategy.Chosen // how updates become one; nil for the exact mean
	keptMost int              // the constant, but in tests

	past  []Past    // rounds that are over
	spare []Sum     // of a round that is over, whose memory the next one takes
	room  []float32 // in which a chunk is widened
}

// New returns the aggregator of a slot.
func New(slot string, cfg Config) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	combine, err := combineOf(cfg.Combine)
	if err != nil {
		return nil, err
	}
	c := &Component{slot: slot, cfg: cfg, combine: combine, keptMost: keptMost}
	c.cfg.Gather.Keeps = cfg.Gather.Keeps || c.judges() // the parameters before are one of the points
	return c, nil
}

// State returns the open rounds.
func (c *Component) State() any { return &c.st }

// Restored checks the open rounds.
func (c *Component) Restored() error {
	if err := c.st.check(c.cfg); err != nil {
		return fmt.Errorf("%s: %w", c.slot, err)
	}
	return nil
}

// Invoke runs one op; the package comment lists them. A refused contribution is counted under its code.
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
	case "Mean":
		return c.mean(ctx, in)
	case "Trust":
		return c.trust(ctx, in)
	case "Sum":
		return c.sum(ctx, in)
	case "AddSum":
		n, f := c.addSum(ctx, in)
		if f != nil {
			ctx.Count("refused." + f.Code)
			return nil, f
		}
		return []value.Value{value.Int(n)}, nil
	case "Aggregate":
		if i, f := c.closing(method, in); f == nil && c.st.Rounds[i].Shares[0].lends() != nil {
			return nil, c.fail(value.CodeError, "the updates of the round are lent; want Mean")
		}
		out, err := c.mean(ctx, in)
		return out[:min(len(out), 2)], err
	}
	return nil, c.fail(value.CodeError, "no op %q; want Contribute, Refuse, Mean, Trust, Aggregate, "+
		"Sum or AddSum", method)
}

// contribute does all checks before the first change, so that a refused update leaves everything as it was.
func (c *Component) contribute(ctx *engine.Context, in []value.Value) *value.Failure {
	said := []value.Value(nil) // of its loss
	if len(in) == 6 {
		in, said = in[:4], in[4:]
	}
	losses, told, f := c.told(said)
	if f != nil {
		return f
	}
	if len(in) != 4 {
		return c.fail(value.CodeType,
			"a contribution is round, peer, update, samples, and perhaps two losses, not %d values", len(in))
	}
	update, ok := in[2].(*value.List)
	loan, lent := in[2].(*value.Loan)
	ok = ok || lent
	number, ok1 := in[0].(value.Int)
	who, ok2 := in[1].(value.Peer)
	samples, ok4 := in[3].(value.Int)
	if !ok1 || !ok2 || !ok || !ok4 {
		return c.fail(value.CodeType, "a contribution is an Int, a Peer, a List and an Int, not %s, %s, %s and %s",
			typeOf(in[0]), typeOf(in[1]), typeOf(in[2]), typeOf(in[3]))
	}
	rounds, ok := ctx.Dep(c.cfg.Rounds).(Rounds)
	if !ok {
		return c.fail(value.CodeError, "slot %q holds no component that knows who may contribute", c.cfg.Rounds)
	}
	if f := rounds.Accept(int64(number), wire.PeerID(who)); f != nil {
		return f
	}
	if f := c.checkSamples(ctx, wire.PeerID(who), int64(samples)); f != nil {
		return f
	}
	c.supersede(ctx, int64(number))
	r, at, f := c.place(int64(number), string(who))
	if f != nil {
		return f
	}
	shapes, f := c.shapes(ctx, r)
	if f != nil {
		return f
	}
	types := c.stored(ctx)
	var tensors []*tensor.Tensor
	if lent {
		f = c.lent(loan, shapes, types, r)
	} else if tensors, f = c.check(update, shapes, types); f == nil && r != nil && r.Shares[0].lends() != nil {
		f = c.fail(value.CodeError, "the update is whole, others of the round are lent")
	}
	if f != nil {
		return f
	}
	weight := c.weight(int64(samples))
	if f := c.keepsMore(tensors); f != nil {
		return f
	}
	if lent {
		if f := ctx.Borrow(loan); f != nil {
			return f
		}
	}
	tensors, direction, f := c.measured(ctx, int64(number), string(who), int64(samples), tensors, r == nil ||
		len(r.Shares) < probedMax)
	if f != nil {
		return f
	}
	if r == nil {
		i, _ := c.st.find(int64(number))
		c.st.Rounds = slices.Insert(c.st.Rounds, i, Round{Number: int64(number)})
		if r = &c.st.Rounds[i]; c.combine == nil {
			r.Tensors = c.newSums(tensors)
		}
	}
	share := Share{Peer: string(who), Samples: weight, Probe: direction}
	if lent {
		share.Loan = loan
	}
	if c.combine != nil {
		for _, t := range tensors {
			share.Update = append(share.Update, value.Tensor{Tensor: t})
		}
		tensors = nil // they are not summed
	}
	r.Shares = slices.Insert(r.Shares, at, share)
	r.Total += weight
	r.fold(tensors, weight)
	if c.cfg.Figures {
		x := c.st.client(string(who))
		if x.Told = told; !told {
			losses = [2]float64{}
		}
		x.Before, x.After = losses[0], losses[1]
	}
	rounds.Settle(ctx, int64(number), wire.PeerID(who))
	return nil
}

// weight returns what an update weighs that was trained on so many samples.
func (c *Component) weight(samples int64) int64 {
	if c.cfg.Weighting == Uniform {
		return 1
	}
	if c.cfg.MaxSamples > 0 {
		return min(samples, c.cfg.MaxSamples)
	}
	return samples
}

func typeOf(v value.Value) value.TypeID {
	if v == nil {
		return "nothing"
	}
	return v.Type()
}

// checkSamples holds the claimed samples against the bound and against what the peer joined with.
func (c *Component) checkSamples(ctx *engine.Context, who wire.PeerID, samples int64) *value.Failure {
	if samples < 1 || samples >= exact.SamplesMax {
		return c.fail(value.CodeOverflow, "%s weighs its update with %d samples; want 1 to %d", who, samples,
			exact.SamplesMax-1)
	}
	registry, ok := ctx.Dep(c.cfg.Registry).(Registry)
	if !ok {
		return c.fail(value.CodeError, "slot %q holds no component that knows the samples of peers", c.cfg.Registry)
	}
	switch known, ok := registry.Samples(who); {
	case !ok:
		return c.fail(value.CodeStranger, "%s never joined", who)
	case samples > known:
		return c.fail(value.CodeError, "%s claims %d samples and joined with %d", who, samples, known)
	}
	return nil
}

// place returns the open round, or nil when this is its first contribution, and where the peer's share goes.
func (c *Component) place(number int64, who string) (*Round, int, *value.Failure) {
	i, open := c.st.find(number)
	if !open {
		if len(c.st.Rounds) >= c.cfg.MaxOpen {
			return nil, 0, c.fail(value.CodeOverflow, "%d rounds are open, which is the limit; round %d has to wait",
				c.cfg.MaxOpen, number)
		}
		return nil, 0, nil
	}
	r := &c.st.Rounds[i]
	at, there := r.share(who)
	switch {
	case there:
		return nil, 0, c.fail(value.CodeDuplicate, "%s contributed to round %d before", who, number)
	case len(r.Shares) >= c.partsMost():
		return nil, 0, c.fail(value.CodeOverflow, "round %d has %d contributions, which is the limit", number,
			c.partsMost())
	}
	return r, at, nil
}

// shapes returns what an update must look like: as the round so far, else as the model; nil means that any will do.
func (c *Component) shapes(ctx *engine.Context, r *Round) ([][]int, *value.Failure) {
	if r != nil && len(r.Tensors) > 0 {
		shapes := make([][]int, len(r.Tensors))
		for i := range shapes {
			shapes[i] = r.Tensors[i].Shape
		}
		return shapes, nil
	}
	if r != nil && len(r.Shares[0].Update) > 0 {
		shapes := make([][]int, len(r.Shares[0].Update))
		for i, v := range r.Shares[0].Update {
			shapes[i] = v.(value.Tensor).Shape()
		}
		return shapes, nil
	}
	if c.cfg.Model == "" {
		return nil, nil
	}
	model, ok := ctx.Dep(c.cfg.Model).(Model)
	if !ok {
		return nil, c.fail(value.CodeError, "slot %q holds no component that knows the model's shapes", c.cfg.Model)
	}
	return append(slices.Clip(model.Shapes()), c.cfg.Beside...), nil
}

// check returns the update's tensors, in float32, when all of them have the shapes (if any are given) and the types,
// and can be summed.
func (c *Component) check(update *value.List, shapes [][]int, types []tensor.DType) ([]*tensor.Tensor,
	*value.Failure) {
	if update.Len() == 0 || shapes != nil && update.Len() != len(shapes) {
		return nil, c.fail(value.CodeError, "the update has %d tensors, want %d", update.Len(), max(1, len(shapes)))
	}
	tensors, left := make([]*tensor.Tensor, update.Len()), c.cfg.MaxElements
	for i, v := range update.Items() {
		t, ok := v.(value.Tensor)
		switch {
		case !ok:
			return nil, c.fail(value.CodeType, "item %d of the update is a %s, want a tensor", i, v.Type())
		case t.DType() != typeAt(types, i):
			return nil, c.fail(value.CodeError, "tensor %d of the update is %s, want %s", i, t.DType(),
				typeAt(types, i))
		case shapes != nil && !slices.Equal(t.Shape(), shapes[i]):
			return nil, c.fail(value.CodeError, "tensor %d of the update has shape %v, want %v", i, t.Shape(),
				shapes[i])
		case t.Len() > left:
			return nil, c.fail(value.CodeOverflow, "the update has more than %d elements, which is the limit",
				c.cfg.MaxElements)
		}
		left -= t.Len()
		var err error
		if tensors[i], err = half.Widen(t.Tensor); err != nil {
			return nil, c.fail(value.CodeError, "tensor %d of the update: %v", i, err)
		}
		x := tensors[i].Float32()
		if k := Summable(x); k >= 0 {
			code := value.CodeError
			if c.cfg.Figures {
				code = CodeDiverged
			}
			return nil, c.fail(code, "%s", outside(fmt.Sprintf("tensor %d", i), k, x[k], t.DType()))
		}
		if f := c.variance(i, x); f != nil {
			return nil, f
		}
	}
	return tensors, nil
}

// mean gives the mean of a round, all its samples, and whom it counts: it computes it first and only then closes the
// round. Updates that are lent are gathered first, and the call waits for them.
func (c *Component) mean(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	if c.rooted() {
		return nil, c.fail(value.CodeType, "%s judges by the server's own training; want Trust", c.combine.Name)
	}
	return c.meanBy(ctx, in, nil)
}

// meanBy is mean, of updates that are judged by the server's own where there is one.
func (c *Component) meanBy(ctx *engine.Context, in, root []value.Value) ([]value.Value, error) {
	if c.skips(in) {
		return c.skipped(ctx, in)
	}
	i, f := c.closing("Mean", in)
	if f != nil {
		return nil, f
	}
	r := &c.st.Rounds[i]
	if len(r.Shares) > 0 && r.Shares[0].lends() != nil {
		if f := c.gather(ctx, r, root); f != nil {
			return nil, f
		}
		return nil, nil
	}
	types := c.stored(ctx)
	if c.cfg.Wide {
		types = nil
	}
	var weights []float64
	var before []*tensor.Tensor
	if c.judges() {
		if weights, before, f = c.judgeWhole(ctx, r, root); f != nil {
			return nil, f
		}
	}
	mean, err := r.mean(types)
	if c.combine != nil {
		mean, err = c.combineAll(r, types, weights, before)
	}
	if err != nil {
		return nil, err
	}
	total := value.Int(r.Total)
	if c.cfg.Figures {
		c.compare(r, weights)
	}
	c.remember(r.Number, r.Shares, weights)
	c.keep(r.Tensors)
	c.st.Rounds = slices.Delete(c.st.Rounds, i, i+1)
	return []value.Value{mean, total, in[1], value.Int(len(in[1].(*value.List).Items()))}, nil
}

// CodeDiverged marks an update that is no number, or out of range: training went wrong, and not the network.
const CodeDiverged = "diverged"

// skips says whether a round closes with nobody. in is the round and its members.
func (c *Component) skips(in []value.Value) bool {
	_, ok := at[value.Int](in, 0)
	members, ok2 := at[*value.List](in, 1)
	return c.cfg.Skips && len(in) == 2 && ok && ok2 && members.Len() == 0
}

// forget drops what came for a round.
func (c *Component) forget(ctx *engine.Context, number int64) {
	if i, open := c.st.find(number); open {
		giveBack(ctx, c.st.Rounds[i].Shares)
		c.st.Rounds = slices.Delete(c.st.Rounds, i, i+1)
	}
}

// skipped forgets what came for a round that closed with nobody, and gives the parameters of before.
func (c *Component) skipped(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	params, f := c.before(ctx)
	if f != nil {
		return nil, f
	}
	number, _ := at[value.Int](in, 0)
	c.forget(ctx, int64(number))
	out := make([]value.Value, len(params))
	for i, t := range params {
		out[i] = value.Tensor{Tensor: t}
	}
	return []value.Value{value.NewList(out...), value.Int(0), value.NewList(), value.Int(0)}, nil
}

// closing returns the place of the round that is to be closed, if the members are those who contributed.
func (c *Component) closing(method string, in []value.Value) (int, *value.Failure) {
	if len(in) != 2 {
		return 0, c.fail(value.CodeType, "%s takes round and members, not %d values", method, len(in))
	}
	number, ok1 := in[0].(value.Int)
	members, ok2 := in[1].(*value.List)
	if !ok1 || !ok2 {
		return 0, c.fail(value.CodeType, "%s takes an Int and a List, not %s and %s", method, in[0].Type(),
			in[1].Type())
	}
	i, open := c.st.find(int64(number))
	if !open {
		return 0, c.fail(value.CodeError, "round %d has no contributions", number)
	}
	return i, c.checkMembers(&c.st.Rounds[i], members)
}

// checkMembers says whether the peers that the round counts are those whose updates were folded: the model must be the
// mean of the very set that the journal names.
func (c *Component) checkMembers(r *Round, members *value.List) *value.Failure {
	peers := make([]string, members.Len())
	for i, v := range members.Items() {
		p, ok := v.(value.Peer)
		if !ok {
			return c.fail(value.CodeType, "member %d is a %s, want a peer", i, v.Type())
		}
		peers[i] = string(p)
	}
	slices.Sort(peers)
	if !slices.EqualFunc(peers, r.Shares, func(p string, s Share) bool { return p == s.Peer }) {
		return c.fail(value.CodeError, "round %d counts %d members, which are not the %d whose updates were folded",
			r.Number, len(peers), len(r.Shares))
	}
	return nil
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
