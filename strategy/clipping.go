package strategy

import "math"

func init() {
	register(Strategy{
		Name:   "norm-clipping",
		Family: "robust",
		Doc: "What an update changes of the parameters is scaled down to a norm before the mean, weighted by samples, " +
			"is taken: no client moves the model further.",
		Paper: "Sun and others, Can You Really Backdoor Federated Learning?, 2019",
		Settings: []Setting{{Name: "norm", Default: 1, Least: 1e-9, Most: 1e6,
			Doc: "The L2 norm that a change has at most."}},
		Judge: func(c Chosen, j Judged) []float64 {
			return j.towards(j.shares(), j.Squares[len(j.Weights)], c.Get("norm"), j.before())
		},
	})
	register(Strategy{
		Name:   "centred-clipping",
		Family: "robust",
		Doc: "A centre, at first the parameters of before, moves by the mean of the ways to all updates, whatever " +
			"they weigh, each no longer than a radius; some steps of that make the new model.",
		Paper: "Karimireddy, He and Jaggi, Learning from History for Byzantine Robust Optimization, 2021",
		Settings: []Setting{
			{Name: "radius", Default: 1, Least: 1e-9, Most: 1e6,
				Doc: "How far an update draws the centre in a step, at most."},
			{Name: "steps", Default: 3, Least: 1, Most: 100, Whole: true,
				Doc: "How often the centre moves in a round."}},
		Judge: centred,
	})
}

func centred(c Chosen, j Judged) []float64 {
	share, at := make([]float64, len(j.Weights)+1), j.before()
	for i := range j.Weights {
		share[i] = 1 / float64(len(j.Weights))
	}
	for range int(c.Get("steps")) {
		at = j.towards(share, j.from(at), c.Get("radius"), at)
	}
	return at
}

// before is the parameters that the round began with, as a point.
func (j Judged) before() []float64 {
	at := make([]float64, len(j.Weights)+1)
	at[len(j.Weights)] = 1
	return at
}

// towards returns the point at moved towards each update by its share of the way there, which counts as no longer than
// most; squares are those of the ways.
func (j Judged) towards(share, squares []float64, most float64, at []float64) []float64 {
	out, moved := make([]float64, len(at)), 0.0
	for i := range j.Weights {
		out[i] = share[i]
		if d := math.Sqrt(squares[i]); d > most {
			out[i] = float64(share[i]*most) / d
		}
		moved += out[i]
	}
	left := max(0, 1-moved) // of the point itself
	for i, w := range at {
		out[i] += float64(left * w)
	}
	return out
}
