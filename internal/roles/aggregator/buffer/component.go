package buffer

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Component is the buffer of one node. It is thread-unsafe, like every component.
type Component struct {
	slot     string
	cfg      Config
	strategy strategy.Chosen
	need     int // updates that become a version
	st       State
}

// New returns the buffer of a slot.
func New(slot string, cfg Config) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := chosen(cfg.Strategy)
	if err != nil {
		return nil, err
	}
	need := s.Buffer(s)
	if need < 1 || need > foldedMax {
		return nil, fmt.Errorf("%s: %d updates are to make a version; want 1 to %d", slot, need, foldedMax)
	}
	return &Component{slot: slot, cfg: cfg, strategy: s, need: need}, nil
}

// State returns who trains, and what came.
func (c *Component) State() any { return &c.st }

// Clients returns the figures of all peers that answered, sorted by peer; they must not be changed.
func (c *Component) Clients() []aggregator.Client { return c.st.Clients }

// Over returns who made what followed a version, in the order of acceptance, with what each weighs, and whose answers
// were refused meanwhile; ok is false where that is forgotten, or still to come.
func (c *Component) Over(version int64) (made []Fold, weights []float64, refused []Refusal, ok bool) {
	for _, m := range c.st.Past {
		if m.Version == version {
			for _, f := range m.Folded {
				weights = append(weights, float64(float64(f.Samples)*c.strategy.Stale(c.strategy, f.Age)))
			}
			return m.Folded, weights, m.Refused, true
		}
	}
	return nil, nil, nil, false
}

// Awaiting returns after which version updates are awaited, how many become the next, how many are there, and who owes
// one, sorted; need is 0 where none is awaited.
func (c *Component) Awaiting() (version int64, need, have int, owe []wire.PeerID) {
	if len(c.st.Waiting) == 0 {
		return 0, 0, 0, nil
	}
	for _, q := range c.st.Out {
		owe = append(owe, wire.PeerID(q.Peer))
	}
	return c.st.Version, c.wanted(), len(c.st.Folded), owe
}

// Restored checks the state.
func (c *Component) Restored() error {
	if err := c.st.check(c.need, c.strategy.Closes); err != nil {
		return fmt.Errorf("%s: %w", c.slot, err)
	}
	return nil
}

// Invoke runs one op; the package comment lists them. A refused contribution is counted under its code.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	switch method {
	case "Begin":
		c.st.Begun = true
		c.idle(ctx)
		c.open(ctx)
		return c.looks(ctx)
	case "Asked":
		return c.asked(ctx, in)
	case "Contribute":
		if f := c.contribute(ctx, in); f != nil {
			ctx.Count("refused." + f.Code)
			return nil, f
		}
		return []value.Value{value.Trigger{}}, nil
	case "Refuse":
		out, err := c.refuse(ctx, in)
		c.decide(ctx, false)
		return out, err
	case "Await":
		return c.await(ctx, in)
	case "Load":
		return c.load(ctx, in)
	case "Failed":
		return c.failed(in)
	}
	return nil, c.fail(value.CodeError, "no op %q; want Begin, Asked, Contribute, Refuse, Await, Load or Failed", method)
}

// await gives what becomes the next version, when it is there.
func (c *Component) await(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	version, ok := at[value.Int](in, 0)
	switch {
	case len(in) != 1 || !ok:
		return nil, c.fail(value.CodeType, "Await takes the version as an Int")
	case int64(version) != c.st.Version || c.st.Taken || !c.st.Begun:
		return nil, c.fail(value.CodeError, "what follows version %d cannot be awaited: the model has version %d, begun = "+
			"%v, given away = %v", version, c.st.Version, c.st.Begun, c.st.Taken)
	case c.st.Failed:
		return nil, c.fail(value.CodeError, "%s", c.st.Why)
	case len(c.st.Waiting) > 0:
		return nil, c.fail(value.CodeOverflow, "a call waits for what follows version %d already", version)
	}
	if c.st.Ended { // and there are more versions than there were, as of a job that was forked
		c.st.Ended = false
		c.idle(ctx)
		c.open(ctx)
		if _, err := c.looks(ctx); err != nil {
			return nil, err
		}
	}
	if c.full() {
		return c.take(ctx)
	}
	c.st.Waiting = append(c.st.Waiting, uint64(ctx.Park()))
	return nil, nil
}

// full says whether there is what becomes a version.
func (c *Component) full() bool { return c.st.Closed || len(c.st.Folded) >= c.need }

// folds says whether an update that comes now is folded at once.
func (c *Component) folds() bool { return !c.st.Taken && !c.full() }

// give gives what becomes a version to the call that waits for it.
func (c *Component) give(ctx *engine.Context) {
	if len(c.st.Waiting) == 0 || !c.full() {
		return
	}
	call := engine.CallID(c.st.Waiting[0])
	c.st.Waiting = nil
	out, err := c.take(ctx)
	if err != nil {
		ctx.Reject(call, value.AsFailure(err, c.slot))
		return
	}
	ctx.Resolve(call, out...)
}

// take gives away what becomes a version.
func (c *Component) take(ctx *engine.Context) ([]value.Value, error) {
	weight, fresh := math.Float64frombits(c.st.Weight), math.Float64frombits(c.st.Fresh)
	mean := make([]value.Value, len(c.st.Sums))
	for i := range c.st.Sums {
		t, err := c.st.Sums[i].over(fresh)
		if err != nil {
			return nil, c.fail(value.CodeError, "%v", err)
		}
		mean[i] = value.Tensor{Tensor: t}
	}
	share, err := tensor.FromFloat32(nil, []float32{float32(fresh / weight)})
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	var who, ages, calls []value.Value
	for _, f := range c.st.Folded {
		who, ages = append(who, value.Peer(f.Peer)), append(ages, value.Int(f.Age))
		calls = append(calls, value.Int(f.Call))
	}
	if len(c.st.Past) == pastMax {
		c.st.Past = slices.Delete(c.st.Past, 0, 1)
	}
	c.st.Past = append(c.st.Past, Made{Version: c.st.Version, Folded: c.st.Folded, Refused: slices.Clone(c.st.Refused)})
	c.shut(ctx)
	c.st.Taken, c.st.Closed = true, false
	c.st.Folded, c.st.Sums, c.st.Weight, c.st.Fresh = nil, nil, 0, 0
	return []value.Value{value.NewList(mean...), value.Tensor{Tensor: share}, value.NewList(who...),
		value.NewList(ages...), value.NewList(calls...), value.Int(len(who))}, nil
}

// load puts the parameters of what follows a version into the model, has those asked who have nothing to do, and folds
// what came meanwhile.
func (c *Component) load(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	version, ok1 := at[value.Int](in, 0)
	params, ok2 := at[*value.List](in, 1)
	last, ok3 := at[value.Int](in, 2)
	switch {
	case len(in) != 3 || !ok1 || !ok2 || !ok3:
		return nil, c.fail(value.CodeType, "Load takes an Int, a List of Tensor and an Int")
	case !c.st.Taken || int64(version) != c.st.Version:
		return nil, c.fail(value.CodeError, "nothing was given away that follows version %d: the model has version %d",
			version, c.st.Version)
	}
	model, f := c.model(ctx)
	if f == nil {
		f = model.Load(params.Items())
	}
	if f != nil {
		return nil, f
	}
	c.st.Version, c.st.Taken, c.st.Refused = int64(version)+1, false, nil
	if version >= last {
		c.end(ctx)
		return []value.Value{value.Trigger{}}, nil
	}
	c.withdraw(ctx)
	c.idle(ctx)
	c.open(ctx)
	c.drain(ctx)
	return []value.Value{value.Trigger{}}, nil
}

// end stops asking. What is still under way is not needed.
func (c *Component) end(ctx *engine.Context) {
	c.st.Ended = true
	if c.st.Armed {
		ctx.Disarm(lookToken)
	}
	if c.cfg.Edge != "" {
		ctx.Withdraw(c.cfg.Edge, func(value.Value) bool { return true })
	}
	c.st.Out, c.st.Queue, c.st.Lost, c.st.Armed = nil, nil, nil, false
}

// failed says what a job tells that cannot go on, from the failure that ended it: the version that was being made, why,
// and at whom.
func (c *Component) failed(in []value.Value) ([]value.Value, error) {
	failure, f := c.caught(in, 0)
	if f != nil {
		return nil, f
	}
	reason, who := failure.Where+": "+failure.Message, []value.Value{}
	if c.st.Failed {
		reason = c.st.Why
	}
	for _, r := range c.st.Refused[:min(len(c.st.Refused), toldMax)] {
		who = append(who, value.Peer(r.Peer))
	}
	return []value.Value{value.NewList(value.Int(c.st.Version), value.String(short(reason, 4096)),
		value.NewList(who...))}, nil
}

// caught reads what Catch gives at a place of the inputs, which is the last.
func (c *Component) caught(in []value.Value, i int) (why, f *value.Failure) {
	if len(in) == i+1 {
		if why, ok := engine.Caught(in[i]); ok {
			return why, nil
		}
	}
	return nil, c.fail(value.CodeType, "a failure is what Catch gives: a List of code, place and message")
}

func (c *Component) registry(ctx *engine.Context) (Registry, *value.Failure) {
	if r, ok := ctx.Dep(c.cfg.Registry).(Registry); ok {
		return r, nil
	}
	return nil, c.fail(value.CodeError, "slot %q holds no component that knows who is there", c.cfg.Registry)
}

func (c *Component) model(ctx *engine.Context) (Model, *value.Failure) {
	if m, ok := ctx.Dep(c.cfg.Model).(Model); ok {
		return m, nil
	}
	return nil, c.fail(value.CodeError, "slot %q holds no model", c.cfg.Model)
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

// short returns text of at most n bytes.
func short(text string, n int) string {
	if len(text) > n {
		text = text[:n-len("…")] + "…"
	}
	return strings.ToValidUTF8(text, "")
}

// drop takes a peer out of an ascending list.
func drop(list []string, peer string) []string {
	if i, there := slices.BinarySearch(list, peer); there {
		return slices.Delete(list, i, i+1)
	}
	return list
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
