package buffer

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// A version of a strategy with Closes closes by itself, once it has an update. Its timers only bring the moment: what
// they say is in the state, and each look decides as well, so that a version closes also where no timer was left.
const (
	graceToken    = 2
	deadlineToken = 3
)

// open begins the time of the version that comes next: whoever has nothing to do was asked.
func (c *Component) open(ctx *engine.Context) {
	if c.cfg.DeadlineMS == 0 || c.st.Deadline > 0 {
		return
	}
	c.st.Deadline = ctx.Now() + c.cfg.DeadlineMS*1e6
	c.arm(ctx, c.cfg.DeadlineMS, deadlineToken)
}

// decide closes the version where its time has come, and gives it to the call that waits for it. A look sees as well
// who fell silent.
func (c *Component) decide(ctx *engine.Context, look bool) {
	if !c.strategy.Closes || !c.asks() || !c.folds() || len(c.st.Folded) == 0 {
		return
	}
	if now := ctx.Now(); c.st.Deadline == 0 || now < c.st.Deadline {
		if c.st.Grace == 0 && !c.enough(ctx, look) {
			return
		}
		if c.cfg.GraceMS > 0 && len(c.st.Out) > 0 {
			if c.st.Grace == 0 {
				c.st.Grace = now + c.cfg.GraceMS*1e6
				c.arm(ctx, c.cfg.GraceMS, graceToken)
			}
			if now < c.st.Grace {
				return
			}
		}
	}
	c.shut(ctx)
	c.st.Closed = true
	c.give(ctx)
}

// enough says whether what the version was to have is there: so many of those who were asked by it have answered as
// close it, or nobody owes an answer; at a look, nobody who is there. Those who train by an older version do not make
// one of their own: else two halves of the clients could take turns, each late for the other.
func (c *Component) enough(ctx *engine.Context, look bool) bool {
	fresh := 0
	for _, f := range c.st.Folded {
		if f.Age == 0 {
			fresh++
		}
	}
	switch n := c.closing(); {
	case n > 0 && fresh >= n:
		return true
	case len(c.st.Lost) > 0 || len(c.st.Out) > 0 && !look:
		return false
	}
	registry, f := c.registry(ctx)
	if f != nil {
		return false
	}
	members := registry.Members()
	return !slices.ContainsFunc(c.st.Out, func(q Question) bool {
		_, there := slices.BinarySearch(members, wire.PeerID(q.Peer))
		return there
	})
}

// closing is how many answers close a version, 0 where all do.
func (c *Component) closing() int {
	if c.cfg.Quorum > 0 {
		return c.cfg.Quorum
	}
	return c.cfg.Most
}

// shut ends the time of a version.
func (c *Component) shut(ctx *engine.Context) {
	if c.st.Grace > 0 {
		ctx.Disarm(graceToken)
	}
	if c.st.Deadline > 0 {
		ctx.Disarm(deadlineToken)
	}
	c.st.Grace, c.st.Deadline = 0, 0
}

// arm arms a timer. Where there is none left, the next look does what it would.
func (c *Component) arm(ctx *engine.Context, ms int64, token uint64) {
	if !ctx.Arm(ms*1e6, token) {
		ctx.Count("timer.later")
	}
}

// wanted is how many updates are told to become the next version, before it is there.
func (c *Component) wanted() int {
	if !c.strategy.Closes {
		return c.need
	}
	if n := c.closing(); n > 0 {
		return min(n, c.need)
	}
	return max(1, min(c.need, len(c.st.Folded)+len(c.st.Out)))
}
