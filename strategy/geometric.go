package strategy

import (
	"cmp"
	"math"
	"slices"
)

func init() {
	register(Strategy{
		Name:   "geometric-median",
		Family: "robust",
		Doc: "The new model is near the point whose distances to the updates, weighted by samples, have the least " +
			"sum: updates of less than half the weight cannot draw it away.",
		Paper: "Pillutla, Kakade and Harchaoui, Robust Aggregation for Federated Learning, 2022 (RFA)",
		Settings: []Setting{
			{Name: "steps", Default: 8, Least: 1, Most: 100, Whole: true,
				Doc: "How often the point is made anew."},
			{Name: "smooth", Default: 1e-6, Least: 1e-12, Most: 1e6,
				Doc: "What a distance counts at least, so that no update holds the point."}},
		Judge: weiszfeld,
	})
}

// weiszfeld is the smoothed algorithm of Weiszfeld. Each point is a mean of the updates, so that its distances follow
// from those between the updates alone; see Judged.from, which also says how far rounding reaches: a distance is known
// to n·2^-50 of the mean of the squared ones, which shrinks as far updates lose their weight.
//
// The mean would be no point to begin at: updates at a distance L hold it there, and each step takes no more than a
// factor off L. So the first point is a step of the same from the update whose distances have the least sum, where a
// distance counts at least as much as half of the weight is near. Both are close to the honest where these have more
// than half of the weight, and what is at L draws by L/L.
func weiszfeld(c Chosen, j Judged) []float64 {
	share := j.shares()
	squares, near := j.medoid(share)
	at := drawn(share, squares, max(near, c.Get("smooth")))
	for range int(c.Get("steps")) {
		at = drawn(share, j.from(at), c.Get("smooth"))
	}
	return at
}

// drawn returns the shares, each by its distance, whose squares are given, or by least where that is more; their sum is
// 1.
func drawn(share, squares []float64, least float64) []float64 {
	at, sum := make([]float64, len(share)), 0.0
	for i, s := range share {
		at[i] = s / max(least, math.Sqrt(squares[i]))
		sum += at[i]
	}
	for i := range at {
		at[i] /= sum
	}
	return at
}

// medoid returns the squared distances from the update whose weighted distances to the others have the least sum, of
// several the first, and within which distance of it half of the weight is.
func (j Judged) medoid(share []float64) (squares []float64, near float64) {
	least := 0.0
	for i := range j.Weights {
		sum := 0.0
		for k, s := range share {
			sum += float64(s * math.Sqrt(j.Squares[i][k]))
		}
		if squares == nil || sum < least {
			squares, least = j.Squares[i], sum
		}
	}
	order := make([]int, len(j.Weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(squares[a], squares[b]) })
	half, all := int64(0), int64(0)
	for _, w := range j.Weights {
		all += w
	}
	for _, i := range order { // of whole numbers, so that a half is one in any order
		near = math.Sqrt(squares[i])
		if half += j.Weights[i]; 2*half >= all {
			break
		}
	}
	return squares, near
}
