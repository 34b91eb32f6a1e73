package chunked

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/value"
	"github.com/rhizome-ml/rhizome/wire"
)

// watchToken is the timer that looks after who is there; that of the deadline has the token 0.
const watchToken = 1

// refuse handles a chunk that failed: what Fold refuses, or what its member could not give.
func (c *Component) refuse(ctx *engine.Context, _ []int64, in []value.Value) ([]value.Value, *value.Failure) {
	context, ok1 := in[0].(*value.List)
	who, ok2 := in[1].(value.Peer)
	list, ok3 := in[2].(*value.List)
	if !ok1 || !ok2 || !ok3 || context.Len() != 3 || list.Len() != 3 {
		return nil, c.fail(value.CodeType, "Refuse takes a List of round, attempt and chunk, a Peer, and a List of code, place and message")
	}
	round, ok1 := context.At(0).(value.Int)
	attempt, ok2 := context.At(1).(value.Int)
	code, ok3 := list.At(0).(value.String)
	text, ok4 := list.At(2).(value.String)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, c.fail(value.CodeType, "Refuse takes round and attempt as Int, and code and message as String")
	}
	noted := []value.Value{value.Trigger{}}
	if _, member := c.st.member(string(who)); !member || !c.cfg.Ends || !c.under(int64(round), int64(attempt)) || string(code) == value.CodeDuplicate {
		return noted, nil // another attempt is under way, or nothing was expected of it
	}
	if slices.Contains(unreached, string(code)) {
		if i, there := slices.BinarySearch(c.st.Lost, string(who)); !there {
			c.st.Lost = slices.Insert(c.st.Lost, i, string(who))
		}
		return noted, nil // the next look asks again, or goes on without it
	}
	why := value.Fail(short(string(code), 32), c.slot, short(string(text), reasonMax))
	if rounds, ok := ctx.Dep(c.cfg.Rounds).(Rounds); ok {
		rounds.Blame(int64(round), wire.PeerID(who), why)
	}
	c.without(ctx, string(who), why.Message)
	return noted, nil
}

// unreached are the failures of a question that its peer did not get.
var unreached = []string{value.CodeSend, value.CodeCancelled, value.CodeStranger, value.CodeDeadline}

const reasonMax = 240

// short returns text of at most n bytes.
func short(text string, n int) string {
	if len(text) > n {
		text = text[:n]
		for len(text) > 0 && text[len(text)-1]&0xc0 == 0x80 {
			text = text[:len(text)-1]
		}
		text = text[:max(0, len(text)-1)]
	}
	return text
}

// without goes on without a member that gives no sound chunk, or fails where it is needed.
func (c *Component) without(ctx *engine.Context, who, why string) {
	s := &c.st
	if (c.cfg.Drops || c.cfg.DeadlineMS > 0) && len(s.Members) > 1 {
		c.drop(ctx, []string{who})
		return
	}
	name := who
	if r, ok := ctx.Dep(c.cfg.Registry).(Registry); ok {
		if n := r.Name(wire.PeerID(who)); n != "" {
			name = n
		}
	}
	s.Why = fmt.Sprintf("the update of %s cannot be used, and without it there is no mean of round %d: %s; the parameters of before were given up when it was gathered",
		name, s.Round+1, why)
	c.withdraw(ctx)
	s.GivenUp, s.Sums = true, nil
	ctx.Count("failed")
	ctx.Disarm(0)
	ctx.Disarm(watchToken)
	ending, asking := s.Ending, s.Asking
	s.Ending, s.Asking = nil, nil
	for _, w := range asking {
		ctx.Resolve(engine.CallID(w.Call), value.NewList())
	}
	for _, call := range ending {
		ctx.Reject(engine.CallID(call), c.fail(value.CodeError, "%s", s.Why))
	}
}

// withdraw takes back the questions of an attempt that is given up.
func (c *Component) withdraw(ctx *engine.Context) {
	if c.cfg.Withdraws == "" {
		return
	}
	round := value.Int(c.st.Round)
	ctx.Withdraw(c.cfg.Withdraws, func(context value.Value) bool {
		list, ok := context.(*value.List)
		return ok && list.Len() == 3 && list.At(0) == value.Value(round)
	})
}

// watch arms the timer of the next look at who is there.
func (c *Component) watch(ctx *engine.Context) *value.Failure {
	if !c.cfg.Ends {
		return nil
	}
	ctx.Disarm(watchToken)
	if !ctx.Arm(c.cfg.CheckMS*1e6, watchToken) {
		return c.fail(value.CodeOverflow, "no timer is left to watch over the members of round %d", c.st.Round)
	}
	return nil
}

// watched goes on without the members that hold up the others and are not there any more, where it may. Where all are needed, it
// begins again when those are back whom a question did not reach.
func (c *Component) watched(ctx *engine.Context) error {
	s := &c.st
	registry, ok := ctx.Dep(c.cfg.Registry).(Registry)
	if !s.Gathering || s.GivenUp || !ok {
		return nil
	}
	members := registry.Members()
	there := func(p string) bool {
		_, ok := slices.BinarySearch(members, wire.PeerID(p))
		return ok && ctx.Admitted(wire.PeerID(p))
	}
	var away []string
	for _, m := range s.Members {
		if !there(m.Peer) && (len(s.Sums) == 0 || !slices.Contains(s.Sums[0].From, m.Peer)) {
			away = append(away, m.Peer)
		}
	}
	switch {
	case c.cfg.Drops && len(away) > 0 && len(away) < len(s.Members):
		c.drop(ctx, away)
		return nil
	case len(s.Lost) > 0 && !slices.ContainsFunc(s.Lost, func(p string) bool { return !there(p) }):
		c.drop(ctx, nil)
		return nil
	}
	if f := c.watch(ctx); f != nil {
		return f
	}
	return nil
}
