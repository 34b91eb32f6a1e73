package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "fedasync",
		Family: asynchronous,
		Doc: "Clients train at their own pace; the server mixes each update into its parameters as it comes, the less, " +
			"the older those are that it was trained on.",
		Paper: "Xie, Koyejo and Gupta, Asynchronous Federated Optimization, 2019",
		Settings: append([]Setting{
			{Name: "rate", Doc: "The share of an update in the next parameters, where it is of the newest.", Default: 0.6,
				Least: 1e-6, Most: 1},
			{Name: "mu", Doc: "How strongly a client is drawn back to the parameters that it began with: its loss grows by " +
				"mu/2 times the squared distance.", Most: 100},
		}, staleness(0.5)...),
		Local: drawnBack, Server: mixed, Stale: stale,
		Buffer: func(Chosen) int { return 1 },
	})
}

// drawnBack is proximal where there is a mu.
func drawnBack(l *Local) []graph.Value {
	if l.Chosen.Get("mu") == 0 {
		return l.Gradients
	}
	return proximal(l)
}

// mixed is global + rate·fresh·(update − global).
func mixed(s *Server) ([]graph.Value, [][]graph.Value) {
	by := s.Mul(s.Setting("rate"), s.Fresh())
	params := make([]graph.Value, len(s.Mean))
	for i, update := range s.Mean {
		params[i] = s.Add(s.Global[i], s.Mul(s.Sub(update, s.Global[i]), by))
	}
	return params, nil
}
