package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name: "scaffold",
		Doc: "Clients and server keep control variates, by which a client takes from its steps what its own data draws " +
			"them aside.",
		Family: "averaging",
		Paper: "Karimireddy and others, SCAFFOLD: Stochastic Controlled Averaging for Federated Learning, 2020, " +
			"Algorithm 1, option II",
		Settings: []Setting{
			{Name: "rate", Doc: "The share of the step to the mean that the server takes.", Default: 1, Least: 1e-6,
				Most: 10},
		},
		Kept: 1, Told: 1, Own: 1, Sent: 1, Plain: true,
		Local: controlled, Client: controls, Server: scaffold,
	})
}

// controlled is the gradient, less the client's control variate, and with the server's.
func controlled(l *Local) []graph.Value {
	out := make([]graph.Value, len(l.Gradients))
	for i, g := range l.Gradients {
		out[i] = l.Add(g, l.Sub(l.Told[0][i], l.Own[0][i]))
	}
	return out
}

// controls makes the client's control variate the mean gradient of its steps: c_i⁺ = c_i - c + (x - y)/(steps·rate). It
// sends what that changes.
func controls(c *Client) Answer {
	by := c.Mul(c.Steps, c.Rate())
	next, changes := make([]graph.Value, len(c.Params)), make([]graph.Value, len(c.Params))
	for i, y := range c.Params {
		mean := c.Tensor("Div", nil, c.Sub(c.Global[i], y), by)
		next[i] = c.Add(c.Sub(c.Own[0][i], c.Told[0][i]), mean)
		changes[i] = c.Sub(next[i], c.Own[0][i])
	}
	return Answer{Update: c.Params, Sent: [][]graph.Value{changes}, Own: [][]graph.Value{next}}
}

// scaffold is x ← x + rate·(mean - x), c ← c + share·(mean of what the clients' control variates changed).
func scaffold(s *Server) ([]graph.Value, [][]graph.Value) {
	rate, share := s.Setting("rate"), s.Share()
	params, control := make([]graph.Value, len(s.Mean)), make([]graph.Value, len(s.Mean))
	for i, mean := range s.Mean {
		params[i] = s.Add(s.Global[i], s.Mul(s.Sub(mean, s.Global[i]), rate))
		control[i] = s.Add(s.Kept[0][i], s.Mul(s.Sent[0][i], share))
	}
	return params, [][]graph.Value{control}
}
