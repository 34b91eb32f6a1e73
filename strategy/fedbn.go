package strategy

func init() {
	register(Strategy{
		Name:   "fedbn",
		Family: "personalised",
		Doc: "Scale, shift and running statistics of each BatchNormalization stay at each client, so that each normalizes " +
			"by its own data what all learn together.",
		Paper: "Li and others, FedBN: Federated Learning on Non-IID Features via Local Batch Normalization, 2021, " +
			"Algorithm 1",
		Personal: norms, Statistics: true,
	})
}

// norms are the scales and shifts of BatchNormalization.
func norms(_ Chosen, of []Parameter) []bool {
	out := make([]bool, len(of))
	for i, p := range of {
		out[i] = p.Norm
	}
	return out
}
