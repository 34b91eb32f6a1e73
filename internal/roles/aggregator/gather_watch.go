package aggregator

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// While updates are gathered, members vanish, stall or give what cannot be used: what becomes of the round then.

// Gone goes on without an update that cannot be had any more.
func (c *Component) Gone(ctx *engine.Context, l *value.Loan, why *value.Failure) {
	who := string(l.Lender)
	if g := c.st.Gather; g != nil {
		if m := g.member(l); m >= 0 && g.asks(m) { // whoever weighs nothing has been heard
			c.without(ctx, who, why)
			return
		}
	}
	ctx.Count("lost") // a round may count it: gathering finds that it is over
}

// without goes on without a member that gives no sound chunk, or fails where it is needed.
func (c *Component) without(ctx *engine.Context, who string, why *value.Failure) {
	g := c.st.Gather
	why = value.Fail(short(why.Code, 32), c.slot, short(why.Message, reasonMax))
	if rounds, ok := ctx.Dep(c.cfg.Rounds).(Blamer); ok {
		rounds.Blame(g.Number, wire.PeerID(who), why)
	}
	if drops := c.cfg.Gather.Drops || c.cfg.Gather.DeadlineMS > 0; drops && c.spares(1) {
		c.drop(ctx, []string{who})
		return
	} else if c.judges() && c.cfg.Skips {
		ctx.Count("skipped")
		c.unchanged(ctx, nil)
		return
	}
	name := who
	if r, ok := ctx.Dep(c.cfg.Registry).(Members); ok {
		if n := r.Name(wire.PeerID(who)); n != "" {
			name = n
		}
	}
	gone := "; the parameters of before were given up when it was gathered"
	if c.cfg.Gather.Keeps {
		gone = ""
	}
	c.failGather(ctx, fmt.Sprintf("the update of %s cannot be used, and without it there is no mean of round %d: %s%s",
		name, g.Number+1, why.Message, gone))
}

// failGather fails the call that waits for the mean.
func (c *Component) failGather(ctx *engine.Context, why string) {
	g := c.st.Gather
	ctx.Count("failed")
	c.endGather(ctx)
	ctx.Reject(engine.CallID(g.Call), c.fail(value.CodeError, "%s", why))
}

// spares says whether so many members less are enough for a mean.
func (c *Component) spares(n int) bool {
	least := 1
	if c.judges() {
		least = c.combine.Least()
	}
	return len(c.st.Gather.Members)-n >= least
}

// drop begins again without some of the members, who are spared.
func (c *Component) drop(ctx *engine.Context, peers []string) {
	g := c.st.Gather
	for _, m := range g.Members {
		if slices.Contains(peers, m.Peer) {
			ctx.Return(m.lends())
			ctx.Count("dropped")
		}
	}
	g.Members = slices.DeleteFunc(g.Members, func(m Share) bool { return slices.Contains(peers, m.Peer) })
	c.begin(ctx)
}

// Alarm looks after the members while their updates are gathered.
func (c *Component) Alarm(ctx *engine.Context, token uint64) error {
	switch {
	case c.st.Gather == nil:
		return nil
	case token == watchToken:
		return c.watch(ctx)
	}
	// Those are dropped that hold up the others: without a share in the first chunk that is missing, when nothing was
	// finished since the last alarm. When all of them do, or too few others are left, it waits on, as a round does; but
	// not for those alone whose updates were judged to count, while others are left.
	g := c.st.Gather
	if there := g.done(); there != g.Seen || len(g.Sums) == 0 && g.wanted() == len(g.Members) {
		g.Seen = there
	} else {
		var held []string
		for i, m := range g.Members {
			if g.owes(i) {
				held = append(held, m.Peer)
			}
		}
		if c.spares(len(held)) {
			c.drop(ctx, held)
			return nil
		}
	}
	if !ctx.Arm(c.cfg.Gather.DeadlineMS*1e6, deadlineToken) {
		return c.fail(value.CodeOverflow, "no timer is left for the deadline of round %d", g.Number)
	}
	return nil
}

// owes says whether member i holds up the others: its share of the first chunk that is missing is not there.
func (g *Gather) owes(i int) bool {
	if !g.asks(i) {
		return false
	}
	if len(g.Sums) == 0 || g.Judging != nil && g.Sums[0].Chunk != g.done() {
		return true // the first chunk that is missing is nobody's yet
	}
	_, ok := slices.BinarySearch(g.Sums[0].From, g.Members[i].Peer)
	return !ok
}

// watch goes on without the members that hold up the others and are not there any more, where it may.
func (c *Component) watch(ctx *engine.Context) error {
	g := c.st.Gather
	if registry, ok := ctx.Dep(c.cfg.Registry).(Members); ok && c.cfg.Gather.Drops {
		members := registry.Members()
		var away []string
		for i, m := range g.Members {
			_, there := slices.BinarySearch(members, wire.PeerID(m.Peer))
			if !(there && ctx.Admitted(wire.PeerID(m.Peer))) && g.owes(i) {
				away = append(away, m.Peer)
			}
		}
		if len(away) > 0 && c.spares(len(away)) {
			c.drop(ctx, away)
			return nil
		}
	}
	if !ctx.Arm(c.cfg.Gather.CheckMS*1e6, watchToken) {
		return c.fail(value.CodeOverflow, "no timer is left to watch over the members of round %d", g.Number)
	}
	return nil
}
