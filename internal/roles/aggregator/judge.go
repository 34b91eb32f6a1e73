package aggregator

import (
	"math"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/exact"
	"github.com/rhizome-ml/rhizome/internal/half"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// A strategy that judges weighs updates as wholes: it sees the squared distances between them, and to the parameters
// that the round began with, and says what each weighs. Whole updates are kept until the round closes. Those that are
// lent are gathered twice: first for the distances, then, of those that weigh something, for the model. Either way each
// distance is summed in the order of the tensors and of their elements, in float64, so that it has the same bits; in
// both passes chunks are taken in order therefore, and one that comes early waits.

// JudgedMost bounds the updates of a round that are judged: their distances are as many as pairs of them.
const JudgedMost = 1024

// judges says whether updates are judged as wholes.
func (c *Component) judges() bool { return c.combine != nil && c.combine.Judge != nil }

// partsMost is how many contributions a round may have.
func (c *Component) partsMost() int {
	if c.judges() {
		return JudgedMost
	}
	return exact.PartsMax
}

// pairs returns how many pairs of n points there are.
func pairs(n int) int { return n * (n - 1) / 2 }

// squaredRun is how many elements are looked at before the next pair: few enough to stay near the processor.
const squaredRun = 4096

// addSquares adds, for each pair of points, the squares of the differences of their elements to its sum. Pairs are in
// the order (0,1), (0,2), …, (1,2), …, and elements in theirs, whatever runs they come in.
func addSquares(sums []float64, points [][]float32) {
	for lo := 0; lo < len(points[0]); lo += squaredRun {
		hi, at := min(lo+squaredRun, len(points[0])), 0
		for i, p := range points {
			x, others := p[lo:hi], points[i+1:]
			for ; len(others) >= 4; others = others[4:] { // one sum waits for itself, four do not wait for each other
				addFour(sums[at:at+4], x, others[0][lo:hi], others[1][lo:hi], others[2][lo:hi], others[3][lo:hi])
				at += 4
			}
			for _, o := range others {
				sum := sums[at]
				for e, v := range o[lo:hi] {
					d := float64(x[e]) - float64(v)
					sum += float64(d * d)
				}
				sums[at] = sum
				at++
			}
		}
	}
}

func addFour(sums []float64, x, a, b, c, d []float32) {
	s0, s1, s2, s3 := sums[0], sums[1], sums[2], sums[3]
	a, b, c, d = a[:len(x)], b[:len(x)], c[:len(x)], d[:len(x)]
	for e, v := range x {
		d0, d1 := float64(v)-float64(a[e]), float64(v)-float64(b[e])
		d2, d3 := float64(v)-float64(c[e]), float64(v)-float64(d[e])
		s0 += float64(d0 * d0)
		s1 += float64(d1 * d1)
		s2 += float64(d2 * d2)
		s3 += float64(d3 * d3)
	}
	sums[0], sums[1], sums[2], sums[3] = s0, s1, s2, s3
}

// weigh asks the strategy what the members weigh, by the sums of all pairs of their updates and of the parameters
// before.
func (c *Component) weigh(ctx *engine.Context, sums []float64, members []Share) ([]float64, *value.Failure) {
	j := strategy.Judged{Weights: make([]int64, len(members))}
	if c.rooted() {
		seen(&j, sums)
	} else {
		j.Squares = make([][]float64, len(members)+1)
	}
	for i := range j.Squares {
		j.Squares[i] = make([]float64, len(j.Squares))
	}
	for i, row := range j.Squares {
		for k := i + 1; k < len(row); k++ {
			row[k], j.Squares[k][i] = sums[0], sums[0]
			sums = sums[1:]
		}
	}
	for i := range members {
		j.Weights[i] = members[i].Samples
	}
	weights, err := c.combine.Weigh(j)
	if err != nil {
		return nil, c.fail(value.CodeError, "the updates of a round cannot be judged: %v", err)
	}
	heard := 0
	for _, w := range weights[:len(members)] {
		if w == 0 {
			ctx.Count("weightless")
			continue
		}
		heard++
	}
	if heard == 0 {
		ctx.Count("unchanged") // the parameters of before hold
	}
	return weights, nil
}

// judgeWhole weighs the updates of a round that are kept whole, and returns the parameters before in float32 as well.
func (c *Component) judgeWhole(ctx *engine.Context, r *Round, root []value.Value) ([]float64, []*tensor.Tensor,
	*value.Failure) {
	before, f := c.global(ctx)
	if f != nil {
		return nil, nil, f
	}
	if len(before) != len(r.Shares[0].Update) {
		return nil, nil, c.fail(value.CodeError, "updates of %d tensors cannot be judged by %d parameters",
			len(r.Shares[0].Update), len(before))
	}
	sums := make([]float64, c.cfg.sumsOf(len(r.Shares)))
	for i, t := range before {
		points := make([][]float32, 0, len(r.Shares)+1)
		for k := range r.Shares {
			points = append(points, r.Shares[k].Update[i].(value.Tensor).Float32())
		}
		var own []float32
		if len(root) > 0 {
			own = widened(root[i : i+1])[0]
		}
		c.addSums(sums, points, t.Float32(), own)
	}
	weights, f := c.weigh(ctx, sums, r.Shares)
	return weights, before, f
}

// heard returns those of the members that weigh something, with what they gave; the weights are of these, and behind
// them of the parameters before, as they were.
func heard(parts []value.Value, members []Share, weights []float64) (p []value.Value, m []Share, w []float64) {
	for i := range members {
		if weights[i] > 0 {
			p, m, w = append(p, parts[i]), append(m, members[i]), append(w, weights[i])
		}
	}
	return p, m, append(w, weights[len(members)])
}

// judged makes one tensor of the parts of the members that weigh something, and of what was before, which weighs the
// last of the weights: it may be nil where that is 0. Each element is summed in float64 in the order of the members,
// and rounded once.
func (c *Component) judged(parts []value.Value, members []Share, weights []float64, before *tensor.Tensor, shape []int,
	d tensor.DType) (*tensor.Tensor, error) {
	n := 1
	for _, s := range shape {
		n *= s
	}
	if c.combine.Combine != nil {
		t, err := tensor.FromFloat32(shape, c.combined(parts, members, n))
		if err != nil {
			return nil, err
		}
		return half.Narrow(t, d)
	}
	points, rooted := widened(parts), c.rooted()
	if weights[len(members)] > 0 || rooted {
		points = append(points, widened([]value.Value{value.Tensor{Tensor: before}})[0])
	}
	to, err := tensor.NewBlank(d, shape)
	if err != nil {
		return nil, err
	}
	t := to.Whole()
	var sums [runOf]float64
	var room [runOf]float32
	for lo := 0; lo < n; lo += runOf {
		hi := min(lo+runOf, n)
		if rooted {
			grow(sums[:hi-lo], points[:len(members)], weights, points[len(members)], lo)
		} else {
			blend(sums[:hi-lo], points, weights, lo)
		}
		if !half.Is(d) {
			for k, x := range sums[:hi-lo] {
				t.Float32()[lo+k] = float32(x)
			}
			continue
		}
		for k, x := range sums[:hi-lo] {
			room[k] = odd(x)
		}
		put(t, lo, room[:hi-lo])
	}
	return t, nil
}

// blend writes the weighted sums of elements from lo on of the points.
func blend(sums []float64, points [][]float32, weights []float64, lo int) {
	clear(sums)
	for i, p := range points {
		w := weights[i]
		for k, x := range p[lo : lo+len(sums)] {
			sums[k] += float64(w * float64(x))
		}
	}
}

// odd rounds to odd: cut, with the last bit set where the cut lost something, so that rounding again to fewer bits
// rounds as if once.
func odd(x float64) float32 {
	f := float32(x)
	back := float64(f)
	if back == x {
		return f
	}
	bits := math.Float32bits(f)
	if math.Abs(back) > math.Abs(x) {
		bits--
	}
	return math.Float32frombits(bits | 1)
}

// widened returns the elements of tensors in float32.
func widened(parts []value.Value) [][]float32 {
	out := make([][]float32, len(parts))
	for i, v := range parts {
		t := v.(value.Tensor)
		if out[i] = t.Float32(); half.Is(t.DType()) {
			out[i] = make([]float32, t.Len())
			half.WidenInto(out[i], t.Tensor)
		}
	}
	return out
}
