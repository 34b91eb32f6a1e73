package strategy

import (
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/value"
)

// Judged is what Strategy.Judge sees of the n updates of a round. Clients are in the order of their peer ids.
type Judged struct {
	// Squares are the squared L2 distances between the updates as wholes: n+1 rows of n+1. The last row, and the last
	// of each, is of the parameters that the round began with. It is symmetric, with zeros from corner to corner. nil
	// with Strategy.Root.
	Squares [][]float64
	// Norms are, with Strategy.Root, the squared L2 norms of what each update changes of the parameters that the round
	// began with, and behind them that of what the server's own training changes; and Dots the dot product of each of
	// the former with the latter.
	Norms, Dots []float64
	// Weights are the samples of each client, or what the job says in their place.
	Weights []int64
}

// from returns the squared distances of each update, and of the parameters before, from the point that is the sum of
// all of them with the weights at, whose sum is 1: with D the squared distances, that is Σ at·D less half of
// ΣΣ at·at·D. Where the two are nearly the same, what is left is rounding, of which n terms have up to n·2^-53: a
// result counts as no less than n·2^-50 of the first, so that noise is never taken for nearness.
func (j Judged) from(at []float64) []float64 {
	out, spread := make([]float64, len(at)), 0.0
	for i, row := range j.Squares {
		for k, w := range at {
			out[i] += float64(w * row[k])
		}
		spread += float64(at[i] * out[i])
	}
	least := float64(len(at)) * 0x1p-50
	for i, x := range out {
		out[i] = max(x-spread/2, float64(x*least))
	}
	return out
}

// shares returns the weights as shares of all of them, and a 0 for the parameters before.
func (j Judged) shares() []float64 {
	total := 0.0
	for _, w := range j.Weights {
		total += float64(w)
	}
	out := make([]float64, len(j.Weights)+1)
	for i, w := range j.Weights {
		out[i] = float64(w) / total
	}
	return out
}

// Weigh returns what each update of a round weighs by Judge, and behind them what the parameters that the round began
// with weigh: no number below 0, and all together 1. The updates become the sum of all with these weights or, where
// there is Combine, what that makes of those whose weight is not 0. With Root the weights are what the change of each
// update is multiplied by before it is added to the parameters, and the last is 0. The aggregator of a federated job
// calls it; so does the component of a choreography of one's own, in place of Fold. Errors are *value.Failure: of too
// few updates, and of a Judge that returns anything else.
func (c Chosen) Weigh(j Judged) ([]float64, error) {
	fail := func(format string, args ...any) error {
		return value.Fail(value.CodeError, "strategy "+c.Name, fmt.Sprintf(format, args...))
	}
	n := len(j.Weights)
	switch least := c.Least(); {
	case c.Judge == nil:
		return nil, fail("it does not judge updates as wholes")
	case n < least:
		return nil, fail("%d updates; %s wants %d or more", n, c, least)
	case c.Root && (len(j.Norms) != n+1 || len(j.Dots) != n):
		return nil, fail("%d norms and %d dot products for %d updates; want one more norm, and as many dot products",
			len(j.Norms), len(j.Dots), n)
	case c.Root:
		return c.factors(j)
	case len(j.Squares) != n+1:
		return nil, fail("%d rows of distances for %d updates; want one more", len(j.Squares), n)
	}
	for i, row := range j.Squares {
		if len(row) != n+1 {
			return nil, fail("%d distances in row %d for %d updates; want one more", len(row), i, n)
		}
	}
	got, sum := c.Judge(c, j), 0.0
	if len(got) != n && len(got) != n+1 {
		return nil, fail("Judge returns %d weights of %d updates; want as many, or one more", len(got), n)
	}
	for i, w := range got {
		if !(w >= 0) || math.IsInf(w, 1) {
			return nil, fail("Judge gives update %d the weight %g; want a number from 0 on", i, w)
		}
		sum += w
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, fail("Judge gives %d updates weights whose sum is %g; want one above 0", n, sum)
	}
	out := make([]float64, n+1)
	for i, w := range got {
		out[i] = w / sum
	}
	if c.Combine != nil && out[n] > 0 {
		return nil, fail("Judge gives the parameters before the weight %g; Combine takes updates alone", out[n])
	}
	return out, nil
}

// factors is Weigh with Root.
func (c Chosen) factors(j Judged) ([]float64, error) {
	got, n := c.Judge(c, j), len(j.Weights)
	fail := func(format string, args ...any) error {
		return value.Fail(value.CodeError, "strategy "+c.Name, fmt.Sprintf(format, args...))
	}
	if len(got) != n {
		return nil, fail("Judge returns %d factors of %d updates", len(got), n)
	}
	for i, w := range got {
		if !(w >= 0) || math.IsInf(w, 1) {
			return nil, fail("Judge multiplies update %d by %g; want a number from 0 on", i, w)
		}
	}
	return append(got[:n:n], 0), nil
}

// Least returns how many updates a round needs at least with this strategy.
func (c Chosen) Least() int {
	if c.Needs == nil {
		return 1
	}
	return max(1, c.Needs(c))
}
