package aggregator

import (
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Between clients and a server there may be edges. An edge adds its clients' updates up and passes the sum on, not the
// mean: for each tensor of the model one of int64, of its shape with two numbers in the place of each element, which
// are the upper and the lower 64 bits of the exact sum. A sum has one such form, and sums of sums are the sums, so the
// server has to the bit what it would have had of the clients themselves.
//
// With a sum goes its tally, by which the server counts each client as if it had answered for itself:
//
//	members List of Peer, samples int64[n], figures float64[n, 4], refused List of (Peer, code String, reason String)
//
// both lists in the order of peers; the figures are the norm, the losses before and after training (no numbers where
// they are not known), and how often an update of the client was clipped. The server takes a sum only of clients that
// joined the edge it comes from, that it waits for, and whose weights it knows; and only numbers that updates of such
// weights can add up to. What an edge sums within these bounds is not to be seen by the server: it trusts an edge as
// much as all of its clients.

// figuresOf is how many figures a tally has for each client.
const figuresOf = 4

// PassedRounds is what the aggregator asks of the slot Config.Rounds where sums are passed on.
type PassedRounds interface {
	Refuser
	// SettleAll is Settle of several peers at once.
	SettleAll(ctx *engine.Context, round int64, who []wire.PeerID)
	// RefuseAll is Refuse of several peers at once.
	RefuseAll(ctx *engine.Context, round int64, who []wire.PeerID, why []*value.Failure)
	// Settled returns how many have contributed to a round since it was opened.
	Settled(round int64) int
	// RefusedOf returns whose answers to a round did not count, and why, sorted by peer.
	RefusedOf(round int64) (who []wire.PeerID, why []*value.Failure)
}

// Edges is what the aggregator asks of the slot Config.Registry where sums are passed on.
type Edges interface {
	// Via returns the edge that a peer joined, "" where it is not known or there is none.
	Via(who wire.PeerID) wire.PeerID
	// Behind returns who joined an edge, sorted.
	Behind(edge wire.PeerID) []wire.PeerID
}

// supersede forgets the rounds before that one, where only the newest is passed on, and what came for it before it was
// opened again: then there are shares of more than have contributed since.
func (c *Component) supersede(ctx *engine.Context, number int64) {
	if i, open := c.st.find(number); open && c.cfg.Passes {
		rounds, ok := ctx.Dep(c.cfg.Rounds).(PassedRounds)
		if ok && rounds.Settled(number) != len(c.st.Rounds[i].Shares) {
			c.forget(ctx, number)
		}
	}
	for c.cfg.Passes && len(c.st.Rounds) > 0 && c.st.Rounds[0].Number < number {
		c.forget(ctx, c.st.Rounds[0].Number)
	}
}

// behind returns who joined an edge; none where a peer is no edge.
func (c *Component) behind(ctx *engine.Context, who wire.PeerID) []wire.PeerID {
	if edges, ok := ctx.Dep(c.cfg.Registry).(Edges); ok {
		return edges.Behind(who)
	}
	return nil
}

// refuseAll notes that the answers of peers behind an edge do not count, as far as they are awaited.
func (c *Component) refuseAll(ctx *engine.Context, number int64, who []wire.PeerID, why []*value.Failure) {
	rounds, ok := ctx.Dep(c.cfg.Rounds).(PassedRounds)
	if !ok {
		return // addSum says so
	}
	for i, p := range who {
		if rounds.Accept(number, p) == nil {
			c.refused(ctx, number, string(p), why[i])
		}
	}
	rounds.RefuseAll(ctx, number, who, why)
}

// sum gives the sum of a round at an edge, and its tally.
func (c *Component) sum(ctx *engine.Context, in []value.Value) ([]value.Value, error) {
	number, ok := at[value.Int](in, 0)
	members, ok2 := at[*value.List](in, 1)
	if len(in) != 2 || !ok || !ok2 {
		return nil, c.fail(value.CodeType, "Sum takes an Int and a List")
	}
	rounds, ok := ctx.Dep(c.cfg.Rounds).(PassedRounds)
	if !ok || !c.cfg.Passes {
		return nil, c.fail(value.CodeError, "sums are given where passes is set, beside a slot %q that knows who was "+
			"refused", c.cfg.Rounds)
	}
	sums, shares := []value.Value{}, []Share(nil)
	if members.Len() > 0 {
		i, f := c.closing("Sum", in)
		if f != nil {
			return nil, f
		}
		r := &c.st.Rounds[i]
		for k := range r.Tensors {
			t, err := r.Tensors[k].pairs()
			if err != nil {
				return nil, err
			}
			sums = append(sums, value.Tensor{Tensor: t})
		}
		shares = slices.Clone(r.Shares)
		c.keep(r.Tensors)
		c.st.Rounds = slices.Delete(c.st.Rounds, i, i+1)
	} else {
		c.forget(ctx, int64(number))
	}
	who, why := rounds.RefusedOf(int64(number))
	tally, err := c.tally(shares, who, why)
	if err != nil {
		return nil, err
	}
	return []value.Value{value.NewList(sums...), tally}, nil
}

// tally is what goes with the sum of shares.
func (c *Component) tally(shares []Share, who []wire.PeerID, why []*value.Failure) (*value.List, error) {
	samples, figures := make([]int64, len(shares)), make([]float64, 0, figuresOf*len(shares))
	for i, s := range shares {
		x := c.st.client(s.Peer)
		samples[i] = x.Samples
		before, after := math.NaN(), math.NaN()
		if x.Told {
			before, after = x.Before, x.After
		}
		figures = append(figures, x.Norm, before, after, float64(x.Clipped))
	}
	counts, err := tensor.FromInt64([]int{len(samples)}, samples)
	if err != nil {
		return nil, err
	}
	shown, err := tensor.FromFloat64([]int{len(samples), figuresOf}, figures)
	if err != nil {
		return nil, err
	}
	refused := make([]value.Value, len(who))
	for i, p := range who {
		refused[i] = value.NewList(value.Peer(p), value.String(why[i].Code), value.String(why[i].Message))
	}
	return value.NewList(peersOf(shares), value.Tensor{Tensor: counts}, value.Tensor{Tensor: shown},
		value.NewList(refused...)), nil
}

// pairs returns the sum of a tensor as it is passed on.
func (s *Sum) pairs() (*tensor.Tensor, error) {
	out := make([]int64, 2*s.Hi.Len())
	left := out
	for k := range s.Hi.Chunks() {
		hi := s.Hi.Read(k)
		exact.Pairs(left, hi, s.Lo.Read(k))
		left = left[2*len(hi):]
	}
	return tensor.FromInt64(append(slices.Clip(s.Shape), 2), out)
}

// addPairs adds a sum that was passed on.
func (s *Sum) addPairs(pairs []int64) {
	for k := range s.Hi.Chunks() {
		hi := s.Hi.Write(k)
		exact.AddPairs(hi, s.Lo.Write(k), pairs[:2*len(hi)])
		pairs = pairs[2*len(hi):]
	}
}

// passed is a tally that was read.
type passed struct {
	peers   []wire.PeerID
	samples []int64
	figures []float64
	refused []wire.PeerID
	why     []*value.Failure
}

// readTally reads a tally and holds it against what must be true of any.
func (c *Component) readTally(l *value.List) (p passed, f *value.Failure) {
	if l.Len() != 4 {
		return p, c.fail(value.CodeType, "a tally has 4 parts, not %d", l.Len())
	}
	members, ok1 := l.At(0).(*value.List)
	counts, ok2 := l.At(1).(value.Tensor)
	shown, ok3 := l.At(2).(value.Tensor)
	refused, ok4 := l.At(3).(*value.List)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return p, c.fail(value.CodeType, "a tally is a List, two tensors and a List")
	}
	n := members.Len()
	if n > exact.PartsMax || refused.Len() > exact.PartsMax {
		return p, c.fail(value.CodeOverflow, "a tally of %d members and %d refusals; want at most %d of each", n,
			refused.Len(), exact.PartsMax)
	}
	if counts.DType() != tensor.Int64 || !slices.Equal(counts.Shape(), []int{n}) || shown.DType() != tensor.Float64 ||
		!slices.Equal(shown.Shape(), []int{n, figuresOf}) {
		return p, c.fail(value.CodeType, "the samples and figures of a tally are %s%v and %s%v, which is not as many as "+
			"it has members, %d", counts.DType(), counts.Shape(), shown.DType(), shown.Shape(), n)
	}
	for i, v := range members.Items() {
		who, ok := v.(value.Peer)
		if !ok || i > 0 && wire.PeerID(who) <= p.peers[i-1] {
			return p, c.fail(value.CodeError, "member %d of a tally is out of order, or no peer", i)
		}
		p.peers = append(p.peers, wire.PeerID(who))
	}
	for i, v := range refused.Items() {
		x, ok := v.(*value.List)
		if !ok || x.Len() != 3 {
			return p, c.fail(value.CodeType, "refusal %d of a tally is not of three parts", i)
		}
		who, ok1 := x.At(0).(value.Peer)
		code, ok2 := x.At(1).(value.String)
		reason, ok3 := x.At(2).(value.String)
		if !ok1 || !ok2 || !ok3 || i > 0 && wire.PeerID(who) <= p.refused[i-1] {
			return p, c.fail(value.CodeError, "refusal %d of a tally is out of order, or of nobody", i)
		}
		if _, both := slices.BinarySearch(p.peers, wire.PeerID(who)); both {
			return p, c.fail(value.CodeError, "a tally counts %s and refuses it", string(who))
		}
		why := value.Fail(short(string(code), 32), c.slot, short(string(reason), reasonMax))
		if engine.Unreached(why) { // whoever answers so is asked again, by its edge
			return p, c.fail(value.CodeError, "a tally refuses %s by the code %q, which is no answer of a client",
				string(who), why.Code)
		}
		p.refused, p.why = append(p.refused, wire.PeerID(who)), append(p.why, why)
	}
	p.samples, p.figures = counts.Tensor.Int64(), shown.Tensor.Float64()
	return p, nil
}

// addSum does all checks before the first change, as contribute does, and returns how many updates the sum is of.
func (c *Component) addSum(ctx *engine.Context, in []value.Value) (int, *value.Failure) {
	number, ok1 := at[value.Int](in, 0)
	edge, ok2 := at[value.Peer](in, 1)
	sums, ok3 := at[*value.List](in, 2)
	list, ok4 := at[*value.List](in, 3)
	if len(in) != 4 || !ok1 || !ok2 || !ok3 || !ok4 {
		return 0, c.fail(value.CodeType, "a sum is round, edge, tensors and tally")
	}
	rounds, ok1 := ctx.Dep(c.cfg.Rounds).(PassedRounds)
	edges, ok2 := ctx.Dep(c.cfg.Registry).(Edges)
	if !ok1 || !ok2 || !c.cfg.Figures || c.combine != nil {
		return 0, c.fail(value.CodeError, "there are no edges here whose sums could be added")
	}
	p, f := c.readTally(list)
	if f != nil {
		return 0, f
	}
	for _, who := range slices.Concat(p.peers, p.refused) {
		if edges.Via(who) != wire.PeerID(edge) {
			return 0, c.fail(value.CodeStranger, "%s tells of %s, which did not join it", string(edge), who)
		}
	}
	total, f := c.admit(ctx, rounds, int64(number), p)
	if f != nil {
		return 0, f
	}
	if len(p.peers) > 0 {
		if f = c.foldSum(ctx, int64(number), p, sums, total); f != nil {
			return 0, f
		}
	} else if sums.Len() > 0 {
		return 0, c.fail(value.CodeError, "a sum of %d tensors is of nobody", sums.Len())
	}
	rounds.SettleAll(ctx, int64(number), p.peers)
	c.refuseAll(ctx, int64(number), p.refused, p.why)
	c.unasked(ctx, rounds, int64(number), edges.Behind(wire.PeerID(edge)))
	return len(p.peers), nil
}

// unasked has those asked again of whom an edge said nothing: it did not know them when it was asked.
func (c *Component) unasked(ctx *engine.Context, rounds PassedRounds, number int64, behind []wire.PeerID) {
	behind = slices.DeleteFunc(behind, func(p wire.PeerID) bool { return rounds.Accept(number, p) != nil })
	if len(behind) > 0 {
		why := c.fail(value.CodeStranger, "the edge did not know it when it was asked")
		rounds.RefuseAll(ctx, number, behind, slices.Repeat([]*value.Failure{why}, len(behind)))
	}
}

// admit asks whether all members of a tally may contribute with what they weigh, and returns what they do together.
func (c *Component) admit(ctx *engine.Context, rounds Rounds, number int64, p passed) (total int64,
	f *value.Failure) {
	r := (*Round)(nil)
	if i, open := c.st.find(number); open {
		r = &c.st.Rounds[i]
		if len(r.Shares)+len(p.peers) > c.partsMost() {
			return 0, c.fail(value.CodeOverflow, "round %d has %d contributions, and has room for %d", number,
				len(r.Shares), c.partsMost())
		}
	} else if len(c.st.Rounds) >= c.cfg.MaxOpen {
		return 0, c.fail(value.CodeOverflow, "%d rounds are open, which is the limit; round %d has to wait",
			c.cfg.MaxOpen, number)
	}
	for i, who := range p.peers {
		if f := rounds.Accept(number, who); f != nil {
			return 0, f
		}
		if f := c.checkSamples(ctx, who, p.samples[i]); f != nil {
			return 0, f
		}
		if r != nil {
			if _, there := r.share(string(who)); there {
				return 0, c.fail(value.CodeDuplicate, "%s contributed to round %d before", who, number)
			}
		}
		total += c.weight(p.samples[i])
	}
	return total, nil
}

// foldSum checks a sum of the members of a tally, and adds it.
func (c *Component) foldSum(ctx *engine.Context, number int64, p passed, sums *value.List, total int64) *value.Failure {
	i, open := c.st.find(number)
	r := (*Round)(nil)
	if open {
		r = &c.st.Rounds[i]
	}
	shapes, f := c.shapes(ctx, r)
	if f != nil {
		return f
	}
	if shapes == nil || sums.Len() != len(shapes) {
		return c.fail(value.CodeError, "the sum has %d tensors, want %d", sums.Len(), len(shapes))
	}
	for k, v := range sums.Items() {
		if f := c.checkSum(k, v, shapes[k], total); f != nil {
			return f
		}
	}
	if !open {
		c.st.Rounds = slices.Insert(c.st.Rounds, i, Round{Number: number})
		r = &c.st.Rounds[i]
		for _, shape := range shapes {
			r.Tensors = append(r.Tensors, NewSum(shape))
		}
	}
	for k, v := range sums.Items() {
		r.Tensors[k].addPairs(v.(value.Tensor).Tensor.Int64())
	}
	r.Total += total
	for k, who := range p.peers {
		at, _ := r.share(string(who))
		r.Shares = slices.Insert(r.Shares, at, Share{Peer: string(who), Samples: c.weight(p.samples[k])})
		c.shown(number, who, p.samples[k], p.figures[figuresOf*k:figuresOf*(k+1)])
	}
	return nil
}

// checkSum says what is wrong with tensor k of a sum of so much weight.
func (c *Component) checkSum(k int, v value.Value, shape []int, total int64) *value.Failure {
	t, ok := v.(value.Tensor)
	switch {
	case !ok:
		return c.fail(value.CodeType, "item %d of the sum is a %s, want a tensor", k, v.Type())
	case t.DType() != tensor.Int64 || !slices.Equal(t.Shape(), append(slices.Clip(shape), 2)):
		return c.fail(value.CodeError, "tensor %d of the sum is %s%v, want int64%v", k, t.DType(), t.Shape(),
			append(slices.Clip(shape), 2))
	}
	pairs := t.Tensor.Int64()
	if at := exact.Beyond(pairs, uint64(total)); at >= 0 {
		return c.fail(value.CodeError, "element %d of tensor %d of the sum is more than updates that weigh %d can add up to",
			at, k, total)
	}
	if _, is := slices.BinarySearch(c.cfg.Variances, k); is {
		if at := exact.Negative(pairs); at >= 0 {
			return c.fail(value.CodeError, "element %d of tensor %d of the sum is below 0, and it is one of variances", at, k)
		}
	}
	return nil
}

// shown notes the figures of a client as its edge told them.
func (c *Component) shown(number int64, who wire.PeerID, samples int64, figures []float64) {
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	x := c.st.client(string(who))
	x.Contributions++
	x.Samples, x.Round, x.Norm, x.Cosine, x.Compared, x.Lent = samples, number, 0, 0, false, false
	if finite(figures[0]) && figures[0] >= 0 {
		x.Norm = figures[0]
	}
	x.Before, x.After, x.Told = 0, 0, finite(figures[1]) && finite(figures[2])
	if x.Told {
		x.Before, x.After = figures[1], figures[2]
	}
	if n := figures[3]; n >= 0 && n <= math.MaxInt32 {
		x.Clipped = int64(n)
	}
}
