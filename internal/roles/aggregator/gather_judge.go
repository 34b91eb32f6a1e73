package aggregator

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Updates that are lent and judged are gathered twice. In the first pass the squares of the differences of a chunk are
// added to the distances; then the strategy weighs the members, and in the second pass those that weigh something give
// their chunks again, for the model. So the aggregator holds some chunks of all members, and one model. A member could
// be judged by other numbers than it gives then: each has a mark of all that it gave, a chain of hashes over its chunks
// in order, and the marks of both passes must be the same. Whoever is dropped in between may have had a part in the
// weights: the members that are left begin again.

// Judging is what is known of updates that are judged while they are gathered.
type Judging struct {
	// Squares are the sums of addSums over the members and the parameters before, the bits of each; in the first
	// pass.
	Squares snapshot.Words `snap:"1"`
	Done    int64          `snap:"2"` // chunks that are in Squares: in the second pass all
	Marks   [][]byte       `snap:"3"` // of each member, over what it gave in the first pass
	Again   [][]byte       `snap:"4"` // and in the second
	Weights []float64      `snap:"5"` // of the members, and behind them of the parameters before; in the second pass
}

func (c *Component) newJudging(members int) *Judging {
	return &Judging{Squares: snapshot.NewWords(c.cfg.sumsOf(members)), Marks: make([][]byte, members),
		Again: make([][]byte, members)}
}

// first says whether the distances are still summed.
func (g *Gather) first() bool { return g.Judging != nil && g.Judging.Weights == nil }

// asks says whether member i is asked for its chunks: in a second pass those that weigh something.
func (g *Gather) asks(i int) bool { return g.Judging == nil || g.first() || g.Judging.Weights[i] > 0 }

// wanted returns how many members are asked.
func (g *Gather) wanted() (n int) {
	if g.Judging == nil {
		return len(g.Members)
	}
	for i := range g.Members {
		if g.asks(i) {
			n++
		}
	}
	return n
}

// done returns how many chunks are needed no more.
func (g *Gather) done() int64 {
	if g.first() {
		return g.Judging.Done
	}
	return int64(g.sheet.There())
}

// had says whether a chunk is needed no more.
func (g *Gather) had(chunk int) bool {
	return g.Chunks[chunk] != (value.Trigger{}) || g.first() && int64(chunk) < g.Judging.Done
}

// inOrder takes the chunks of which all shares are there, as far as all before them were taken.
func (c *Component) inOrder(ctx *engine.Context) {
	g := c.st.Gather
	for len(g.Sums) > 0 && g.Sums[0].Chunk == g.done() && len(g.Sums[0].From) == g.wanted() {
		f := c.take(ctx, &g.Sums[0])
		if f != nil {
			c.failGather(ctx, f.Message)
			return
		}
		g.Sums = g.Sums[1:]
	}
	switch {
	case g.done() < int64(g.sheet.Chunks()):
		c.ask(ctx)
	case g.first():
		c.second(ctx)
	default:
		c.vouched(ctx)
	}
}

// take takes a chunk of which all shares are there, into the distances or into the model.
func (c *Component) take(ctx *engine.Context, p *Partial) *value.Failure {
	g := c.st.Gather
	marks := g.Judging.Marks
	if !g.first() {
		marks = g.Judging.Again
	}
	part := 0
	for i := range g.Members {
		if g.asks(i) {
			marks[i] = mark(marks[i], p.Parts[part].(value.Tensor).Tensor)
			part++
		}
	}
	chunk := int(p.Chunk)
	before, f := c.chunkBefore(ctx, chunk)
	if f != nil {
		return f
	}
	if g.first() {
		sums := g.Judging.sums()
		root, f := c.rootOf(chunk)
		if f != nil {
			return f
		}
		points := widened(append(p.Parts[:part:part], value.Tensor{Tensor: before}))
		c.addSums(sums, points[:part], points[part], root)
		g.Judging.keep(sums)
		g.Judging.Done++
		return nil
	}
	var members []Share
	var weights []float64
	for i, w := range g.Judging.Weights[:len(g.Members)] {
		if g.asks(i) {
			members, weights = append(members, g.Members[i]), append(weights, w)
		}
	}
	weights = append(weights, g.Judging.Weights[len(g.Members)])
	t, err := c.judged(p.Parts, members, weights, before, []int{g.sheet.Len(chunk)}, g.sheet.Type(chunk))
	if err == nil {
		g.Chunks[chunk], err = g.sheet.Put(chunk, t)
	}
	if err != nil {
		return c.fail(value.CodeError, "%v", err)
	}
	return nil
}

// mark goes on with the mark of a member.
func mark(before []byte, t *tensor.Tensor) []byte {
	sum := sha256.Sum256(t.AppendRaw(append([]byte(nil), before...), 0, t.RawBytes()))
	return sum[:]
}

// chunkBefore returns the elements of the parameters before that a chunk is of.
func (c *Component) chunkBefore(ctx *engine.Context, chunk int) (*tensor.Tensor, *value.Failure) {
	params, f := c.before(ctx)
	if f != nil {
		return nil, f
	}
	if t, ok := c.st.Gather.chunkOf(params, chunk); ok {
		return t, nil
	}
	return nil, c.fail(value.CodeError, "updates cannot be judged by parameters of other shapes")
}

// second weighs the members, and begins to gather for the model.
func (c *Component) second(ctx *engine.Context) {
	g := c.st.Gather
	weights, f := c.weigh(ctx, g.Judging.sums(), g.Members)
	if f != nil {
		c.failGather(ctx, f.Message)
		return
	}
	g.Judging.Weights, g.Judging.Squares = weights, snapshot.Words{}
	g.Next, g.Seen = 0, -1 // the deadline begins anew
	if g.wanted() > 0 {
		c.ask(ctx)
		return
	}
	c.unchanged(ctx, g.Members) // no update weighs anything
}

// unchanged ends the round that was gathered with the parameters of before, as a mean of some members.
func (c *Component) unchanged(ctx *engine.Context, of []Share) {
	params, f := c.before(ctx)
	if f != nil {
		c.failGather(ctx, f.Message)
		return
	}
	mean := make([]value.Value, len(params))
	for i, t := range params {
		if c.cfg.Wide {
			var err error
			if t, err = half.Widen(t); err != nil {
				c.failGather(ctx, err.Error())
				return
			}
		}
		mean[i] = value.Tensor{Tensor: t}
	}
	c.st.Gather.Members = of
	c.give(ctx, mean)
}

// vouched gives the model, unless a member gave it something else than what it was judged by.
func (c *Component) vouched(ctx *engine.Context) {
	g := c.st.Gather
	for i := range g.Members {
		if g.asks(i) && !bytes.Equal(g.Judging.Marks[i], g.Judging.Again[i]) {
			ctx.Count("turned")
			c.without(ctx, g.Members[i].Peer, c.fail(value.CodeError, "it lends other numbers than it was judged by"))
			return
		}
	}
	c.gathered(ctx)
}

// sums returns the sums of Squares as numbers.
func (j *Judging) sums() []float64 {
	out := make([]float64, 0, j.Squares.Len())
	for c := range j.Squares.Chunks() {
		for _, bits := range j.Squares.Read(c) {
			out = append(out, math.Float64frombits(bits))
		}
	}
	return out
}

// keep writes the sums to Squares.
func (j *Judging) keep(sums []float64) {
	for c := range j.Squares.Chunks() {
		to := j.Squares.Write(c)
		for i := range to {
			to[i] = math.Float64bits(sums[i])
		}
		sums = sums[len(to):]
	}
}

// judges says whether updates are judged as wholes.
func (c *Config) judges() bool {
	s, err := combineOf(c.Combine)
	return err == nil && s != nil && s.Judge != nil
}

// check says what is wrong with what was restored.
func (j *Judging) check(g *Gather, cfg *Config) error {
	if want := cfg.judges(); j == nil || !want {
		if want != (j != nil) {
			return fmt.Errorf("updates of round %d are judged, or not, unlike what the settings say", g.Number)
		}
		return nil
	}
	n := len(g.Members)
	if len(j.Marks) != n || len(j.Again) != n || j.Done < 0 || j.Done > int64(g.sheet.Chunks()) {
		return fmt.Errorf("%d and %d marks of %d members, %d chunks judged of %d", len(j.Marks), len(j.Again), n,
			j.Done, g.sheet.Chunks())
	}
	for i := range j.Marks {
		there := int64(0)
		if !g.first() && g.asks(i) {
			there = g.done()
		}
		if !marked(j.Marks[i], j.Done > 0) || !marked(j.Again[i], there > 0) {
			return fmt.Errorf("member %d has marks of %d and %d bytes", i, len(j.Marks[i]), len(j.Again[i]))
		}
	}
	if g.first() {
		return j.checkFirst(n, g, cfg)
	}
	if len(j.Weights) != n+1 || j.Squares.Len() > 0 || j.Done != int64(g.sheet.Chunks()) {
		return fmt.Errorf("%d weights of %d members, with %d distances, of %d chunks", len(j.Weights), n,
			j.Squares.Len(), j.Done)
	}
	for _, w := range j.Weights {
		if rooted := len(g.Root) > 0; !(w >= 0 && (w <= 1 || rooted && !math.IsInf(w, 1))) {
			return fmt.Errorf("a member weighs %g", w)
		}
	}
	for k := range g.Chunks { // they are taken in order
		if (g.Chunks[k] != (value.Trigger{})) != (int64(k) < g.done()) {
			return fmt.Errorf("chunk %d is there, or not, out of order", k)
		}
	}
	return nil
}

func (j *Judging) checkFirst(members int, g *Gather, cfg *Config) error {
	if j.Squares.Len() != cfg.sumsOf(members) || g.sheet.There() > 0 || j.Done == int64(g.sheet.Chunks()) {
		return fmt.Errorf("%d distances of %d members, %d chunks judged, %d made", j.Squares.Len(), members, j.Done,
			g.sheet.There())
	}
	for i, x := range j.sums() {
		if product := len(g.Root) > 0 && i > members; !(x >= 0 || product && x < 0) || math.IsInf(x, 0) {
			return fmt.Errorf("a squared distance of %g", x)
		}
	}
	return nil
}

func marked(m []byte, want bool) bool { return len(m) == sha256.Size && want || len(m) == 0 && !want }
