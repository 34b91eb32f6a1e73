package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name: "fednova",
		Doc: "What a client changes counts by step, so that one with more data, and more steps, does not draw the mean " +
			"to itself twice.",
		Family: "averaging",
		Paper: "Wang and others, Tackling the Objective Inconsistency Problem in Heterogeneous Federated " +
			"Optimization, 2020",
		Numbers: 1, Plain: true,
		Client: normalized, Server: novaMean,
	})
}

// novaSteps is of how many steps an update is told. The paper says one; but of parameters in floats of 16 bits so small
// a change would be lost in rounding.
const novaSteps = 32

// normalized gives global + novaSteps·(params - global)/steps, and the steps.
func normalized(c *Client) Answer {
	by := c.Tensor("Div", nil, c.Number(novaSteps), c.Steps)
	update := make([]graph.Value, len(c.Params))
	for i, p := range c.Params {
		update[i] = c.Add(c.Global[i], c.Mul(c.Sub(p, c.Global[i]), by))
	}
	return Answer{Update: update, Numbers: []graph.Value{c.Steps}}
}

// novaMean takes as many of the mean's steps as clients took in the mean.
func novaMean(s *Server) ([]graph.Value, [][]graph.Value) {
	by := s.Mul(s.Numbers[0], s.Number(1.0/novaSteps))
	params := make([]graph.Value, len(s.Mean))
	for i, mean := range s.Mean {
		params[i] = s.Add(s.Global[i], s.Mul(s.Sub(mean, s.Global[i]), by))
	}
	return params, nil
}
