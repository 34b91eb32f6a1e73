package strategy

import "math"

func init() {
	register(Strategy{
		Name:   "geometric-median",
		Family: "robust",
		Doc: "The new model is near the point whose distances to the updates, weighted by samples, have the least " +
			"sum: updates of less than half the weight cannot draw it away.",
		Paper: "Pillutla, Kakade and Harchaoui, Robust Aggregation for Federated Learning, 2022 (RFA)",
		Settings: []Setting{
			{Name: "steps", Default: 8, Least: 1, Most: 100, Whole: true,
				Doc: "How often the point is made anew, from the mean on."},
			{Name: "smooth", Default: 1e-6, Least: 1e-12, Most: 1e6,
				Doc: "What a distance counts at least, so that no update holds the point."}},
		Judge: weiszfeld,
	})
}

// weiszfeld is the smoothed algorithm of Weiszfeld. Each point is a mean of the updates, so that its distances follow
// from those between the updates alone; see Judged.from, which also says how far rounding reaches: a distance is known
// to n·2^-50 of the mean of the squared ones, which shrinks as far updates lose their weight.
func weiszfeld(c Chosen, j Judged) []float64 {
	share := j.shares()
	at := append([]float64(nil), share...)
	for range int(c.Get("steps")) {
		squares, sum := j.from(at), 0.0
		for i, s := range share {
			at[i] = s / max(c.Get("smooth"), math.Sqrt(squares[i]))
			sum += at[i]
		}
		for i := range at {
			at[i] /= sum
		}
	}
	return at
}
