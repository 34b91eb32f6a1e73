package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "fedavgm",
		Family: "averaging",
		Doc:    "The server goes on in the direction of earlier rounds: momentum over what the mean changes.",
		Paper: "Hsu, Qi and Brown, Measuring the Effects of Non-Identical Data Distribution for Federated Visual " +
			"Classification, " +
			"2019",
		Settings: []Setting{
			{Name: "momentum", Doc: "The share of the last step that is added to the next.", Default: 0.9, Least: 0,
				Most: 0.999},
			{Name: "rate", Doc: "The share of the step that is taken.", Default: 1, Least: 1e-6, Most: 10},
		},
		Kept:   1,
		Server: momentum,
	})
}

// momentum is v ← momentum·v + (mean − global), global ← global + rate·v.
func momentum(s *Server) ([]graph.Value, [][]graph.Value) {
	share, rate := s.Setting("momentum"), s.Setting("rate")
	params, velocity := make([]graph.Value, len(s.Mean)), make([]graph.Value, len(s.Mean))
	for i := range s.Mean {
		velocity[i] = s.Add(s.Mul(s.Kept[0][i], share), s.Sub(s.Mean[i], s.Global[i]))
		params[i] = s.Add(s.Global[i], s.Mul(velocity[i], rate))
	}
	return params, [][]graph.Value{velocity}
}
