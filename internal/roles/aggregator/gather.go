package aggregator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// An update that is too large for an envelope is lent, and counts when its loan has come. Once the rounds have decided
// who is in, the members' updates are gathered: all of them are asked for a chunk, a few chunks at a time; what comes
// is added to the exact sum of its chunk, and when all shares are there the mean is written to its place and the sum is
// dropped. So the aggregator holds one model, however many members there are, and the model's own parameters are given
// up meanwhile.

// EventForgot tells the host that the parameters of a round, an Int, were given up: a process may give their memory
// back before the new ones take as much.
const EventForgot = "forgot"

// GatherConfig says how updates that are lent are gathered.
type GatherConfig struct {
	// DeadlineMS is how long a member may hold up the others, in milliseconds, until it is dropped: between one and two
	// of these; 0 means for ever.
	DeadlineMS int64 `json:"deadline_ms,omitempty"`
	// Drops lets the mean go without members that failed, or that are not there any more. Without it all members are
	// needed.
	Drops bool `json:"drops,omitempty"`
	// Keeps lets the model keep its parameters meanwhile: the strategy makes the new ones of them and the mean.
	Keeps bool `json:"keeps,omitempty"`
	// CheckMS is how often it looks who is still there, in milliseconds, 10 to 3,600,000; 0 means 1,000.
	CheckMS int64 `json:"check_ms,omitempty"`
}

func (g GatherConfig) withDefaults() (GatherConfig, error) {
	const of = "fedavg config, gather"
	if g.CheckMS == 0 {
		g.CheckMS = 1000
	}
	if err := config.Within(of, "check_ms", g.CheckMS, 10, 3600_000); err != nil {
		return g, err
	}
	return g, config.Within(of, "deadline_ms", g.DeadlineMS, 0, 30*24*3600*1000)
}

// Bounds of what is under way while updates are gathered.
const (
	windowMost   = 32 // chunks
	underWayMost = 8 << 20
)

// The timers of gathering.
const (
	deadlineToken = iota
	watchToken
)

// Gather is the members' updates while they are gathered.
type Gather struct {
	Number  int64         `snap:"1"` // of the round
	Call    uint64        `snap:"2"` // that waits for the mean
	Members []Share       `snap:"3"` // of the round's shares, those that go into the mean; ascending
	Chunks  []value.Value `snap:"4"` // of the mean; a trigger stands for one that is missing
	Sums    []Partial     `snap:"5"` // ascending by chunk: those of which some members' share is there
	Next    int64         `snap:"6"` // the first chunk that was not asked for
	Seen    int64         `snap:"7"` // chunks that were there when the deadline was armed
	sheet   *value.Sheet  `snap:"-"` // the memory of Chunks
}

// Partial is the sum of one chunk over some of the members.
type Partial struct {
	Chunk int64    `snap:"1"`
	From  []string `snap:"2"` // ascending
	Sum   Sum      `snap:"3"`
	// Parts are the shares themselves, vectors, in the order of From, where Config.Combine wants all of them at once;
	// else nil.
	Parts []value.Value `snap:"4"`
}

// Members is what gathering asks of the slot Config.Registry.
type Members interface {
	// Members returns who is a member now, sorted.
	Members() []wire.PeerID
	// Name returns what people call a peer, "" where it has no name.
	Name(who wire.PeerID) string
}

// Blamer is what gathering tells the slot Config.Rounds.
type Blamer interface {
	// Blame notes that what a peer contributed to a round cannot be used.
	Blame(round int64, who wire.PeerID, why *value.Failure)
}

// Forgetter is what gathering asks of the slot Config.Model.
type Forgetter interface {
	// Forget gives the parameters up. There are none until new ones are loaded.
	Forget()
}

// Gathering returns of how many members updates are gathered, who of them is waited for, and the round; ok is false
// where none are.
func (c *Component) Gathering() (round int64, members int, owe []wire.PeerID, ok bool) {
	g := c.st.Gather
	if g == nil {
		return 0, 0, nil, false
	}
	for _, m := range g.Members {
		owes := func(p Partial) bool { return !slices.Contains(p.From, m.Peer) }
		if len(g.Sums) == 0 || slices.ContainsFunc(g.Sums, owes) {
			owe = append(owe, wire.PeerID(m.Peer))
		}
	}
	return g.Number, len(g.Members), owe, true
}

// Borrows says that updates may come as loans.
func (c *Component) Borrows(method string, i int) bool { return method == "Contribute" && i == 2 }

// lends returns the loan of a share, or nil.
func (s *Share) lends() *value.Loan {
	l, _ := s.Loan.(*value.Loan)
	return l
}

// lent checks an update that is lent, before anything is changed: it must look as the model, and as the others of its
// round.
func (c *Component) lent(l *value.Loan, shapes [][]int, types []tensor.DType, r *Round) *value.Failure {
	got, of, ok := l.Tensors()
	if !ok || shapes == nil || !slices.EqualFunc(got, shapes, slices.Equal[[]int]) {
		return c.fail(value.CodeError,
			"the update that is lent does not look as the model: it has %d tensors, want %d of the shapes %v",
			len(got), len(shapes), shapes)
	}
	for i, d := range of {
		if want := typeAt(types, i); d != want {
			return c.fail(value.CodeError,
				"the update that is lent does not look as the model: tensor %d is %s, want %s", i, d, want)
		}
	}
	if r != nil && len(r.Shares) > 0 {
		if first := r.Shares[0].lends(); first == nil || first.Chunk != l.Chunk {
			return c.fail(value.CodeError, "the update is lent in chunks of %d bytes, others of the round are not",
				l.Chunk)
		}
	}
	return nil
}

// gather begins to gather the updates of a round that is closing. It parks the call.
func (c *Component) gather(ctx *engine.Context, r *Round) *value.Failure {
	if c.st.Gather != nil {
		return c.fail(value.CodeError, "round %d is gathered while round %d is asked for", c.st.Gather.Number, r.Number)
	}
	for _, s := range r.Shares {
		if s.lends() == nil {
			return c.fail(value.CodeError, "round %d has an update that is whole among those that are lent", r.Number)
		}
	}
	c.st.Gather = &Gather{Number: r.Number, Call: uint64(ctx.Park()), Members: slices.Clone(r.Shares)}
	if m, ok := ctx.Dep(c.cfg.Model).(Forgetter); ok && !c.cfg.Gather.Keeps {
		m.Forget()
	}
	if err := ctx.AppEvent(EventForgot, value.Int(r.Number)); err != nil {
		ctx.Count("untold") // a host that cannot be told collects its garbage when it sees to it
	}
	c.begin(ctx)
	return nil
}

// begin asks for the first chunks, for the first time or again after a member was dropped.
func (c *Component) begin(ctx *engine.Context) {
	g := c.st.Gather
	g.sheet = c.cfg.sheet(g.Members[0].lends())
	g.Chunks, g.Sums, g.Next, g.Seen = g.sheet.Missing(), nil, 0, 0
	ctx.Disarm(deadlineToken)
	ctx.Disarm(watchToken)
	armed := ctx.Arm(c.cfg.Gather.CheckMS*1e6, watchToken)
	if c.cfg.Gather.DeadlineMS > 0 {
		armed = ctx.Arm(c.cfg.Gather.DeadlineMS*1e6, deadlineToken) && armed
	}
	if !armed {
		c.failGather(ctx, c.fail(value.CodeOverflow, "no timer is left to watch over the members of round %d",
			g.Number).Message)
		return
	}
	c.ask(ctx)
}

// window is how many chunks are under way at once: no more than each member allows.
func (c *Component) window() int64 {
	g := c.st.Gather
	n := min(windowMost, underWayMost/(g.Members[0].lends().Chunk*len(g.Members)))
	for i := range g.Members {
		n = min(n, g.Members[i].lends().Ahead)
	}
	return int64(max(1, n))
}

// ask asks all members for the chunks that there is room for.
func (c *Component) ask(ctx *engine.Context) {
	g := c.st.Gather
	for all := int64(g.sheet.Chunks()); g.Next < all && g.Next < int64(g.sheet.There())+c.window(); g.Next++ {
		for i := range g.Members {
			if !ctx.Fetch(g.Members[i].lends(), int(g.Next)) {
				c.without(ctx, g.Members[i].Peer, value.Fail(value.CodeSend, c.slot, "what it lent is over"))
				return
			}
		}
	}
}

// member returns the place of the member that lends l, or -1.
func (g *Gather) member(l *value.Loan) int {
	i, ok := slices.BinarySearchFunc(g.Members, string(l.Lender),
		func(s Share, p string) int { return strings.Compare(s.Peer, p) })
	if !ok {
		return -1
	}
	if m := g.Members[i].lends(); m.Epoch != l.Epoch || m.Number != l.Number {
		return -1
	}
	return i
}

// sum returns where the sum of a chunk is or belongs, and whether it is there.
func (g *Gather) sum(chunk int64) (int, bool) {
	return slices.BinarySearchFunc(g.Sums, chunk, func(p Partial, k int64) int { return int(p.Chunk - k) })
}

// Lent adds a chunk of a member's update. All checks come before the first change.
func (c *Component) Lent(ctx *engine.Context, l *value.Loan, chunk int, v value.Value) {
	g := c.st.Gather
	if g == nil {
		ctx.Count("chunk.late")
		return
	}
	m := g.member(l)
	if m < 0 || g.Chunks[chunk] != (value.Trigger{}) || int64(chunk) >= g.Next {
		ctx.Count("chunk.late") // asked for by an attempt that was given up
		return
	}
	who := g.Members[m].Peer
	at, begun := g.sum(int64(chunk))
	from, twice := 0, false
	if begun {
		from, twice = slices.BinarySearch(g.Sums[at].From, who)
	}
	if twice {
		ctx.Count("chunk.late")
		return
	}
	part := v.(value.Tensor) // the engine holds it against the loan, and contribute that against the model
	x := c.wide(part.Tensor)
	if i := Summable(x); i >= 0 {
		c.without(ctx, who, value.Fail(CodeDiverged, c.slot, outside(fmt.Sprintf("chunk %d", chunk), i, x[i],
			part.DType())))
		return
	}
	if leaf, _, _ := g.sheet.At(chunk); len(c.cfg.Variances) > 0 {
		if f := c.variance(leaf, x); f != nil {
			c.without(ctx, who, f)
			return
		}
	}
	if !begun {
		p := Partial{Chunk: int64(chunk)}
		if c.combine == nil {
			p.Sum = NewSum([]int{len(x)})
		}
		g.Sums = slices.Insert(g.Sums, at, p)
	}
	p := &g.Sums[at]
	p.From = slices.Insert(p.From, from, who)
	if c.combine == nil {
		p.Sum.Add(x, g.Members[m].Samples)
	} else {
		p.Parts = slices.Insert(p.Parts, from, v)
	}
	if len(p.From) < len(g.Members) {
		return
	}
	t, err := c.one(p, len(x), g.sheet.Type(chunk))
	if err == nil {
		g.Chunks[chunk], err = g.sheet.Put(chunk, t)
	}
	if err != nil {
		c.failGather(ctx, err.Error())
		return
	}
	g.Sums = slices.Delete(g.Sums, at, at+1)
	if !g.sheet.Whole() {
		c.ask(ctx)
		return
	}
	c.gathered(ctx)
}

// one makes one vector of a type of the shares of a chunk of n elements, which are all there.
func (c *Component) one(p *Partial, n int, d tensor.DType) (*tensor.Tensor, error) {
	g := c.st.Gather
	if c.combine == nil {
		return p.Sum.MeanAs(g.total(), []int{n}, d)
	}
	t, err := tensor.FromFloat32([]int{n}, c.combined(p.Parts, g.Members, n))
	if err != nil {
		return nil, err
	}
	return half.Narrow(t, d)
}

func (g *Gather) total() (n int64) {
	for _, m := range g.Members {
		n += m.Samples
	}
	return n
}

// gathered gives the mean to the call that waits for it.
func (c *Component) gathered(ctx *engine.Context) {
	g := c.st.Gather
	mean := make([]value.Value, 0)
	for _, t := range g.sheet.Tensors() {
		mean = append(mean, value.Tensor{Tensor: t})
	}
	c.endGather(ctx)
	ctx.Resolve(engine.CallID(g.Call), value.NewList(mean...), value.Int(g.total()), peersOf(g.Members),
		value.Int(len(g.Members)))
}

// endGather forgets the round that was gathered, and gives its loans back.
func (c *Component) endGather(ctx *engine.Context) {
	number := c.st.Gather.Number
	c.st.Gather = nil
	ctx.Disarm(deadlineToken)
	ctx.Disarm(watchToken)
	c.forget(ctx, number)
}

// giveBack returns the loans of shares.
func giveBack(ctx *engine.Context, shares []Share) {
	for i := range shares {
		if l := shares[i].lends(); l != nil {
			ctx.Return(l)
		}
	}
}

func peersOf(shares []Share) *value.List {
	out := make([]value.Value, len(shares))
	for i, s := range shares {
		out[i] = value.Peer(s.Peer)
	}
	return value.NewList(out...)
}

// Gone goes on without an update that cannot be had any more.
func (c *Component) Gone(ctx *engine.Context, l *value.Loan, why *value.Failure) {
	who := string(l.Lender)
	if g := c.st.Gather; g != nil && g.member(l) >= 0 {
		c.without(ctx, who, why)
		return
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
	if (c.cfg.Gather.Drops || c.cfg.Gather.DeadlineMS > 0) && len(g.Members) > 1 {
		c.drop(ctx, []string{who})
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

// drop begins again without some of the members, as long as one is left.
func (c *Component) drop(ctx *engine.Context, peers []string) {
	g := c.st.Gather
	if len(peers) >= len(g.Members) {
		return
	}
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
	// finished since the last alarm. When all of them do, it waits on, as a round does.
	g := c.st.Gather
	if there := int64(g.sheet.There()); there != g.Seen || len(g.Sums) == 0 {
		g.Seen = there
	} else {
		var held []string
		for _, m := range g.Members {
			if _, ok := slices.BinarySearch(g.Sums[0].From, m.Peer); !ok {
				held = append(held, m.Peer)
			}
		}
		if len(held) < len(g.Members) {
			c.drop(ctx, held)
			return nil
		}
	}
	if !ctx.Arm(c.cfg.Gather.DeadlineMS*1e6, deadlineToken) {
		return c.fail(value.CodeOverflow, "no timer is left for the deadline of round %d", g.Number)
	}
	return nil
}

// watch goes on without the members that hold up the others and are not there any more, where it may.
func (c *Component) watch(ctx *engine.Context) error {
	g := c.st.Gather
	if registry, ok := ctx.Dep(c.cfg.Registry).(Members); ok && c.cfg.Gather.Drops {
		members := registry.Members()
		var away []string
		for _, m := range g.Members {
			_, there := slices.BinarySearch(members, wire.PeerID(m.Peer))
			if !(there && ctx.Admitted(wire.PeerID(m.Peer))) &&
				(len(g.Sums) == 0 || !slices.Contains(g.Sums[0].From, m.Peer)) {
				away = append(away, m.Peer)
			}
		}
		if len(away) > 0 && len(away) < len(g.Members) {
			c.drop(ctx, away)
			return nil
		}
	}
	if !ctx.Arm(c.cfg.Gather.CheckMS*1e6, watchToken) {
		return c.fail(value.CodeOverflow, "no timer is left to watch over the members of round %d", g.Number)
	}
	return nil
}

// check says what is wrong with a state that was restored, and gives the chunks their place in one memory.
func (g *Gather) check(s *State, cfg *Config) error {
	if g == nil {
		return nil
	}
	i, open := s.find(g.Number)
	if !open || len(g.Members) == 0 || len(g.Members) > len(s.Rounds[i].Shares) {
		return fmt.Errorf("round %d is gathered of %d members, and is not open or has fewer", g.Number, len(g.Members))
	}
	for k := range g.Members {
		m := &g.Members[k]
		at, there := s.Rounds[i].share(m.Peer)
		if !there || k > 0 && m.Peer <= g.Members[k-1].Peer || m.lends() == nil ||
			s.Rounds[i].Shares[at].Samples != m.Samples {
			return fmt.Errorf("member %d, %q, is out of order, lends nothing, or did not contribute", k, m.Peer)
		}
	}
	parts := g.Members[0].lends().Layout()
	g.sheet = cfg.sheet(g.Members[0].lends())
	if err := g.sheet.Restore(g.Chunks); err != nil {
		return err
	}
	if g.sheet.Whole() || g.Next < 0 || g.Next > int64(g.sheet.Chunks()) || len(g.Sums) > windowMost {
		return fmt.Errorf("%d chunks are there, %d were asked for, of %d there are sums", g.sheet.There(), g.Next,
			len(g.Sums))
	}
	for k, p := range g.Sums {
		if p.Chunk < 0 || p.Chunk >= g.Next || k > 0 && p.Chunk <= g.Sums[k-1].Chunk ||
			g.Chunks[p.Chunk] != (value.Trigger{}) {
			return fmt.Errorf("the sum of chunk %d is out of range or order, or not needed", p.Chunk)
		}
		n := g.sheet.Len(int(p.Chunk))
		if cfg.Combine != "" {
			if len(p.Parts) != len(p.From) || len(p.Sum.Shape) > 0 || slices.ContainsFunc(p.Parts,
				func(v value.Value) bool { return parts.Fits(int(p.Chunk), v) == nil }) {
				return fmt.Errorf("chunk %d has %d shares of %d members, or others than vectors of %d elements",
					p.Chunk, len(p.Parts), len(p.From), n)
			}
		} else if len(p.Parts) > 0 || p.Sum.Hi.Len() != n || p.Sum.Lo.Len() != n || !slices.Equal(p.Sum.Shape,
			[]int{n}) {
			return fmt.Errorf("the sum of chunk %d has shape %v and %d and %d words, want %d", p.Chunk, p.Sum.Shape,
				p.Sum.Hi.Len(), p.Sum.Lo.Len(), n)
		}
		for j, peer := range p.From {
			_, ok := slices.BinarySearchFunc(g.Members, peer,
				func(s Share, p string) int { return strings.Compare(s.Peer, p) })
			if !ok || j > 0 && peer <= p.From[j-1] {
				return fmt.Errorf("the sum of chunk %d: %q is no member, or out of order", p.Chunk, peer)
			}
		}
	}
	return nil
}
