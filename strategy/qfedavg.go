package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name:   "qfedavg",
		Doc:    "Clients weigh the more, the greater their loss is, so that the model comes to serve them more alike.",
		Family: "averaging",
		Paper:  "Li and others, Fair Resource Allocation in Federated Learning, 2020, Algorithm 2",
		Settings: []Setting{
			{Name: "q", Doc: "How much more: 0 is the mean, and the greater, the more alike.", Default: 0.2, Least: 0,
				Most: 5},
		},
		Sent: 1, Numbers: 1, Plain: true,
		Client: fair, Server: fairMean,
	})
}

// fair sends F^q·(global - params), where F is the loss of the client's data by global, and with L = 1/rate what the
// paper calls h, by L: q·F^(q-1)·L·|params - global|² + F^q. They are apart from the update: of parameters, so small a
// change would be lost in rounding.
func fair(c *Client) Answer {
	q := c.Chosen.Get("q")
	loss := c.Tensor("Max", nil, c.Loss(), c.Number(1e-10))
	weight := c.Tensor("Pow", nil, loss, c.Number(q))
	changes, distance := make([]graph.Value, len(c.Params)), c.Number(0)
	for i, p := range c.Params {
		change := c.Sub(c.Global[i], p)
		distance = c.Add(distance, c.Tensor("ReduceSum", graph.Attrs{"keepdims": 0}, c.Mul(change, change)))
		changes[i] = c.Mul(change, weight)
	}
	grows := c.Mul(c.Tensor("Pow", nil, loss, c.Number(q-1)), c.Number(q))
	h := c.Add(c.Mul(grows, c.Tensor("Div", nil, distance, c.Rate())), weight)
	return Answer{Update: c.Params, Sent: [][]graph.Value{changes}, Numbers: []graph.Value{h}}
}

// fairMean is global - (mean of F^q·(global - params))/(mean of h by L).
func fairMean(s *Server) ([]graph.Value, [][]graph.Value) {
	params := make([]graph.Value, len(s.Mean))
	for i, change := range s.Sent[0] {
		params[i] = s.Sub(s.Global[i], s.Tensor("Div", nil, change, s.Numbers[0]))
	}
	return params, nil
}
