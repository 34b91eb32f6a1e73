package chunked

import (
	"slices"

	"github.com/rhizome-ml/rhizome/component/aggregator"
	"github.com/rhizome-ml/rhizome/component/model"
	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/value"
)

// gather begins an attempt. The first forgets the parameters; a later one begins again when the one before was given up,
// and has nothing to do when it was not.
func (c *Component) gather(ctx *engine.Context, n []int64, in []value.Value) ([]value.Value, *value.Failure) {
	s := &c.st
	round, attempt := n[0], n[1]
	switch {
	case attempt > 0 && !s.Gathering && s.Round == round:
		return []value.Value{value.Int(0)}, nil
	case attempt > 0 && s.Gathering && s.Round == round && s.GivenUp && attempt == s.Attempt+1:
	case attempt == 0 && !s.Gathering && s.Offered && s.Round == round && c.nobody(in[0]):
		s.Members, s.Offered = nil, false // the parameters of before go on
		return []value.Value{value.Int(0)}, nil
	case attempt == 0 && !s.Gathering && s.Offered && s.Round == round:
		members, f := c.weighed(in[0], in[1])
		if f != nil {
			return nil, f
		}
		s.Members, s.Offered, s.Gathering = members, false, true
	default:
		return nil, c.fail(value.CodeError, "attempt %d to gather round %d follows neither an offer nor attempt %d", attempt, round, s.Attempt)
	}
	if s.Why != "" {
		return nil, c.fail(value.CodeError, "%s", s.Why)
	}
	s.Attempt, s.GivenUp, s.Seen, s.Sums, s.Lost = attempt, false, 0, nil, nil
	c.sheet = model.NewSheet(c.layout)
	s.Chunks = c.sheet.Missing()
	if err := ctx.AppEvent(EventForgot, value.Int(round)); err != nil {
		ctx.Count("untold") // a host that cannot be told collects its garbage when it sees to it
	}
	if f := c.arm(ctx); f != nil {
		return nil, f
	}
	if f := c.watch(ctx); f != nil {
		return nil, f
	}
	return []value.Value{value.Int(c.sheet.Chunks())}, nil
}

// nobody says whether a round closed with nobody.
func (c *Component) nobody(members value.Value) bool {
	list, ok := members.(*value.List)
	return c.cfg.Ends && ok && list.Len() == 0
}

// weighed returns the members with their samples.
func (c *Component) weighed(members, weights value.Value) ([]Member, *value.Failure) {
	peers, ok1 := members.(*value.List)
	samples, ok2 := weights.(*value.List)
	if !ok1 || !ok2 || peers.Len() != samples.Len() || peers.Len() < 1 || peers.Len() > membersMax {
		return nil, c.fail(value.CodeType, "Gather takes a List of 1 to %d Peer and as many Int", membersMax)
	}
	out := make([]Member, peers.Len())
	for i := range out {
		p, ok1 := peers.At(i).(value.Peer)
		n, ok2 := samples.At(i).(value.Int)
		if !ok1 || !ok2 || n < 1 || n >= samplesMax || i > 0 && string(p) <= out[i-1].Peer {
			return nil, c.fail(value.CodeError, "member %d is no peer in order with 1 to %d samples", i, samplesMax-1)
		}
		out[i] = Member{string(p), int64(n)}
	}
	return out, nil
}

// under says whether the attempt is the one that is under way.
func (c *Component) under(round, attempt int64) bool {
	return c.st.Gathering && !c.st.GivenUp && c.st.Round == round && c.st.Attempt == attempt
}

func (c *Component) ask(ctx *engine.Context, n []int64, _ []value.Value) ([]value.Value, *value.Failure) {
	switch {
	case !c.under(n[0], n[1]):
		return []value.Value{value.NewList()}, nil
	case n[2] < 0 || n[2] >= int64(c.sheet.Chunks()) || len(c.st.Asking) > 0:
		return nil, c.fail(value.CodeError, "chunk %d does not exist, or is asked for while another one waits", n[2])
	case c.room(n[2]):
		return []value.Value{c.peers()}, nil
	}
	c.st.Asking = []Wait{{uint64(ctx.Park()), n[2]}}
	return nil, nil
}

// room says whether a chunk may be asked for: only so many are under way.
func (c *Component) room(chunk int64) bool { return chunk < int64(c.sheet.There()+c.cfg.Window) }

// peers returns the members.
func (c *Component) peers() *value.List {
	out := make([]value.Value, len(c.st.Members))
	for i, m := range c.st.Members {
		out[i] = value.Peer(m.Peer)
	}
	return value.NewList(out...)
}

// fold adds a chunk. All checks come before the first change.
func (c *Component) fold(ctx *engine.Context, _ []int64, in []value.Value) ([]value.Value, *value.Failure) {
	context, ok1 := in[0].(*value.List)
	who, ok2 := in[1].(value.Peer)
	if !ok1 || !ok2 || context.Len() != 3 {
		return nil, c.fail(value.CodeType, "Fold takes a List of round, attempt and chunk, a Peer and a Tensor")
	}
	round, ok1 := context.At(0).(value.Int)
	attempt, ok2 := context.At(1).(value.Int)
	chunk, ok3 := context.At(2).(value.Int)
	if !ok1 || !ok2 || !ok3 || chunk < 0 || int(chunk) >= c.sheet.Chunks() {
		return nil, c.fail(value.CodeType, "the context of Fold is no round, attempt and chunk")
	}
	s, k := &c.st, int(chunk)
	if !c.under(int64(round), int64(attempt)) {
		return nil, c.fail(value.CodeLate, "%s gives chunk %d of round %d, which is gathered otherwise", who, chunk, round)
	}
	m, ok := s.member(string(who))
	if !ok {
		return nil, c.fail(value.CodeStranger, "%s is no member of round %d", who, round)
	}
	at, begun := s.sum(int64(chunk))
	from, twice := 0, false
	if begun {
		from, twice = slices.BinarySearch(s.Sums[at].From, string(who))
	}
	if twice || s.Chunks[k] != (value.Trigger{}) {
		return nil, c.fail(value.CodeDuplicate, "%s gave chunk %d of round %d before", who, chunk, round)
	}
	if !begun && !c.room(int64(chunk)) {
		return nil, c.fail(value.CodeError, "%s gives chunk %d, which was not asked for", who, chunk)
	}
	x, f := c.sound(who, k, in[2])
	if f != nil {
		if c.cfg.DeadlineMS > 0 && !c.cfg.Ends {
			c.drop(ctx, []string{string(who)})
		}
		return nil, f
	}
	if !begun {
		s.Sums = slices.Insert(s.Sums, at, Partial{Chunk: int64(chunk), Sum: aggregator.NewSum([]int{len(x)})})
	}
	p := &s.Sums[at]
	p.From = slices.Insert(p.From, from, string(who))
	p.Sum.Add(x, s.Members[m].Samples)
	if len(p.From) < len(s.Members) {
		return []value.Value{value.Trigger{}}, nil
	}
	var total int64
	for _, m := range s.Members {
		total += m.Samples
	}
	put, err := c.sheet.Put(k, p.Sum.Mean(total))
	if err != nil {
		return nil, c.fail(value.CodeError, "%v", err)
	}
	s.Chunks[k] = put
	s.Sums = slices.Delete(s.Sums, at, at+1)
	c.goOn(ctx)
	return []value.Value{value.Trigger{}}, nil
}

// sound returns the elements of a chunk that can be added.
func (c *Component) sound(who value.Peer, k int, v value.Value) ([]float32, *value.Failure) {
	x, ok := c.sheet.Elements(k, v)
	if !ok {
		return nil, c.fail(value.CodeError, "%s gives chunk %d as a %s; want a vector of %d float32", who, k, v.Type(), c.sheet.Len(k))
	}
	if i := aggregator.Summable(x); i >= 0 {
		return nil, c.fail(value.CodeError, "%s gives %g as element %d of chunk %d; want a number between -2^20 and 2^20", who, x[i], i, k)
	}
	return x, nil
}

// goOn lets those go on who waited for the chunk that was just finished.
func (c *Component) goOn(ctx *engine.Context) {
	s := &c.st
	if c.sheet.Whole() {
		s.Gathering = false
		ctx.Disarm(0)
		if c.cfg.Ends {
			ctx.Disarm(watchToken)
		}
	}
	if len(s.Asking) > 0 && c.room(s.Asking[0].Chunk) {
		call := s.Asking[0].Call
		s.Asking = nil
		ctx.Resolve(engine.CallID(call), c.peers())
	}
	if c.sheet.Whole() {
		c.over(ctx)
	}
}

// over tells who waits for the end of the attempt that it has come.
func (c *Component) over(ctx *engine.Context) {
	ending := c.st.Ending
	c.st.Ending = nil
	for _, call := range ending {
		ctx.Resolve(engine.CallID(call), value.Trigger{})
	}
}

func (c *Component) gathered(ctx *engine.Context, n []int64, _ []value.Value) ([]value.Value, *value.Failure) {
	if c.st.Why != "" && c.st.Round == n[0] {
		return nil, c.fail(value.CodeError, "%s", c.st.Why)
	}
	if !c.under(n[0], n[1]) {
		return []value.Value{value.Trigger{}}, nil
	}
	if len(c.st.Ending) > 0 {
		return nil, c.fail(value.CodeError, "the end of round %d is waited for already", n[0])
	}
	c.st.Ending = []uint64{uint64(ctx.Park())}
	return nil, nil
}

func (c *Component) members(_ *engine.Context, n []int64, _ []value.Value) ([]value.Value, *value.Failure) {
	if c.st.Gathering || c.st.Offered || c.st.Round != n[0] {
		return nil, c.fail(value.CodeError, "round %d is not gathered: %d of %d chunks are there", n[0], c.sheet.There(), c.sheet.Chunks())
	}
	return []value.Value{c.peers(), value.Int(len(c.st.Members))}, nil
}

// arm arms the timer that looks after the members.
func (c *Component) arm(ctx *engine.Context) *value.Failure {
	if c.cfg.DeadlineMS == 0 {
		return nil
	}
	ctx.Disarm(0)
	if !ctx.Arm(c.cfg.DeadlineMS*1e6, 0) {
		return c.fail(value.CodeOverflow, "no timer is left for the deadline of round %d", c.st.Round)
	}
	return nil
}

// Alarm drops the members that hold up the others: those without a share in the first chunk that is missing, when nothing was
// finished since the last alarm. When all of them do, it waits on, as a round does.
func (c *Component) Alarm(ctx *engine.Context, token uint64) error {
	if token == watchToken {
		return c.watched(ctx)
	}
	s := &c.st
	if !s.Gathering || s.GivenUp {
		return nil
	}
	there := int64(c.sheet.There())
	if there == s.Seen && len(s.Sums) > 0 {
		var held []string
		for _, m := range s.Members {
			if _, ok := slices.BinarySearch(s.Sums[0].From, m.Peer); !ok {
				held = append(held, m.Peer)
			}
		}
		c.drop(ctx, held)
		return nil
	}
	s.Seen = there
	if f := c.arm(ctx); f != nil {
		return f
	}
	return nil
}

// drop gives the attempt up and goes on without some of the members, as long as one is left.
func (c *Component) drop(ctx *engine.Context, peers []string) {
	s := &c.st
	if len(peers) >= len(s.Members) {
		return
	}
	c.withdraw(ctx)
	s.Members = slices.DeleteFunc(s.Members, func(m Member) bool { return slices.Contains(peers, m.Peer) })
	s.GivenUp, s.Sums = true, nil
	for range peers {
		ctx.Count("dropped")
	}
	ctx.Disarm(0)
	asking := s.Asking
	s.Asking = nil
	for _, w := range asking {
		ctx.Resolve(engine.CallID(w.Call), value.NewList())
	}
	c.over(ctx)
}
