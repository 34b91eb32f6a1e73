package buffer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/draw"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// lookToken is the timer that looks who is there.
const lookToken = 1

// idle asks those who are there and have nothing to do, as many as may train at once. Where these are not all, they are
// drawn: who is a function of the job's seed, the call, and of who is there.
func (c *Component) idle(ctx *engine.Context) {
	registry, f := c.registry(ctx)
	if f != nil || !c.asks() || c.st.Taken { // Load asks, by what is new then
		return
	}
	var free []string
	busy := 0
	for _, p := range registry.Members() {
		switch {
		case !ctx.Admitted(p):
		case c.free(string(p)):
			free = append(free, string(p))
		default:
			if _, out := c.st.out(string(p)); out || c.gave(string(p)) {
				busy++ // one that fell silent holds up nobody
			}
		}
	}
	if n := c.cfg.Most - busy; c.cfg.Most > 0 && n < len(free) {
		if n <= 0 {
			return
		}
		place := make([]int, len(free))
		for i := range place {
			place[i] = i
		}
		draw.New(ctx.Seed(), "buffer/"+c.slot, uint64(c.st.Calls)).Shuffle(place, n)
		drawn := make([]string, n)
		for i, k := range place[:n] {
			drawn[i] = free[k]
		}
		slices.Sort(drawn)
		free = drawn
	}
	c.ask(ctx, free)
}

// asks says whether anybody is asked now.
func (c *Component) asks() bool { return c.st.Begun && !c.st.Ended && !c.st.Failed }

// free says whether a peer has nothing to do.
func (c *Component) free(peer string) bool {
	_, out := c.st.out(peer)
	_, refused := c.st.refusal(peer)
	_, lost := slices.BinarySearch(c.st.Lost, peer)
	return !out && !refused && !lost && !c.st.queued(peer) && !c.folded(peer)
}

// gave says whether a peer has the place in a version that it was asked for, where each gives to it once.
func (c *Component) gave(peer string) bool {
	return c.strategy.Closes && (c.folded(peer) || c.st.queued(peer))
}

// folded says whether a peer waits for the next version: it has given to it, and nothing more is wanted.
func (c *Component) folded(peer string) bool {
	return (c.strategy.Closes || !c.folds()) &&
		slices.ContainsFunc(c.st.Folded, func(f Fold) bool { return f.Peer == peer })
}

// ask puts one call to peers that are free. Where there is no room for it the next look does.
func (c *Component) ask(ctx *engine.Context, peers []string) {
	peers = peers[:min(len(peers), peersMax-len(c.st.Out))]
	if len(peers) == 0 {
		return
	}
	list := make([]value.Value, len(peers))
	for i, p := range peers {
		list[i] = value.Peer(p)
	}
	call := c.st.Calls
	if ctx.Publish(EventAsk, value.NewList(value.Int(call), value.NewList(list...))) != nil {
		ctx.Count("ask.later")
		return
	}
	c.st.Calls++
	for _, p := range peers {
		i, _ := c.st.out(p)
		c.st.Out = slices.Insert(c.st.Out, i, Question{Peer: p, Call: call})
	}
}

// asked gives those of a call who still owe its answer, and what they train on.
func (c *Component) asked(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	call, ok := at[value.Int](in, 0)
	list, ok2 := at[*value.List](in, 1)
	if len(in) != 2 || !ok || !ok2 {
		return nil, c.fail(value.CodeType, "Asked takes the call as an Int and a List of Peer")
	}
	model, f := c.model(ctx)
	if f != nil {
		return nil, f
	}
	kept, err := model.Kept()
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	peers, params := []value.Value{}, make([]value.Value, len(kept))
	for _, v := range list.Items() {
		p, ok := v.(value.Peer)
		if !ok {
			return nil, c.fail(value.CodeType, "a peer that is asked is a %s", v.Type())
		}
		if i, out := c.st.out(string(p)); out && c.st.Out[i].Call == int64(call) && !c.st.Out[i].Put && c.asks() {
			c.st.Out[i].Put, c.st.Out[i].Version = true, c.st.Version
			peers = append(peers, p)
		}
	}
	for i, t := range kept {
		params[i] = value.Tensor{Tensor: t}
	}
	return []value.Value{value.NewList(peers...), value.Int(c.st.Version), value.NewList(params...)}, nil
}

// withdraw takes back the questions whose answers would be refused for their age: who is slower than that is asked
// anew, by what is there now.
func (c *Component) withdraw(ctx *engine.Context) {
	old := map[int64]bool{}
	c.st.Out = slices.DeleteFunc(c.st.Out, func(q Question) bool {
		if !q.Put || c.weight(q.Version) > 0 {
			return false
		}
		old[q.Call] = true
		ctx.Count("withdrawn")
		return true
	})
	if len(old) == 0 || c.cfg.Edge == "" {
		return
	}
	ctx.Withdraw(c.cfg.Edge, func(context value.Value) bool {
		call, ok := context.(value.Int)
		return ok && old[int64(call)]
	})
}

// weight returns what an update of a version weighs now for its age.
func (c *Component) weight(version int64) float64 {
	return c.strategy.Stale(c.strategy, c.st.Version-version)
}

// looks arms the timer of the next look.
func (c *Component) looks(ctx *engine.Context) ([]value.Value, error) {
	if !c.st.Armed && c.asks() {
		if !ctx.Arm(c.cfg.CheckMS*1e6, lookToken) {
			return nil, c.fail(value.CodeOverflow, "no timer is left to look who is there")
		}
		c.st.Armed = true
	}
	return []value.Value{value.Trigger{}}, nil
}

// Alarm looks who is there and has nothing to do: whoever came, or came back; or closes a version whose time has come.
func (c *Component) Alarm(ctx *engine.Context, token uint64) error {
	if token != lookToken {
		c.decide(ctx, false)
		return nil
	}
	c.st.Armed, c.st.Lost = false, nil
	c.idle(ctx)
	c.decide(ctx, true)
	c.stuck(ctx)
	_, err := c.looks(ctx)
	return err
}

// MemberChanged expects nothing more of a peer that was removed. What it gave before counts.
func (c *Component) MemberChanged(ctx *engine.Context, peer wire.PeerID, _ string, member bool) {
	if member {
		return
	}
	if i, out := c.st.out(string(peer)); out {
		c.st.Out = slices.Delete(c.st.Out, i, i+1)
	}
	c.st.Lost = drop(c.st.Lost, string(peer))
	c.decide(ctx, false)
	c.stuck(ctx)
}

// MemberReplaced lets a peer that came in the place of another owe what the other still owed. The engine asks it the
// same question.
func (c *Component) MemberReplaced(_ *engine.Context, old, peer wire.PeerID, _ string) {
	i, out := c.st.out(string(old))
	if !out {
		return
	}
	q := c.st.Out[i]
	c.st.Out = slices.Delete(c.st.Out, i, i+1)
	if k, both := c.st.out(string(peer)); !both {
		q.Peer = string(peer)
		c.st.Out = slices.Insert(c.st.Out, k, q)
	}
}

// refuse notes that the answer of a peer to a call does not count, and that no other comes. One that was answered
// before, or was never put, changes nothing.
func (c *Component) refuse(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	call, ok1 := at[value.Int](in, 0)
	who, ok2 := at[value.Peer](in, 1)
	if !ok1 || !ok2 {
		return nil, c.fail(value.CodeType, "a refusal is call, peer, and a List of code, place and message")
	}
	why, f := c.caught(in, 2)
	if f != nil {
		return nil, f
	}
	i, out := c.st.out(string(who))
	if !out || c.st.Out[i].Call != int64(call) {
		return []value.Value{value.Trigger{}}, nil
	}
	c.st.Out = slices.Delete(c.st.Out, i, i+1)
	if why.Code == codeStale {
		c.noted(ctx, string(who), why)
		c.ask(ctx, []string{string(who)}) // it was too slow, and is wanted no less
		return []value.Value{value.Trigger{}}, nil
	}
	if engine.Unreached(why) {
		if k, there := slices.BinarySearch(c.st.Lost, string(who)); !there {
			c.st.Lost = slices.Insert(c.st.Lost, k, string(who))
		}
		return []value.Value{value.Trigger{}}, nil // the next look asks again
	}
	c.noted(ctx, string(who), why)
	if k, there := c.st.refusal(string(who)); !there && len(c.st.Refused) < peersMax {
		c.st.Refused = slices.Insert(c.st.Refused, k, Refusal{Peer: string(who), Code: short(why.Code, 32),
			Reason: short(why.Message, reasonMax)})
	}
	if c.cfg.Most > 0 {
		c.idle(ctx) // another in its place
	}
	c.stuck(ctx)
	return []value.Value{value.Trigger{}}, nil
}

// noted keeps a refusal among the figures of a peer.
func (c *Component) noted(ctx *engine.Context, who string, why *value.Failure) {
	c.st.client(who).Refused(c.st.Version, why)
	ctx.Count("refused")
}

// stuck fails what waits for a version when nobody can give to it any more: all whom the server knows were refused, and
// nobody owes an answer.
func (c *Component) stuck(ctx *engine.Context) {
	registry, f := c.registry(ctx)
	if f != nil || !c.asks() || !c.folds() || len(c.st.Refused) == 0 ||
		len(c.st.Out)+len(c.st.Queue)+len(c.st.Lost) > 0 || c.strategy.Closes && len(c.st.Folded) > 0 {
		return
	}
	for _, p := range registry.Members() {
		if c.free(string(p)) {
			return
		}
	}
	var parts []string
	what := "it cannot be completed"
	for _, r := range c.st.Refused {
		if r.Code == codeDiverged {
			what = "training diverged"
		}
		if len(parts) < toldMax {
			name := registry.Name(wire.PeerID(r.Peer))
			if name == "" {
				name = r.Peer
			}
			parts = append(parts, name+": "+r.Reason)
		}
	}
	ctx.Count("failed")
	c.st.Failed, c.st.Why = true, short(fmt.Sprintf("%s: %d of the %d updates that a version is made of have come, and no "+
		"more can (%s)", what, len(c.st.Folded), c.wanted(), strings.Join(parts, "; ")), 4096)
	if len(c.st.Waiting) > 0 {
		call := engine.CallID(c.st.Waiting[0])
		c.st.Waiting = nil
		ctx.Reject(call, c.fail(value.CodeError, "%s", c.st.Why))
	}
}
