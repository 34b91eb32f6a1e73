package strategy

import "github.com/rhizome-ml/rhizome/graph"

func init() {
	register(Strategy{
		Name: "feddyn",
		Doc: "Clients keep the gradient that they ended with and are drawn back to where their round began, so that " +
			"what suits each comes to suit all.",
		Family: "averaging",
		Paper:  "Acar and others, Federated Learning Based on Dynamic Regularization, 2021, Algorithm 1",
		Settings: []Setting{
			{Name: "alpha", Doc: "How strongly a client is drawn back, and how much it keeps.", Default: 0.1, Least: 1e-5,
				Most: 100},
		},
		Kept: 1, Own: 1,
		Local: dynamic, Client: keepsGradient, Server: dynamicMean,
	})
}

// dynamic is the gradient of loss(θ) - <λ, θ> + alpha/2·|θ - global|², where λ is what the client keeps.
func dynamic(l *Local) []graph.Value {
	alpha := l.Setting("alpha")
	out := make([]graph.Value, len(l.Gradients))
	for i, g := range l.Gradients {
		out[i] = l.Add(l.Sub(g, l.Own[0][i]), l.Mul(l.Sub(l.Params[i], l.Global[i]), alpha))
	}
	return out
}

// keepsGradient is λ ← λ - alpha·(θ - global): the gradient of the loss at θ, where the steps have come to rest.
func keepsGradient(c *Client) Answer {
	alpha := c.Setting("alpha")
	own := make([]graph.Value, len(c.Params))
	for i, p := range c.Params {
		own[i] = c.Sub(c.Own[0][i], c.Mul(c.Sub(p, c.Global[i]), alpha))
	}
	return Answer{Update: c.Params, Own: [][]graph.Value{own}}
}

// dynamicMean is h ← h - alpha·share·(mean - global), θ ← mean - h/alpha.
func dynamicMean(s *Server) ([]graph.Value, [][]graph.Value) {
	alpha := s.Setting("alpha")
	by := s.Mul(s.Share(), alpha)
	params, h := make([]graph.Value, len(s.Mean)), make([]graph.Value, len(s.Mean))
	for i, mean := range s.Mean {
		h[i] = s.Sub(s.Kept[0][i], s.Mul(s.Sub(mean, s.Global[i]), by))
		params[i] = s.Sub(mean, s.Tensor("Div", nil, h[i], alpha))
	}
	return params, [][]graph.Value{h}
}
