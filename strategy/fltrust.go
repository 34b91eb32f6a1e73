package strategy

import "math"

func init() {
	register(Strategy{
		Name:   "fltrust",
		Family: "robust",
		Doc: "The server trains on a few samples of its own in each round; each update counts by how much it goes the " +
			"same way, and none goes further than the server's own.",
		Paper: "Cao, Fang, Liu and Gong, FLTrust: Byzantine-robust Federated Learning via Trust Bootstrapping, 2021",
		Root:  true,
		Judge: trusted,
	})
}

// trusted is, with g what an update changes and r what the server's own training changes,
//
//	trust ← max(0, g·r / (|g|·|r|))
//	params ← global + Σ trust·g·|r|/|g| / Σ trust
//
// Whatever has no length has no direction, and is not trusted.
func trusted(_ Chosen, j Judged) []float64 {
	n := len(j.Weights)
	own, sum := math.Sqrt(j.Norms[n]), 0.0
	out := make([]float64, n)
	for i := range out {
		norm := math.Sqrt(j.Norms[i])
		if trust := j.Dots[i] / norm / own; trust > 0 { // of nothing by nothing it is no number
			sum += trust
			out[i] = trust * own / norm
		}
	}
	for i := range out {
		if out[i] > 0 {
			out[i] /= sum
		}
	}
	return out
}
