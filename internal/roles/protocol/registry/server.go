package registry

import (
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Samples returns how many samples the peer joined with, and whether it is known; a lapsed member is.
func (c *Component) Samples(who wire.PeerID) (int64, bool) {
	if i, ok := c.st.find(string(who)); ok {
		return c.st.Members[i].Samples, true
	}
	return 0, false
}

// Name returns what the peer calls itself, for people; "" where it is not known or has none.
func (c *Component) Name(who wire.PeerID) string {
	if i, ok := c.st.find(string(who)); ok {
		return c.st.Members[i].Name
	}
	return ""
}

// Members returns who is a member now, sorted.
func (c *Component) Members() []wire.PeerID { return peers(c.st.live()) }

// Ready returns who was a member when Await was answered for the round, sorted, and whether that is still known. What
// is drawn from it does not depend on who joins or lapses between that answer and the draw.
func (c *Component) Ready(round int64) ([]wire.PeerID, bool) {
	if len(c.st.Ready) == 0 || c.st.Round != round {
		return nil, false
	}
	return peers(c.st.Ready), true
}

func peers(names []string) []wire.PeerID {
	out := make([]wire.PeerID, len(names))
	for i, p := range names {
		out[i] = wire.PeerID(p)
	}
	return out
}

func (c *Component) await(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	round, ok := at[value.Int](in, 0)
	if !ok {
		return nil, c.fail(value.CodeType, "Await takes the round as an Int")
	}
	if live := c.ready(ctx); len(live) >= c.cfg.Min {
		c.st.Round, c.st.Ready = int64(round), live
		return []value.Value{value.Trigger{}}, nil
	}
	if len(c.st.Waiting) >= waitingMax {
		return nil, c.fail(value.CodeOverflow, "%d calls wait for members, which is the limit", waitingMax)
	}
	c.st.Waiting = append(c.st.Waiting, Wait{Call: uint64(ctx.Park()), Round: int64(round)})
	return nil, nil
}

// joined handles a join or a heartbeat, which say the same.
func (c *Component) joined(ctx *engine.Context, from wire.PeerID, in []value.Value) *value.Failure {
	samples, ok1 := at[value.Int](in, 0)
	name, ok2 := at[value.String](in, 1)
	switch {
	case len(in) != 2 || !ok1 || !ok2:
		return c.fail(value.CodeType, "a join of %s holds %d values; want samples as an Int and a name as a String",
			from, len(in))
	case samples < 1 || int64(samples) > c.cfg.MaxSamples:
		return c.fail(value.CodeOverflow, "%s joins with %d samples; want 1 to %d", from, samples, c.cfg.MaxSamples)
	case !soundName(string(name)):
		return c.fail(value.CodeError, "%s joins with a name of %d bytes; want UTF-8 of at most %d", from, len(name),
			nameMax)
	}
	// The timer comes first: without it nobody would ever lapse.
	if !c.st.Armed {
		if !ctx.Arm(c.cfg.TTLMS*1e6, lapseToken) {
			return c.fail(value.CodeOverflow, "no timer is left to watch over members")
		}
		c.st.Armed = true
	}
	now := ctx.Now()
	i, known := c.st.find(string(from))
	if !known {
		if len(c.st.Members) >= c.cfg.MaxMembers && !c.st.evict() {
			return c.fail(value.CodeOverflow, "%d peers are members, which is the limit; %s cannot join",
				len(c.st.Members), from)
		}
		i, _ = c.st.find(string(from)) // the eviction may have moved the place
		c.st.Members = slices.Insert(c.st.Members, i, Member{Peer: string(from), Joined: now})
		ctx.Count("joined")
	}
	m := &c.st.Members[i]
	if !known || m.Lapsed || m.Name != string(name) || m.Samples != int64(samples) {
		c.changed(ctx)
	}
	if m.Lapsed {
		m.Joined = now
	}
	m.Name, m.Samples, m.LastSeen, m.Lapsed = string(name), int64(samples), now, false
	c.answer(ctx)
	return nil
}

// ready returns those with whom a round can begin.
func (c *Component) ready(ctx *engine.Context) []string {
	live := c.st.live()
	if c.cfg.Admitted {
		live = slices.DeleteFunc(live, func(p string) bool { return !c.admitted(ctx, p) })
	}
	return live
}

// Awaits returns the round that waits to begin and how many members there have to be for it, or false where none waits.
func (c *Component) Awaits() (round int64, least int, waits bool) {
	if len(c.st.Waiting) == 0 {
		return 0, c.cfg.Min, false
	}
	return c.st.Waiting[0].Round, c.cfg.Min, true
}

// answer lets all waiting calls go on when there are enough members.
func (c *Component) answer(ctx *engine.Context) {
	if len(c.st.Waiting) == 0 || c.st.count() < c.cfg.Min { // who is ready need not be asked at each of many joins
		return
	}
	live := c.ready(ctx)
	if len(live) < c.cfg.Min {
		return
	}
	waiting := c.st.Waiting
	c.st.Waiting = nil
	c.st.Round, c.st.Ready = waiting[0].Round, live
	for _, w := range waiting {
		c.st.Round = max(c.st.Round, w.Round)
		ctx.Resolve(engine.CallID(w.Call), value.Trigger{})
	}
}

// lapse ends the membership of those who were silent for too long and arms the timer for the next.
func (c *Component) lapse(ctx *engine.Context) error {
	c.st.Armed = false
	before := c.st.count()
	next, left := c.st.lapse(ctx.Now() - c.cfg.TTLMS*1e6)
	for range before - c.st.count() {
		ctx.Count("lapsed")
	}
	if before != c.st.count() {
		c.changed(ctx)
	}
	if !left {
		return nil // the next join arms it
	}
	if !ctx.Arm(next+c.cfg.TTLMS*1e6-ctx.Now(), lapseToken) {
		return c.fail(value.CodeOverflow, "no timer is left to watch over members")
	}
	c.st.Armed = true
	return nil
}
