package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "diloco",
		Family: "server optimizer",
		Doc: "Clients train for long, by AdamW as a rule; the server steps along what the mean changed with " +
			"Nesterov's momentum.",
		Paper: "Douillard and others, DiLoCo: Distributed Low-Communication Training of Language Models, 2023",
		Settings: []Setting{
			{Name: "rate", Doc: "How far a step of the server goes.", Default: 0.7, Least: 1e-6, Most: 10},
			{Name: "momentum", Doc: "The share of earlier steps in the next.", Default: 0.9, Least: 0, Most: 0.999},
		},
		Kept:   1,
		Server: nesterov,
	})
}

// nesterov is v ← momentum·v + d, global ← global + rate·(d + momentum·v), with d = mean − global.
func nesterov(s *Server) ([]graph.Value, [][]graph.Value) {
	share, rate := s.Setting("momentum"), s.Setting("rate")
	params, velocity := make([]graph.Value, len(s.Mean)), make([]graph.Value, len(s.Mean))
	for i := range s.Mean {
		d := s.Sub(s.Mean[i], s.Global[i])
		velocity[i] = s.Add(s.Mul(s.Kept[0][i], share), d)
		ahead := s.Add(d, s.Mul(velocity[i], share))
		params[i] = s.Add(s.Global[i], s.Mul(ahead, rate))
	}
	return params, [][]graph.Value{velocity}
}
