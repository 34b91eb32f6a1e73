package rounds

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Component is the rounds of one node. It is thread-unsafe, like every component.
type Component struct {
	slot string
	cfg  Config
	st   State
}

// New returns the rounds of a slot.
func New(slot string, cfg Config) (*Component, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Component{slot: slot, cfg: cfg}, nil
}

// State returns the open and the remembered rounds.
func (c *Component) State() any { return &c.st }

// Restored checks the rounds.
func (c *Component) Restored() error {
	if err := c.st.check(c.cfg); err != nil {
		return fmt.Errorf("%s: %w", c.slot, err)
	}
	return nil
}

// Invoke runs one op; the package comment lists them.
func (c *Component) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method == "Failed" {
		return c.failed(in)
	}
	if len(in) != 2 {
		return nil, c.fail(value.CodeType, "%s takes 2 values, not %d", method, len(in))
	}
	number, ok := in[0].(value.Int)
	if !ok {
		return nil, c.fail(value.CodeType, "%s takes the round as an Int, not as %s", method, in[0].Type())
	}
	switch method {
	case "Open":
		if f := c.open(ctx, int64(number), in[1]); f != nil {
			return nil, f
		}
		return []value.Value{value.Trigger{}}, nil
	case "Await":
		return c.await(ctx, int64(number))
	case "Asked":
		return c.asked(int64(number), in[1])
	}
	return nil, c.fail(value.CodeError, "no op %q; want Open, Asked, Await or Failed", method)
}

func (c *Component) open(ctx *engine.Context, number int64, cohort value.Value) *value.Failure {
	peers, f := c.peers(cohort)
	if f != nil {
		return f
	}
	need := c.cfg.need(len(peers))
	switch {
	case c.st.find(number) != nil && !c.cfg.Newest || c.st.Forgot && number < c.st.Below:
		return c.fail(value.CodeDuplicate, "round %d was opened before, or is older than what is remembered", number)
	case need < 1 || need > len(peers):
		return c.fail(value.CodeError, "round %d needs %d contributions of a cohort of %d; want 1 to %d", number, need,
			len(peers), len(peers))
	case c.cfg.Newest && slices.ContainsFunc(c.st.Rounds, func(r Round) bool { return r.Number > number }):
		return c.fail(value.CodeLate, "round %d is older than one that was opened", number)
	case !c.cfg.Newest && c.st.count(false) >= c.cfg.MaxOpen:
		return c.fail(value.CodeOverflow, "%d rounds are open, which is the limit; round %d has to wait", c.cfg.MaxOpen,
			number)
	}
	if c.supersede(ctx); c.cfg.Newest {
		c.st.Rounds = slices.DeleteFunc(c.st.Rounds, func(r Round) bool { return r.Number == number })
	}
	r := Round{Number: number, Cohort: peers, Need: int64(need)}
	if c.cfg.ends() {
		return c.begin(ctx, r)
	}
	if d := c.cfg.deadline(); d > 0 {
		r.Deadline = ctx.Now() + d
		// One timer serves all rounds: those that are open already end before this one.
		if !c.st.Armed {
			if !ctx.Arm(d, 0) {
				return c.fail(value.CodeOverflow, "no timer is left for the deadline of round %d", number)
			}
			c.st.Armed = true
		}
	}
	c.st.Rounds = append(c.st.Rounds, r)
	return nil
}

// peers returns the cohort, sorted.
func (c *Component) peers(cohort value.Value) ([]string, *value.Failure) {
	list, ok := cohort.(*value.List)
	if !ok {
		return nil, c.fail(value.CodeType, "Open takes the cohort as a List of Peer, not as %s", cohort.Type())
	}
	if list.Len() > cohortMax {
		return nil, c.fail(value.CodeOverflow, "a cohort of %d, at most %d are allowed", list.Len(), cohortMax)
	}
	peers := make([]string, list.Len())
	for i, v := range list.Items() {
		p, ok := v.(value.Peer)
		if !ok {
			return nil, c.fail(value.CodeType, "item %d of the cohort is a %s, want a Peer", i, v.Type())
		}
		peers[i] = string(p)
	}
	slices.Sort(peers)
	if !ascending(peers) {
		return nil, c.fail(value.CodeError, "the cohort names a peer twice")
	}
	return peers, nil
}

func (c *Component) await(ctx *engine.Context, number int64) ([]value.Value, error) {
	r := c.st.find(number)
	switch {
	case r == nil:
		return nil, c.fail(value.CodeError, "round %d is not open, nor among the last %d that closed", number,
			c.cfg.Remember)
	case r.Failed:
		return nil, c.fail(value.CodeError, "%s", r.Why)
	case r.Closed:
		return []value.Value{members(r)}, nil
	case len(r.Waiting) >= waitingMax:
		return nil, c.fail(value.CodeOverflow, "%d calls wait for round %d, which is the limit", waitingMax, number)
	}
	r.Waiting = append(r.Waiting, uint64(ctx.Park()))
	return nil, nil
}

// Accept says whether the peer may contribute to the round now: nil, or a failure late, duplicate or stranger. It
// changes nothing.
func (c *Component) Accept(round int64, who wire.PeerID) *value.Failure {
	r := c.st.find(round)
	if r == nil {
		if c.st.Forgot && round < c.st.Below {
			return c.fail(value.CodeLate, "%s answers round %d, which closed long ago", who, round)
		}
		return c.fail(value.CodeStranger, "%s answers round %d, which was never opened", who, round)
	}
	_, settled := slices.BinarySearch(r.Settled, string(who))
	_, of := slices.BinarySearch(r.Cohort, string(who))
	if _, refused := r.refusal(string(who)); refused {
		return c.fail(value.CodeDuplicate, "%s was refused in round %d before", who, round)
	}
	switch {
	case settled:
		return c.fail(value.CodeDuplicate, "%s contributed to round %d before", who, round)
	case !of:
		return c.fail(value.CodeStranger, "%s is not of the cohort of round %d", who, round)
	case r.Closed:
		return c.fail(value.CodeLate, "%s answers round %d, which closed with %d others", who, round, len(r.Settled))
	}
	return nil
}

// Settle notes that the peer contributed, and closes the round when that completes its quorum. The caller has asked
// Accept in the same call; a peer that Accept refuses is not counted here either.
func (c *Component) Settle(ctx *engine.Context, round int64, who wire.PeerID) {
	c.SettleAll(ctx, round, []wire.PeerID{who})
}

// SettleAll is Settle of several peers, who contributed together: the round counts all of them, or closed before.
func (c *Component) SettleAll(ctx *engine.Context, round int64, who []wire.PeerID) {
	r, settled := c.st.find(round), false
	for _, p := range who {
		if c.Accept(round, p) == nil {
			at, _ := slices.BinarySearch(r.Settled, string(p))
			r.Settled = slices.Insert(r.Settled, at, string(p))
			settled = true
		}
	}
	switch {
	case !settled:
	case c.cfg.ends():
		ctx = ctx.As(c.slot) // it is the aggregator that calls
		r.Last = ctx.Now()
		if int64(len(r.Settled)) >= r.Need {
			c.decide(ctx, r, false)
			c.wake(ctx)
		}
	default:
		c.closeIfDone(ctx, r)
	}
}

// supersede closes all rounds that are open, with nobody, where only the newest may be.
func (c *Component) supersede(ctx *engine.Context) {
	for c.cfg.Newest {
		i := slices.IndexFunc(c.st.Rounds, func(r Round) bool { return !r.Closed })
		if i < 0 {
			return
		}
		ctx.Count("superseded")
		c.st.Rounds[i].Skipped = true
		c.close(ctx, &c.st.Rounds[i])
	}
}

// Settled returns how many have contributed to a round since it was opened.
func (c *Component) Settled(round int64) int {
	if r := c.st.find(round); r != nil {
		return len(r.Settled)
	}
	return 0
}

// closeIfDone closes the round when enough have contributed, tells those who wait, and forgets the oldest closed
// rounds.
func (c *Component) closeIfDone(ctx *engine.Context, r *Round) {
	if r.Closed || int64(len(r.Settled)) < r.Need {
		return
	}
	c.close(ctx, r)
}

// close closes the round, as what its fields say.
func (c *Component) close(ctx *engine.Context, r *Round) {
	r.Silent = c.silent(ctx, r)
	r.Closed, r.Deadline, r.Grace = true, 0, 0
	number, waiting, list, failed, why := r.Number, r.Waiting, members(r), r.Failed, r.Why
	r.Waiting = nil
	c.st.forget(c.cfg.Remember) // moves rounds: r is not used below
	if c.cfg.Withdraws != "" {
		ctx.Withdraw(c.cfg.Withdraws,
			func(context value.Value) bool { return context == value.Value(value.Int(number)) })
	}
	for _, id := range waiting {
		if failed {
			ctx.Reject(engine.CallID(id), c.fail(value.CodeError, "%s", why))
		} else {
			ctx.Resolve(engine.CallID(id), list)
		}
	}
}

// Alarm ends the rounds whose deadline has passed, or lowers what they need, and arms the timer for the next.
func (c *Component) Alarm(ctx *engine.Context, token uint64) error {
	if token == lookToken {
		return c.look(ctx)
	}
	c.st.Armed = false
	var due []int64
	for _, r := range c.st.Rounds {
		if !r.Closed && r.Deadline != 0 && r.Deadline <= ctx.Now() {
			due = append(due, r.Number)
		}
	}
	for _, number := range due {
		r := c.st.find(number)
		r.Deadline = 0
		r.Need = min(r.Need, int64(c.cfg.Least))
		ctx.Count("deadline")
		c.closeIfDone(ctx, r)
	}
	if next := c.st.nextDeadline(); next != 0 {
		if !ctx.Arm(next-ctx.Now(), 0) {
			return c.fail(value.CodeOverflow, "no timer is left for the next deadline")
		}
		c.st.Armed = true
	}
	return nil
}

// members returns whom a closed round counts, as peers in order.
func members(r *Round) *value.List {
	if r.Skipped {
		return value.NewList()
	}
	out := make([]value.Value, len(r.Settled))
	for i, p := range r.Settled {
		out[i] = value.Peer(p)
	}
	return value.NewList(out...)
}

func (c *Component) fail(code, format string, args ...any) *value.Failure {
	return value.Fail(code, c.slot, fmt.Sprintf(format, args...))
}
