package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "semisync",
		Family: asynchronous,
		Doc: "The mean of what the clients of a version change, which closes when a quorum has answered and a time of grace " +
			"is over, or at a deadline; what comes later counts in the next version, the less, the older it is.",
		Paper: "Wu and others, SAFA: A Semi-Asynchronous Protocol for Fast Federated Learning with Low Overhead, 2021; the " +
			"weights by age are those of FedAsync and FedBuff",
		Settings: staleness(0.5),
		Client:   changed, Server: averaged, Stale: stale, Closes: true,
		Buffer: func(Chosen) int { return closesMost },
	})
}

// closesMost is how many updates a version of a strategy with Closes holds at most.
const closesMost = 1024

// averaged is global + mean, where mean is that of what updates change, weighted by samples and staleness: where all
// are of the newest version it is federated averaging.
func averaged(s *Server) ([]graph.Value, [][]graph.Value) {
	params := make([]graph.Value, len(s.Mean))
	for i, mean := range s.Mean {
		params[i] = s.Add(s.Global[i], mean)
	}
	return params, nil
}
