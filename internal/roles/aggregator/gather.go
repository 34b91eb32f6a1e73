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
// up meanwhile. Where the strategy judges updates, they are gathered twice; see gather_judge.go.

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
	Judging *Judging      `snap:"8"` // where the strategy judges updates as wholes; else nil
	Root    []value.Value `snap:"9"` // the server's own update, where they are judged by that; else nil
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
	for i, m := range g.Members {
		owes := func(p Partial) bool { return !slices.Contains(p.From, m.Peer) }
		if g.asks(i) && (len(g.Sums) == 0 || slices.ContainsFunc(g.Sums, owes)) {
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

// gather begins to gather the updates of a round that is closing, which may be judged by the server's own. It parks the
// call.
func (c *Component) gather(ctx *engine.Context, r *Round, root []value.Value) *value.Failure {
	if c.st.Gather != nil {
		return c.fail(value.CodeError, "round %d is gathered while round %d is asked for", c.st.Gather.Number, r.Number)
	}
	for _, s := range r.Shares {
		if s.lends() == nil {
			return c.fail(value.CodeError, "round %d has an update that is whole among those that are lent", r.Number)
		}
	}
	c.st.Gather = &Gather{Number: r.Number, Call: uint64(ctx.Park()), Members: slices.Clone(r.Shares), Root: root}
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
	if c.judges() {
		g.Judging = c.newJudging(len(g.Members))
	}
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
	for all := int64(g.sheet.Chunks()); g.Next < all && g.Next < g.done()+c.window(); g.Next++ {
		for i := range g.Members {
			if g.asks(i) && !ctx.Fetch(g.Members[i].lends(), int(g.Next)) {
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
	if m < 0 || !g.asks(m) || g.had(chunk) || int64(chunk) >= g.Next {
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
	if len(p.From) < g.wanted() {
		return
	}
	if g.Judging != nil {
		c.inOrder(ctx)
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
	c.give(ctx, mean)
}

// give ends the round that was gathered with its mean.
func (c *Component) give(ctx *engine.Context, mean []value.Value) {
	g := c.st.Gather
	var weights []float64
	if g.Judging != nil {
		weights = g.Judging.Weights
	}
	c.remember(g.Number, g.Members, weights)
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
