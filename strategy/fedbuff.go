package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "fedbuff",
		Family: asynchronous,
		Doc: "Clients train at their own pace; the server takes a step along the mean of what every so many updates " +
			"change, each weighted by how old its parameters are.",
		Paper: "Nguyen and others, Federated Learning with Buffered Asynchronous Aggregation, 2022",
		Settings: append([]Setting{
			{Name: "buffer", Doc: "How many updates make a step.", Default: 10, Least: 1, Most: 1024, Whole: true},
			{Name: "rate", Doc: "The share of the step that is taken.", Default: 1, Least: 1e-6, Most: 10},
		}, staleness(0.5)...),
		Client: changed, Server: buffered, Stale: stale,
		Buffer: func(c Chosen) int { return int(c.Get("buffer")) },
	})
}

// changed gives params − global: whoever takes it has other parameters by then.
func changed(c *Client) Answer {
	update := make([]graph.Value, len(c.Params))
	for i, p := range c.Params {
		update[i] = c.Sub(p, c.Global[i])
	}
	return Answer{Update: update}
}

// buffered is global + rate·fresh·mean, where fresh·mean is the sum of what updates change, weighted by samples and
// staleness, over the sum of the samples.
func buffered(s *Server) ([]graph.Value, [][]graph.Value) {
	by := s.Mul(s.Setting("rate"), s.Fresh())
	params := make([]graph.Value, len(s.Mean))
	for i, mean := range s.Mean {
		params[i] = s.Add(s.Global[i], s.Mul(mean, by))
	}
	return params, nil
}
